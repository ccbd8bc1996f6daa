"""The notes of a cohort: one comment for each patient, joined to the cases by name or by number.

A row's patient may be written as the case is ("zzAMLART_001"), or by its number alone ("1", "001", "AMLART
1"). A number is used only where it means one case. Rows and cases that find no partner are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structures import spelling_key
from inference_backend.dataset.layout import NOTES_STEM
from inference_backend.dataset.spreadsheet import ENDINGS, Rows, read_rows

PATIENT_COLUMNS = ("patient", "case", "id", "name", "patientid", "caseid", "scan", "subject", "patientnumber")
COMMENT_COLUMNS = ("comment", "comments", "note", "notes", "remark", "remarks", "description")


@dataclass(frozen=True)
class Notes:
    """Comments by case, and what could not be joined, in words."""

    by_case: Mapping[str, str]
    messages: tuple[str, ...] = ()


def notes_file(root: Path) -> Path | None:
    """The spreadsheet beside the cases: notes.xlsx or notes.csv, else the only one there is."""
    found = sorted(
        p for p in root.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith((".", "~"))
    )
    named = [p for p in found if p.stem.lower() == NOTES_STEM]
    if named:
        return named[0]
    return found[0] if len(found) == 1 else None


def read_notes(path: Path, cases: Iterable[str]) -> Notes:
    """The comments joined to the cases. BadSetting where a column cannot be told; errors as `read_rows`."""
    rows = read_rows(path)
    patient, comment = _columns(rows, path.name)
    names = list(cases)
    by_case: dict[str, str] = {}
    lost: list[str] = []
    for row in rows[1:]:
        who, said = (row[n].strip() if n < len(row) else "" for n in (patient, comment))
        if not who:
            continue
        case = _case(who, names)
        if case is None:
            lost.append(who)
        elif said:
            by_case[case] = "; ".join(filter(None, (by_case.get(case, ""), said)))
    messages = (f"Notes of {len(lost)} patients belong to no case: {', '.join(lost[:5])}.",) if lost else ()
    return Notes(by_case, messages)


def _columns(rows: Rows, file_name: str) -> tuple[int, int]:
    head = [spelling_key(cell) for cell in rows[0]] if rows else []
    patient = next((head.index(word) for word in PATIENT_COLUMNS if word in head), None)
    comment = next((head.index(word) for word in COMMENT_COLUMNS if word in head), None)
    if patient is None or comment is None:
        raise BadSetting(
            f"{file_name} has no columns for patient and comment.",
            advice="Name them Patient and Comment in the first row.",
        )
    return patient, comment


def _case(who: str, cases: list[str]) -> str | None:
    same = [case for case in cases if spelling_key(case) == spelling_key(who)]
    if same:
        return same[0]
    number = _number(who)
    numbered = [case for case in cases if number is not None and _number(case) == number]
    return numbered[0] if len(numbered) == 1 else None


def _number(name: str) -> int | None:
    digits = re.search(r"(\d{1,9})\D*$", name)
    return int(digits.group(1)) if digits else None
