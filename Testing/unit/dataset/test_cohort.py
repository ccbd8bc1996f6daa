"""Every form of a cohort is read as the same patients with the same labels, whatever is missing or broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import ExportFailed, InputRefused
from AmlartContourLib.domain.rules import Severity
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.export import ALL_FORMATS, export_case
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume, write_volume
from inference_backend.dataset.check import Finding, Subject, check_cohort
from inference_backend.dataset.check_report import write_check
from inference_backend.dataset.cohort import open_cohort, read_case
from inference_backend.dataset.convert import convert_cohort, write_key
from inference_backend.dataset.layout import STRUCTURES, Form
from inference_backend.dataset.spreadsheet import xlsx_of
from support.cohorts import write_cohort


def _quiet(_fraction: float, _stage: str) -> None:
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort") / "raw", 2, 1)


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "raw"))


def _label(root: Path, name: str, case: str) -> Path:
    return next(root.glob(f"Dataset*_{name}/labelsTr/{case}.nii.gz"))


def test_cases_labels_and_notes_are_found_by_their_names(root: Path) -> None:
    (root / "notes.xlsx").write_bytes(xlsx_of([("Patient", "Comment"), ("2", "No GTVp")]))
    cohort = open_cohort(root)
    assert cohort.form is Form.NNUNET
    assert [(c.id, c.is_labelled, c.comment) for c in cohort.cases] == [
        ("zzAMLART_001", True, ""),
        ("zzAMLART_002", True, "No GTVp"),
        ("zzAMLART_003", False, ""),
    ]
    assert tuple(cohort.cases[0].labels) == tuple(STRUCTURES.values())


def test_a_patients_folder_gives_the_same_case_as_the_data_sets(whole: Path, tmp_path: Path) -> None:
    folders = open_cohort(write_cohort(tmp_path / "f", 1, form=Form.FOLDERS))
    datasets = open_cohort(whole)
    assert folders.form is Form.FOLDERS
    one, other = (read_case(c.cases[0], c.form) for c in (folders, datasets))
    assert np.array_equal(one.scan.hu_kji, other.scan.hu_kji)
    assert set(one.structures.ids) == set(other.structures.ids) == set(STRUCTURES)
    assert all(one.structures.mask(i).same_voxels(other.structures.mask(i)) for i in STRUCTURES)


def test_a_dicom_cohort_becomes_the_layout_under_new_names(whole: Path, tmp_path: Path) -> None:
    source = open_cohort(whole)
    for case in source.labelled:
        read = read_case(case, source.form)
        folder = tmp_path / "dicom" / f"Doe_Jane_{case.id[-1]}"
        export_case(folder, read.scan, read.structures, CaseRecord(pseudonym=case.id), catalogue(),
                    formats=ALL_FORMATS)  # fmt: skip
        for extra in (*folder.glob("*.nii.gz"), folder / "masks"):
            shutil.rmtree(extra) if extra.is_dir() else extra.unlink()
    cohort = open_cohort(tmp_path / "dicom")
    assert cohort.form is Form.DICOM
    converted = convert_cohort(cohort, tmp_path / "raw", Form.NNUNET, _quiet)
    assert converted.refused == ()
    made = open_cohort(tmp_path / "raw")
    for before, after in zip(source.labelled, made.cases, strict=True):
        one, other = read_case(before, source.form), read_case(after, made.form)
        assert np.array_equal(one.scan.hu_kji, other.scan.hu_kji)
        for i in STRUCTURES:
            assert one.structures.mask(i).same_voxels(other.structures.mask(i)), i
    assert not [p for p in (tmp_path / "raw").rglob("*") if "Doe" in p.name]
    write_key(tmp_path / "key.csv", converted.names)
    assert "Doe_Jane_2" in (tmp_path / "key.csv").read_text(encoding="utf-8")
    if os.name == "posix":
        assert (tmp_path / "key.csv").stat().st_mode & 0o077 == 0
    with pytest.raises(ExportFailed):
        write_key(tmp_path / "key.csv", converted.names)


def _findings(root: Path, case: str, subject: Subject) -> list[Finding]:
    check = check_cohort(open_cohort(root), _quiet, pictures=False)
    return [f for f in check.findings if f.case == case and f.subject is subject]


def test_a_missing_label_is_told_and_the_case_is_used_for_the_others(root: Path) -> None:
    _label(root, "Vagina", "zzAMLART_002").unlink()
    (found,) = [f for f in _findings(root, "zzAMLART_002", Subject.LABELS) if f.severity is Severity.WARNING]
    assert found.text == "No label of: vagina. The case is used for the others."
    assert not [f for f in _findings(root, "zzAMLART_003", Subject.LABELS) if "No label" in f.text]


def test_a_broken_label_is_told_and_the_others_are_read(root: Path) -> None:
    path = _label(root, "Bladder", "zzAMLART_001")
    path.write_bytes(path.read_bytes()[:200])
    cohort = open_cohort(root)
    read = read_case(cohort.cases[0], cohort.form)
    assert set(read.structures.ids) == set(STRUCTURES) - {"bladder"}
    assert len(read.broken) == 1
    assert read.broken[0].startswith("Bladder: ")


def test_a_broken_ct_is_one_finding_and_no_end(root: Path) -> None:
    for path in root.glob("Dataset*/imagesTr/zzAMLART_001_0000.nii.gz"):
        path.unlink()
        path.write_bytes(b"\x1f\x8b broken")
    check = check_cohort(open_cohort(root), _quiet, pictures=False)
    assert check.usable == ("zzAMLART_002", "zzAMLART_003")
    assert [f.subject for f in check.findings if f.case == "zzAMLART_001"] == [Subject.REFUSED]


def test_labels_on_another_grid_are_a_finding_about_geometry(root: Path) -> None:
    path = _label(root, "Uterus", "zzAMLART_001")
    array, grid = read_volume(path)
    write_volume(path, array[1:], grid.cropped((1, 0, 0), array[1:].shape))
    found = [f for f in _findings(root, "zzAMLART_001", Subject.GEOMETRY) if f.severity is Severity.WARNING]
    assert [f.text.partition(":")[0] for f in found] == ["Uterus"]


def test_broken_rules_carry_their_exact_volume(root: Path) -> None:
    shutil.copyfile(_label(root, "CTVp", "zzAMLART_001"), _label(root, "CTVn", "zzAMLART_001"))
    cohort = open_cohort(root)
    volume = read_case(cohort.cases[0], cohort.form).structures.mask("ctvp").volume_cc
    texts = [f.text for f in _findings(root, "zzAMLART_001", Subject.RULES)]
    assert f"CTVp and CTVn share {volume:.2f} cm3." in texts
    assert volume > 0


def test_the_same_scan_under_two_names_is_found(root: Path) -> None:
    source = next(root.glob("Dataset001*/imagesTr/zzAMLART_001_0000.nii.gz"))
    array, grid = read_volume(source)
    noisy = array + np.random.default_rng(1).integers(-3, 4, array.shape, dtype=np.int16)
    write_volume(source.with_name("zzAMLART_009_0000.nii.gz"), noisy, grid)
    check = check_cohort(open_cohort(root), _quiet, pictures=False)
    assert check.same == (("zzAMLART_001", "zzAMLART_009"),)
    assert [f.case for f in check.findings if f.subject is Subject.DUPLICATES] == ["zzAMLART_009"]


def test_the_report_holds_every_finding_and_a_picture_of_each_case(root: Path, tmp_path: Path) -> None:
    _label(root, "Vagina", "zzAMLART_001").unlink()
    cohort = open_cohort(root)
    page = write_check(tmp_path / "out", cohort, check_cohort(cohort, _quiet)).read_text(encoding="utf-8")
    assert "No label of: vagina" in page
    assert page.count("<figcaption>zzAMLART_00") == 2 * len(cohort.cases)
    cases = (tmp_path / "out" / "cases.csv").read_text(encoding="utf-8").splitlines()
    assert len(cases) == 1 + len(cohort.cases)
    assert "no label" in cases[1]


def test_a_folder_without_a_cohort_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="holds no cohort"):
        open_cohort(tmp_path)
    with pytest.raises(InputRefused, match="not there"):
        open_cohort(tmp_path / "nowhere")
