"""The local data set: cases that clinicians edited and approved, each with its provenance, to learn from.

    DIR/clinic-001/ct.nii.gz, masks/<id>.nii.gz, origin.json

A case enters only from an export whose files are what its provenance says, whose review names who approved,
with the CT that the provenance names by its hash, and with the words on which its use rests. Of its contours
only those that a person marked as reviewed are labels; of all others nothing is known. No name or number of
the patient is kept. The folder reads as a cohort. Taking a case out removes its files; what was trained with
it is not undone, which the user is told.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile, InputRefused
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.export import MASKS, PROVENANCE
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.nifti_out import write_masks
from AmlartContourLib.exchange.provenance import FORM
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import write_volume
from inference_backend.dataset.layout import CT_STEM, ENDING

ORIGIN, REVIEW = "origin.json", "review.json"
PREFIX = "clinic-"
EDITED_BY_HAND = "Edited by hand."  # as the workstation writes it into a contour's note
DRAWN = "DRAWN"
FILE_BYTES = 4 << 20
EXPORT_AGAIN = "Export the case again from the workstation, with masks."


@dataclass(frozen=True)
class Label(Message):
    """One structure of a case: who marked it as reviewed, and whether a person had changed it."""

    structure: str
    reviewed_by: str
    edited: bool


@dataclass(frozen=True)
class Origin(Message):
    """Where a case came from. `consent`: on what its use rests, in the words of whoever added it."""

    case: str
    consent: str
    added_at: str
    approved_by: str
    approved_at: str
    engines: tuple[str, ...]
    provenance_sha256: str
    ct_sha256: str
    labels: tuple[Label, ...]


def add_case(data_set: Path, export: Path, ct: Path, consent: str) -> Origin:
    """Takes an approved export into the data set.

    InputRefused without consent, approval, reviewed contours or the CT of the export, and where the case is
    there already; DamagedFile where a file is not what the provenance says. Then nothing is written.
    """
    if not consent.strip():
        raise InputRefused(
            "Without consent a case cannot be learnt from.",
            kept="Nothing was kept.",
            advice="Say on what it rests.",
        )
    told, review = _json(export / PROVENANCE), _json(export / REVIEW)
    _require_whole(export, told)
    approved = _mapping(review.get("approved"))
    if not approved:
        raise InputRefused(
            "Nobody has approved this case.", kept="Nothing was kept.", advice="Approve it first."
        )
    scan = read_ct(ct)
    _require_ct(told, scan)
    labels = _labels(told, review)
    drawn = read_contours(export / MASKS, scan, catalogue()).structures
    structures = drawn.only(one.structure for one in labels)
    sha256 = sha256_of(export / PROVENANCE)
    if any(
        one.provenance_sha256 == sha256 or one.ct_sha256 == scan.source_sha256 for one in origins(data_set)
    ):
        raise InputRefused("This case is in the data set already.", kept="It is as it was.")
    origin = Origin(
        case=_free_name(data_set),
        consent=consent.strip(),
        added_at=datetime.now(UTC).isoformat(timespec="seconds"),
        approved_by=str(approved.get("by", "")),
        approved_at=str(approved.get("at", "")),
        engines=tuple(
            f"{_mapping(e).get('name')} {_mapping(e).get('version')}" for e in _list(told.get("engines"))
        ),
        provenance_sha256=sha256,
        ct_sha256=scan.source_sha256,
        labels=labels,
    )
    _write(data_set / origin.case, origin, scan, structures)
    return origin


def origins(data_set: Path) -> tuple[Origin, ...]:
    """Every case of the data set, in order. DamagedFile where one cannot be read."""
    if not data_set.is_dir():
        return ()
    paths = sorted(data_set.glob(f"{PREFIX}*/{ORIGIN}"))
    return tuple(from_json(Origin, path.read_bytes()) for path in paths)


def remove_case(data_set: Path, case: str) -> None:
    """Takes a case out, as when consent is withdrawn. InputRefused where there is none of that name."""
    if case not in {origin.case for origin in origins(data_set)}:
        raise InputRefused(f"The data set has no case {case!r}.", kept="Nothing was removed.")
    shutil.rmtree(data_set / case)


def _write(folder: Path, origin: Origin, scan: CtScan, structures: StructureSet) -> None:
    def fill(unfinished: Path) -> None:
        (unfinished / MASKS).mkdir()
        write_masks(unfinished / MASKS, structures)
        write_volume(unfinished / f"{CT_STEM}{ENDING}", scan.hu_kji, scan.geometry)
        (unfinished / ORIGIN).write_text(to_json(origin), encoding="utf-8")

    write_folder(folder, fill, IfExists.REFUSE)


def _free_name(data_set: Path) -> str:
    """The number after the highest that is there."""
    taken = [int(o.case.removeprefix(PREFIX)) for o in origins(data_set)]
    return f"{PREFIX}{max(taken, default=0) + 1:03d}"


def _labels(told: Mapping[str, object], review: Mapping[str, object]) -> tuple[Label, ...]:
    """The structures that a person marked as reviewed."""
    edited = {
        str(one.get("id")): one.get("source") == DRAWN or EDITED_BY_HAND in str(one.get("note"))
        for one in map(_mapping, _list(told.get("structures")))
    }
    found = tuple(
        Label(name, str(by), edited[name])
        for name, one in sorted(_mapping(review.get("structures")).items())
        if name in edited and (by := _mapping(one).get("reviewed_by"))
    )
    if not found:
        raise InputRefused("No contour was reviewed by a person.", kept="Nothing was kept.")
    return found


def _require_whole(export: Path, told: Mapping[str, object]) -> None:
    """The masks and the review are the ones that were exported."""
    if told.get("form") != FORM:
        raise DamagedFile("The provenance is of another form.", advice=EXPORT_AGAIN)
    listed = {str(f.get("path")): str(f.get("sha256")) for f in map(_mapping, _list(told.get("files")))}
    masks = sorted(path for path in (export / MASKS).glob("*") if path.is_file())
    if not masks:
        raise InputRefused("The export holds no masks.", advice=EXPORT_AGAIN)
    for path in (*masks, export / REVIEW):
        if listed.get(path.relative_to(export).as_posix()) != sha256_of(path):
            raise DamagedFile(f"{path.name} is not the file that was exported.", advice=EXPORT_AGAIN)


def _require_ct(told: Mapping[str, object], scan: CtScan) -> None:
    inputs = [_mapping(one) for one in _list(told.get("inputs"))]
    if scan.source_sha256 not in {str(one.get("sha256")) for one in inputs if one.get("role") == "CT"}:
        raise InputRefused(
            "The CT is not the one that the case was contoured on.", kept="Nothing was kept.",
            advice="Give the file or folder that was opened in the workstation.",
        )  # fmt: skip


def _json(path: Path) -> Mapping[str, object]:
    try:
        if path.stat().st_size > FILE_BYTES:
            raise DamagedFile(f"{path.name} is longer than it may be.", advice=EXPORT_AGAIN)
        return _mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise InputRefused(f"The export has no readable {path.name}.", advice=EXPORT_AGAIN) from error


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
