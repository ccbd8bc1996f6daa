"""Label maps become structures, named by any of the usual lists of names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch, InputRefused
from AmlartContourLib.exchange.label_map_in import read_label_map
from AmlartContourLib.exchange.label_names import label_names
from AmlartContourLib.exchange.masks_in import read_mask_folder
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume, write_volume
from support.shapes import DIRECTIONS, grid
from support.shared_data import real_case

NAMES = {1: "Bladder", 2: "Uterus", 7: "Spleen"}
EXPECTED = {"Bladder": (1,), "Uterus": (2,), "Spleen": (7,)}

FILES = {
    "totalsegmentator.json": '{"1": "Bladder", "2": "Uterus", "7": "Spleen"}',
    "by_name.json": '{"Bladder": 1, "Uterus": 2, "Spleen": 7}',
    "dataset.json": '{"labels": {"background": 0, "Bladder": 1, "Uterus": 2, "Spleen": 7}, "numTraining": 3}',
    "old_dataset.json": '{"labels": {"0": "background", "1": "Bladder", "2": "Uterus", "7": "Spleen"}}',
    "bare.csv": "1,Bladder\n2,Uterus\n7,Spleen\n",
    "header.csv": "\ufeffName;Label\nBladder;1\nUterus;2\nSpleen;7\n",
    "slicer.ctbl": "# Color table\n0 background 0 0 0 0\n1 Bladder 255 0 0 255\n2 Uterus 0 255 0 255\n"
    "7 Spleen 9 9 9 255\n",
    "itksnap.txt": '# ITK-SnAP\n    0     0    0    0        0  0  0    "Clear Label"\n'
    '    1   255    0    0        1  1  1    "Bladder"\n    2     0  255    0        1  1  1    "Uterus"\n'
    '    7     9    9    9        1  1  0    "Spleen"\n',
}


@pytest.mark.parametrize("name", FILES)
def test_every_usual_list_of_names_is_understood(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    found = label_names(tmp_path / name)
    assert {key: value for key, value in found.items() if 0 not in value} == EXPECTED


def test_a_region_of_several_labels_is_one_structure(tmp_path: Path) -> None:
    geometry = grid((6, 5, 4))
    labels = np.zeros(geometry.shape_kji, np.uint8)
    labels[1], labels[2] = 1, 2
    write_volume(tmp_path / "labels.nii.gz", labels, geometry)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"CTVp": [1, 2], "Uterus": 2}}))
    found = read_label_map(tmp_path / "labels.nii.gz", tmp_path / "dataset.json", geometry, catalogue())
    assert np.array_equal(found.structures.mask("ctvp").to_array(), labels > 0)
    assert np.array_equal(found.structures.mask("uterus").to_array(), labels == 2)


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"1": null}', '{"0": "background"}', "nonsense"])
def test_an_unusable_list_of_names_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(BadSetting, match=r"names\.json"):
        label_names(tmp_path / "names.json")


def test_an_unusable_table_of_names_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("colour,size\nred,3\n")
    with pytest.raises(BadSetting, match=r"names\.csv"):
        label_names(tmp_path / "names.csv")


def test_one_name_for_two_labels_is_refused() -> None:
    with pytest.raises(BadSetting, match="two labels"):
        label_names({1: "Bladder", 2: "Bladder"})


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_labels_come_back_by_name_on_any_grid(direction: str, tmp_path: Path) -> None:
    geometry = grid((9, 8, 7), direction=direction)
    labels = np.random.default_rng(3).choice([0, 1, 2, 7, 9], geometry.shape_kji).astype(np.int16)
    write_volume(tmp_path / "labels.nii.gz", labels, geometry)
    found = read_label_map(tmp_path / "labels.nii.gz", NAMES, geometry, catalogue())
    assert np.array_equal(found.structures.mask("bladder").to_array(), labels == 1)
    assert np.array_equal(found.structures.mask("uterus").to_array(), labels == 2)
    assert np.array_equal(found.others["Spleen"].to_array(), labels == 7)
    assert np.array_equal(found.others["label 9"].to_array(), labels == 9)
    assert any("without a name: 9" in message for message in found.messages)


def test_a_known_label_without_voxels_is_an_empty_structure(tmp_path: Path) -> None:
    geometry = grid((4, 4, 4))
    write_volume(tmp_path / "labels.nii.gz", np.zeros(geometry.shape_kji, np.uint8), geometry)
    found = read_label_map(tmp_path / "labels.nii.gz", NAMES, geometry, catalogue())
    assert found.structures.ids == ("bladder", "uterus")
    assert not found.structures.has("bladder")


@pytest.mark.parametrize("value", [-1.0, 0.5, 70000.0])
def test_values_that_are_no_labels_are_refused(value: float, tmp_path: Path) -> None:
    geometry = grid((4, 4, 4))
    write_volume(tmp_path / "labels.nii.gz", np.full(geometry.shape_kji, value, np.float32), geometry)
    with pytest.raises(InputRefused, match="no label map"):
        read_label_map(tmp_path / "labels.nii.gz", NAMES, geometry, catalogue())


def test_a_label_map_of_another_grid_is_refused(tmp_path: Path) -> None:
    geometry = grid((4, 4, 4))
    write_volume(tmp_path / "labels.nii.gz", np.zeros(geometry.shape_kji, np.uint8), geometry)
    with pytest.raises(GeometryMismatch, match=r"labels\.nii\.gz"):
        read_label_map(tmp_path / "labels.nii.gz", NAMES, grid((4, 4, 5)), catalogue())


def test_the_label_map_of_a_real_ct_holds_the_same_as_its_masks() -> None:
    case = real_case("totalseg_example")
    _, geometry = read_volume(case / "ct.nii.gz")
    masks = read_mask_folder(case / "masks", geometry, catalogue())
    labels = read_label_map(case / "all_labels.nii.gz", case / "labels.json", geometry, catalogue())
    assert set(labels.structures.ids) == set(masks.structures.ids)
    for contour in masks.structures:
        assert labels.structures.mask(contour.structure_id).same_voxels(contour.mask)
    assert {name: mask.voxel_count for name, mask in labels.others.items()} == {
        name: mask.voxel_count for name, mask in masks.others.items()
    }
