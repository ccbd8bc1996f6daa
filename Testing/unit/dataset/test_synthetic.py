"""A synthetic cohort lies on the disk exactly as the real data set does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.masks_in import is_amlart_root
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume
from inference_backend.dataset.layout import STRUCTURES, Form
from inference_backend.dataset.spreadsheet import read_rows
from inference_backend.dataset.synthetic import (
    WARNED_OF,
    Hospital,
    SyntheticCohort,
    cohort_size,
    make_cohort,
)
from support.cohorts import COARSE_MM, write_cohort


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort") / "raw", 4, 1)


def test_every_file_has_its_name_in_the_layout(root: Path) -> None:
    assert is_amlart_root(root)
    folders = sorted(p.name for p in root.iterdir() if p.is_dir())
    assert folders == [f"Dataset00{n}_{name}" for n, name in enumerate(STRUCTURES.values(), start=1)]
    for folder in folders:
        names = {part: sorted(p.name for p in (root / folder / part).iterdir()) for part in
                 ("imagesTr", "labelsTr", "imagesTs")}  # fmt: skip
        assert names["imagesTr"] == [f"zzAMLART_00{n}_0000.nii.gz" for n in (1, 2, 3, 4)]
        assert names["labelsTr"] == [f"zzAMLART_00{n}.nii.gz" for n in (1, 2, 3, 4)]
        assert names["imagesTs"] == ["zzAMLART_005_0000.nii.gz"]


def test_the_list_of_a_data_set_is_what_nnunet_asks_for(root: Path) -> None:
    told = json.loads((root / "Dataset004_CTVp" / "dataset.json").read_text(encoding="utf-8"))
    assert told == {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "CTVp": 1},
        "numTraining": 4,
        "file_ending": ".nii.gz",
    }


def test_labels_lie_on_their_ct_and_hold_zero_and_one(root: Path) -> None:
    image, grid = read_volume(root / "Dataset002_Bladder" / "imagesTr" / "zzAMLART_002_0000.nii.gz")
    label, other = read_volume(root / "Dataset002_Bladder" / "labelsTr" / "zzAMLART_002.nii.gz")
    assert grid.same_as(other)
    assert image.dtype == np.int16
    assert label.dtype == np.uint8
    assert set(np.unique(label)) == {0, 1}


def test_the_project_reads_a_case_with_all_seven_labels(root: Path) -> None:
    scan = read_ct(root / "Dataset001_Anorectum" / "imagesTr" / "zzAMLART_001_0000.nii.gz")
    found = read_contours(root, scan, catalogue(), case_id="zzAMLART_001")
    assert found.structures.ids == tuple(STRUCTURES)
    assert found.structures.has("ctvp")


def test_the_notes_name_every_case_and_the_one_that_is_special(root: Path) -> None:
    rows = read_rows(root / "notes.xlsx")
    assert rows[0] == ["Patient", "Comment"]
    assert [row[0] for row in rows[1:]] == [f"zzAMLART_00{n}" for n in range(1, 6)]
    assert rows[4][1] == WARNED_OF[0][1]


def test_a_cohort_of_a_hundred_holds_every_case_the_notes_warn_of() -> None:
    cohort = SyntheticCohort(100, 10)
    comments = [cohort.spec(n)[1] for n in cohort.numbers]
    assert [c for c in comments if c] == [comment for _, comment in WARNED_OF]


def test_the_same_image_is_not_stored_seven_times(root: Path) -> None:
    files = sorted(root.glob("Dataset*/imagesTr/zzAMLART_001_0000.nii.gz"))
    assert len(files) == 7
    assert len({f.stat().st_ino for f in files}) == 1 or len({f.read_bytes() for f in files}) == 1


def test_writing_goes_on_and_leaves_what_is_there(root: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "raw", 2)
    kept = tmp_path / "raw" / "Dataset007_Vagina" / "imagesTr" / "zzAMLART_001_0000.nii.gz"
    gone = tmp_path / "raw" / "Dataset007_Vagina" / "imagesTr" / "zzAMLART_002_0000.nii.gz"
    before, content = kept.stat().st_mtime_ns, gone.read_bytes()
    gone.unlink()
    write_cohort(tmp_path / "raw", 2)
    assert kept.stat().st_mtime_ns == before
    assert gone.read_bytes() == content
    assert not [p for p in tmp_path.rglob("*.nii.gz") if p.name.startswith(".")]


def test_two_cohorts_are_not_mixed_in_one_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="another synthetic cohort"):
        write_cohort(root, 4, 1, seed=2)
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(BadSetting, match="not empty"):
        write_cohort(tmp_path, 1)


def test_the_other_form_is_a_folder_for_each_patient(tmp_path: Path) -> None:
    write_cohort(tmp_path / "f", 1, 1, Form.FOLDERS)
    assert sorted(p.name for p in (tmp_path / "f" / "zzAMLART_001").iterdir()) == sorted(
        ["ct.nii.gz", *(f"{name}.nii.gz" for name in STRUCTURES.values())]
    )
    assert [p.name for p in (tmp_path / "f" / "zzAMLART_002").iterdir()] == ["ct.nii.gz"]


def test_the_second_hospital_scans_coarser_and_without_contrast() -> None:
    one, other = (SyntheticCohort(3, 0, hospital=h).spec(1)[0] for h in Hospital)
    assert other.slice_step_mm == 5.0
    assert not other.contrast
    assert other.noise_hu > 25
    assert one != other


@pytest.mark.parametrize(("text", "size"), [("100+10", (100, 10)), ("12", (12, 0)), ("0+3", (0, 3))])
def test_a_size_is_labelled_and_held_out(text: str, size: tuple[int, int]) -> None:
    assert cohort_size(text) == size


@pytest.mark.parametrize("text", ["", "a", "1+2+3", "-1", "1.5"])
def test_another_word_is_no_size(text: str) -> None:
    with pytest.raises(BadSetting, match="no size"):
        cohort_size(text)


def test_an_empty_or_undrawable_cohort_is_refused() -> None:
    for wrong in ({"labelled": 0, "held_out": 0}, {"labelled": 1, "held_out": 0, "voxel_mm": 80.0}):
        with pytest.raises(BadSetting):
            SyntheticCohort(**wrong)  # type: ignore[arg-type]


def test_a_case_is_the_same_each_time(tmp_path: Path) -> None:
    wanted = SyntheticCohort(1, 0, seed=9, voxel_mm=COARSE_MM)
    arrays = []
    for name in ("a", "b"):
        make_cohort(wanted, tmp_path / name, Form.FOLDERS, lambda _f, _s: None)
        arrays.append(read_volume(tmp_path / name / "zzAMLART_001" / "ct.nii.gz")[0])
    assert np.array_equal(*arrays)
