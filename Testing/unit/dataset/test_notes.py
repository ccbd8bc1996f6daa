"""Every comment reaches its patient, and one that cannot is told, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.dataset.notes import notes_file, read_notes

CASES = ("zzAMLART_001", "zzAMLART_002", "zzAMLART_012")


def _csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("who", ["2", "002", "AMLART 2", "zzamlart-002", "zzAMLART_002"])
def test_a_patient_is_known_by_name_or_number(tmp_path: Path, who: str) -> None:
    notes = read_notes(_csv(tmp_path / "n.csv", "Patient,Comment", f"{who},No GTVp"), CASES)
    assert notes.by_case == {"zzAMLART_002": "No GTVp"}
    assert notes.messages == ()


def test_a_number_that_means_two_cases_or_none_is_told(tmp_path: Path) -> None:
    path = _csv(tmp_path / "n.csv", "Case;Notes", "3;lost", "1;which?", "12;kept")
    notes = read_notes(path, (*CASES, "other-1"))
    assert notes.by_case == {"zzAMLART_012": "kept"}
    assert notes.messages == ("Notes of 2 patients belong to no case: 3, 1.",)


def test_two_rows_of_one_patient_are_joined(tmp_path: Path) -> None:
    path = _csv(tmp_path / "n.csv", "patient,comment", "1,low uterus", "001,no contrast", "2,")
    assert read_notes(path, CASES).by_case == {"zzAMLART_001": "low uterus; no contrast"}


def test_columns_that_cannot_be_told_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="Patient and Comment"):
        read_notes(_csv(tmp_path / "n.csv", "a,b", "1,2"), CASES)


def test_the_file_called_notes_goes_before_any_other(tmp_path: Path) -> None:
    assert notes_file(tmp_path) is None
    _csv(tmp_path / "first.csv", "x")
    assert notes_file(tmp_path) == tmp_path / "first.csv"
    _csv(tmp_path / "second.csv", "x")
    assert notes_file(tmp_path) is None
    _csv(tmp_path / "Notes.csv", "x")
    assert notes_file(tmp_path) == tmp_path / "Notes.csv"
