"""Folders of masks become structures; what is no mask, or has no known name, is kept aside and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import DamagedFile, GeometryMismatch, InputRefused
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.masks_in import mask_files, read_amlart_case, read_mask_file, read_mask_folder
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume, write_volume
from support.shapes import ball, centre, grid
from support.shared_data import real_case

CT = grid((20, 18, 12))
AMLART = ("Anorectum", "Bladder", "CTVn", "CTVp", "Parametrium", "Uterus", "Vagina")


def put(folder: Path, name: str, mask: Mask, inside: int = 1, dtype: type = np.uint8) -> Path:
    """Writes one mask file."""
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / name, mask.to_array().astype(dtype) * dtype(inside), mask.geometry)
    return folder / name


def a_ball(geometry: Geometry = CT, radius_mm: float = 7.0) -> Mask:
    return ball(geometry, centre(geometry), radius_mm)


def test_masks_are_found_by_any_spelling_of_their_name(tmp_path: Path) -> None:
    put(tmp_path, "Harnblase.nii.gz", a_ball())
    put(tmp_path, "kidney_left.nii.gz", a_ball(radius_mm=5))
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert set(found.structures.ids) == {"bladder", "kidney_left"}
    assert found.structures.mask("bladder").same_voxels(a_ball())
    assert found.messages == ()


def test_overlapping_masks_both_stay_whole(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball())
    put(tmp_path, "uterus.nii.gz", a_ball(radius_mm=9))
    found = read_mask_folder(tmp_path, CT, catalogue()).structures
    assert found.mask("bladder").same_voxels(a_ball())
    assert found.mask("uterus").same_voxels(a_ball(radius_mm=9))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("inside", [1, 255])
def test_any_number_type_and_both_usual_values_are_masks(tmp_path: Path, dtype: type, inside: int) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball(), inside, dtype)
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.mask("bladder").same_voxels(a_ball())
    assert found.messages == ()


def test_an_unusual_value_is_taken_and_said(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball(), inside=7)
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.mask("bladder").same_voxels(a_ball())
    assert "marks the inside with 7" in found.messages[0]


def test_an_empty_mask_is_an_empty_structure(tmp_path: Path) -> None:
    put(tmp_path, "gtvp.nii.gz", Mask.empty(CT))
    found = read_mask_folder(tmp_path, CT, catalogue()).structures
    assert "gtvp" in found
    assert not found.has("gtvp")


def test_unknown_names_are_kept_aside_and_named_in_one_message(tmp_path: Path) -> None:
    for name in ("bladder", "spleen", "liver"):
        put(tmp_path, f"{name}.nii.gz", a_ball())
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.ids == ("bladder",)
    assert set(found.others) == {"liver", "spleen"}
    assert found.others["liver"].same_voxels(a_ball())
    naming = [m for m in found.messages if "liver" in m]
    assert len(naming) == 1
    assert "spleen" in naming[0]


def test_two_files_for_one_structure_lose_nothing(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball())
    put(tmp_path, "urinary_bladder.nii.gz", a_ball(radius_mm=9))
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.mask("bladder").same_voxels(a_ball())
    assert found.others["urinary_bladder"].same_voxels(a_ball(radius_mm=9))
    assert any("both mean" in message for message in found.messages)


def test_label_maps_grey_images_and_probabilities_are_left_out_and_said(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball())
    two_labels = a_ball().to_array().astype(np.uint8)
    two_labels[0, 0, 0] = 2
    write_volume(tmp_path / "uterus.nii.gz", two_labels, CT)
    write_volume(tmp_path / "ct.nii.gz", a_ball().to_array().astype(np.int16) - 1000, CT)
    write_volume(tmp_path / "vagina.nii.gz", a_ball().to_array().astype(np.float32) * 0.7, CT)
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.ids == ("bladder",)
    said = {message.split(".")[0]: message for message in found.messages}
    assert "several labels" in said["uterus"]
    assert "grey values" in said["ct"]
    assert "no threshold" in said["vagina"]


def test_files_that_are_no_volumes_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball())
    (tmp_path / "dataset.json").write_text("{}")
    (tmp_path / "._bladder.nii.gz").write_bytes(b"resource fork")
    assert read_mask_folder(tmp_path, CT, catalogue()).messages == ()


@pytest.mark.parametrize("subfolder", ["segmentations", "masks", "something"])
def test_a_subfolder_of_masks_is_found_and_said(tmp_path: Path, subfolder: str) -> None:
    put(tmp_path / subfolder, "bladder.nii.gz", a_ball())
    assert [path.name for path in mask_files(tmp_path)] == ["bladder.nii.gz"]
    found = read_mask_folder(tmp_path, CT, catalogue())
    assert found.structures.ids == ("bladder",)
    assert subfolder in found.messages[0]


def test_a_mask_of_another_grid_is_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path, "bladder.nii.gz", a_ball())
    put(tmp_path, "uterus.nii.gz", a_ball(grid((20, 18, 13))))
    with pytest.raises(GeometryMismatch, match=r"uterus\.nii\.gz"):
        read_mask_folder(tmp_path, CT, catalogue())


def test_a_damaged_mask_is_refused_by_name(tmp_path: Path) -> None:
    path = put(tmp_path, "bladder.nii.gz", a_ball())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedFile, match=r"bladder\.nii\.gz"):
        read_mask_folder(tmp_path, CT, catalogue())


@pytest.mark.parametrize("make", [True, False], ids=["empty", "absent"])
def test_a_folder_without_masks_is_refused(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "masks"
    if make:
        folder.mkdir()
    with pytest.raises(InputRefused):
        read_mask_folder(folder, CT, catalogue())


def test_one_mask_file_can_be_read_alone(tmp_path: Path) -> None:
    path = put(tmp_path, "Blase.nii.gz", a_ball())
    assert read_mask_file(path, CT, catalogue()).structures.ids == ("bladder",)


def test_the_amlart_layout_gathers_one_case_from_all_its_data_sets(tmp_path: Path) -> None:
    for number, name in enumerate(AMLART, start=1):
        labels = tmp_path / f"Dataset{number:03d}_{name}" / "labelsTr"
        put(labels, "zzAMLART_001.nii.gz", a_ball(radius_mm=4 + number / 2))
        if name != "Vagina":
            put(labels, "zzAMLART_002.nii.gz", a_ball())
    first = read_amlart_case(tmp_path, "zzAMLART_001", CT, catalogue())
    assert first.structures.ids == tuple(name.lower() for name in AMLART)
    assert first.structures.mask("vagina").same_voxels(a_ball(radius_mm=7.5))
    assert first.messages == ()
    second = read_amlart_case(tmp_path, "zzAMLART_002", CT, catalogue())
    assert "vagina" not in second.structures
    assert "no label for Vagina" in second.messages[0]
    with pytest.raises(InputRefused, match="zzAMLART_003"):
        read_amlart_case(tmp_path, "zzAMLART_003", CT, catalogue())


def test_totalsegmentator_output_of_a_real_ct_is_read_whole() -> None:
    case = real_case("totalseg_example")
    _, geometry = read_volume(case / "ct.nii.gz")
    found = read_mask_folder(case, geometry, catalogue())
    files = list((case / "masks").glob("*.nii.gz"))
    assert len(found.structures) + len(found.others) == len(files) == 61
    assert found.structures.mask("bladder").volume_cc == pytest.approx(479.4, abs=0.1)
    assert found.structures.mask("kidney_right").volume_cc == pytest.approx(192.6, abs=0.1)
