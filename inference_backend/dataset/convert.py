"""A cohort of any form, written in the AMLART layout under new names.

Names of the source's folders may be patients' names, so none goes into the new cohort; the list of old and
new names is a file of its own, written only where it is asked for and readable by its owner alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError, ExportFailed
from AmlartContourLib.domain.structure_set import StructureSet
from inference_backend.dataset.cohort import Cohort, read_case
from inference_backend.dataset.cohort_out import finish, is_written, write_case
from inference_backend.dataset.layout import STRUCTURES, Form, case_name

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Converted:
    """New names by old ones, and a sentence for every case or label that was left out (by new name)."""

    names: Mapping[str, str]
    refused: tuple[str, ...]


def convert_cohort(cohort: Cohort, root: Path, form: Form, report: Report) -> Converted:
    """Writes every case that can be read. Cases keep their numbers, whatever is left out."""
    names: dict[str, str] = {}
    refused: list[str] = []
    comments: dict[str, str] = {}
    for number, case in enumerate(cohort.cases, start=1):
        name = case_name(number)
        report((number - 1) / len(cohort.cases), name)
        if not is_written(root, form, name, labelled=case.is_labelled):
            try:
                read = read_case(case, cohort.form)
            except AmlartError as error:
                refused.append(f"case {number}: {error.what}")
                continue
            refused += [f"case {number}, label {text}" for text in read.broken]
            labels = seven(read.structures) if case.is_labelled else None
            write_case(root, form, name, read.scan, labels)
        names[case.id], comments[name] = name, case.comment
    finish(root, form, comments)
    return Converted(names, tuple(refused))


def seven(structures: StructureSet) -> StructureSet:
    """The labels of the layout that are there."""
    return structures.only(STRUCTURES)


def write_key(path: Path, names: Mapping[str, str]) -> None:
    """The list of old and new names, for its owner's eyes only. ExportFailed where the file is there."""
    text = "old,new\n" + "".join(f'"{old}",{new}\n' for old, new in names.items())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ExportFailed(
            f"{path.name} was not written ({error.strerror}).", advice="Choose a name that is free."
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
