"""A case enters the local data set only as it was approved, with what its use rests on, without a name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import DamagedFile, InputRefused
from AmlartContourLib.domain.review import Approval, Review
from AmlartContourLib.session.editing import EDITED
from inference_backend.dataset import clinic
from inference_backend.dataset.clinic import add_case, origins, remove_case
from inference_backend.dataset.cohort import joined, open_cohort, read_case
from inference_backend.dataset.layout import Form
from support.box_cohort import box_patient, write_box_cohort
from support.clinic_export import APPROVED, AT, NAME, export_of


def test_the_words_of_an_edited_contour_are_the_workstations() -> None:
    assert clinic.EDITED_BY_HAND == EDITED


def test_an_approved_case_is_kept_with_its_reviewed_contours_only_and_without_a_name(tmp_path: Path) -> None:
    ct, export = export_of(tmp_path / "in")
    origin = add_case(tmp_path / "set", export, ct, "Consent form 4, signed")
    assert (origin.case, origin.consent, origin.approved_by) == (
        "clinic-001",
        "Consent form 4, signed",
        "Dr A",
    )
    assert [(label.structure, label.edited) for label in origin.labels] == [("bladder", True)]
    assert origins(tmp_path / "set") == (origin,)
    cohort = open_cohort(tmp_path / "set")
    (case,) = cohort.cases
    read = read_case(case, cohort.form)
    scan, truth = box_patient(1)
    assert read.structures.ids == ("bladder",)
    assert read.structures.mask("bladder").same_voxels(truth.mask("bladder"))
    assert (read.scan.hu_kji == scan.hu_kji).all()
    for path in (tmp_path / "set").rglob("*"):
        assert NAME not in path.name
        assert path.is_dir() or NAME.encode() not in path.read_bytes()


def test_without_consent_or_approval_or_review_nothing_is_kept(tmp_path: Path) -> None:
    ct, export = export_of(tmp_path / "a")
    with pytest.raises(InputRefused, match="Without consent"):
        add_case(tmp_path / "set", export, ct, "  ")
    ct, export = export_of(tmp_path / "b", review=replace(APPROVED, approval=None))
    with pytest.raises(InputRefused, match="Nobody has approved"):
        add_case(tmp_path / "set", export, ct, "yes")
    ct, export = export_of(tmp_path / "c", review=Review({}, Approval("Dr A", AT)))
    with pytest.raises(InputRefused, match="No contour was reviewed"):
        add_case(tmp_path / "set", export, ct, "yes")
    assert not (tmp_path / "set").exists()


def test_a_mask_or_review_that_was_changed_after_the_export_is_refused(tmp_path: Path) -> None:
    ct, export = export_of(tmp_path / "a")
    (export / "review.json").write_text((export / "review.json").read_text() + " ", encoding="utf-8")
    with pytest.raises(DamagedFile, match=r"review\.json"):
        add_case(tmp_path / "set", export, ct, "yes")
    ct, export = export_of(tmp_path / "b")
    (export / "masks" / "bladder.nii.gz").write_bytes((export / "masks" / "anorectum.nii.gz").read_bytes())
    with pytest.raises(DamagedFile, match=r"bladder\.nii\.gz"):
        add_case(tmp_path / "set", export, ct, "yes")


def test_another_patients_ct_is_refused_and_a_case_is_taken_once(tmp_path: Path) -> None:
    ct, export = export_of(tmp_path / "a")
    other, second = export_of(tmp_path / "b", number=2)
    with pytest.raises(InputRefused, match="not the one"):
        add_case(tmp_path / "set", export, other, "yes")
    add_case(tmp_path / "set", export, ct, "yes")
    with pytest.raises(InputRefused, match="already"):
        add_case(tmp_path / "set", export, ct, "yes")
    assert add_case(tmp_path / "set", second, other, "yes").case == "clinic-002"


def test_a_case_whose_consent_is_withdrawn_is_gone(tmp_path: Path) -> None:
    ct, export = export_of(tmp_path / "a")
    add_case(tmp_path / "set", export, ct, "yes")
    with pytest.raises(InputRefused, match="no case"):
        remove_case(tmp_path / "set", "../a")
    remove_case(tmp_path / "set", "clinic-001")
    assert not list((tmp_path / "set").iterdir())


def test_two_cohorts_are_read_as_one_unless_their_forms_or_names_clash(tmp_path: Path) -> None:
    one = open_cohort(write_box_cohort(tmp_path / "one", 1))
    two = open_cohort(write_box_cohort(tmp_path / "two", 1, first=1))
    assert [case.id for case in joined(one, two).cases] == ["case-000", "case-001"]
    with pytest.raises(InputRefused, match="same name"):
        joined(one, one)
    with pytest.raises(InputRefused, match="DICOM"):
        joined(replace(one, form=Form.DICOM), two)
