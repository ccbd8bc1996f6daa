"""NIfTI out: masks keep every overlap, a label map says what it lost, and both come back voxel for voxel."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.label_map_in import read_label_map
from AmlartContourLib.exchange.masks_in import read_mask_folder
from AmlartContourLib.exchange.nifti_out import (
    default_priority,
    file_names,
    label_map_content,
    names_file,
    write_ct,
    write_label_map,
    write_masks,
)
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume
from support.shapes import DIRECTIONS, block, grid

IDS = ("ctvp", "uterus", "bladder", "gtvp")


def set_of(geometry: Geometry, masks: dict[str, Mask]) -> StructureSet:
    return StructureSet.of(geometry, (Contour(i, m, Source.DRAWN) for i, m in masks.items()))


def overlapping(geometry: Geometry) -> StructureSet:
    """Random masks that share many voxels, and an empty one."""
    rng = np.random.default_rng(11)
    masks = {i: Mask.from_array(rng.random(geometry.shape_kji) < 0.4, geometry) for i in IDS[:3]}
    return set_of(geometry, {**masks, "gtvp": Mask.empty(geometry)})


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_masks_come_back_voxel_for_voxel_with_their_overlap(direction: str, tmp_path: Path) -> None:
    structures = overlapping(grid((9, 8, 7), direction=direction))
    files = write_masks(tmp_path, structures)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{i}.nii.gz" for i in IDS)
    assert set(files) == set(IDS)
    found = read_mask_folder(tmp_path, structures.geometry, catalogue()).structures
    for contour in structures:
        assert found.mask(contour.structure_id).same_voxels(contour.mask)


def test_masks_can_carry_other_names(tmp_path: Path) -> None:
    structures = overlapping(grid((5, 4, 3))).only(["bladder", "ctvp"])
    files = write_masks(tmp_path, structures, {"bladder": "Bladder_CTV"})
    assert files["bladder"].name == "Bladder_CTV.nii.gz"
    assert files["ctvp"].name == "ctvp.nii.gz"


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "con", "bad:name", "x" * 65, "end.", "CTVP"])
def test_a_file_name_that_is_unsafe_or_taken_is_refused(name: str) -> None:
    with pytest.raises(BadSetting):
        file_names(["bladder", "ctvp"], {"bladder": name})


def test_every_id_and_roi_name_of_the_catalogue_is_a_safe_file_name() -> None:
    ids = list(catalogue())
    assert file_names(ids, {}) == {i: i for i in ids}
    for structure in catalogue().values():
        assert file_names([structure.id], {structure.id: structure.roi_name})


def test_a_label_map_gives_shared_voxels_to_the_first_and_counts_what_the_others_lost(tmp_path: Path) -> None:
    geometry = grid((10, 4, 3), spacing_mm=(1.0, 1.0, 1.0), centre_lps=(4.5, 1.5, 1.0))
    masks = {
        "uterus": block(geometry, (0, 0, 0), (5, 3, 2)),  # 6 columns of 12 voxels
        "bladder": block(geometry, (4, 0, 0), (9, 3, 2)),  # shares 2 columns with the uterus
        "ctvp": block(geometry, (0, 0, 0), (9, 3, 0)),  # one slice of both
    }
    written = write_label_map(
        tmp_path / "labels.nii.gz", set_of(geometry, masks), ["bladder", "uterus", "ctvp"], catalogue()
    )
    lost = {(loss.structure_id, loss.kept_by): loss.voxels for loss in written.losses}
    assert lost == {("uterus", "bladder"): 24, ("ctvp", "bladder"): 24, ("ctvp", "uterus"): 16}
    assert written.losses[0].volume_cc == pytest.approx(0.024)
    array, _ = read_volume(tmp_path / "labels.nii.gz")
    assert [int(np.count_nonzero(array == value)) for value in (1, 2, 3)] == [48, 72, 0]
    notes = json.loads(names_file(tmp_path / "labels.nii.gz").read_text())
    assert notes["labels"] == {"background": 0, "uterus": 1, "bladder": 2, "ctvp": 3}
    assert notes["priority"] == ["bladder", "uterus", "ctvp"]
    assert len(notes["lost_to_overlap"]) == 3
    assert "Research use only" in notes["notice"]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_label_map_is_read_back_through_its_own_list_of_names(direction: str, tmp_path: Path) -> None:
    structures = overlapping(grid((9, 8, 7), direction=direction))
    priority = default_priority(structures, catalogue())
    path = tmp_path / "labels.nii.gz"
    write_label_map(path, structures, priority, catalogue())
    found = read_label_map(path, names_file(path), structures.geometry, catalogue()).structures
    for contour in label_map_content(structures, priority):
        assert found.mask(contour.structure_id).same_voxels(contour.mask)


@pytest.mark.parametrize("priority", [["bladder"], ["bladder", "ctvp", "uterus"], ["bladder", "bladder"]])
def test_a_priority_that_does_not_name_each_structure_once_is_refused(
    priority: list[str], tmp_path: Path
) -> None:
    structures = overlapping(grid((5, 4, 3))).only(["bladder", "ctvp"])
    with pytest.raises(BadSetting, match="priority"):
        write_label_map(tmp_path / "labels.nii.gz", structures, priority, catalogue())


def test_the_default_priority_follows_the_catalogue() -> None:
    assert default_priority(overlapping(grid((5, 4, 3))), catalogue()) == (
        "gtvp",
        "ctvp",
        "uterus",
        "bladder",
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(["ctvp", "uterus", "bladder"]))
def test_what_a_label_map_keeps_and_what_it_lost_make_the_whole(seed: int, priority: list[str]) -> None:
    geometry = grid((5, 4, 3))
    rng = np.random.default_rng(seed)
    masks = {i: Mask.from_array(rng.random(geometry.shape_kji) < rng.random(), geometry) for i in priority}
    structures = set_of(geometry, masks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.nii.gz"
        written = write_label_map(path, structures, priority, catalogue())
        array, _ = read_volume(path)
    for structure_id in priority:
        kept = int(np.count_nonzero(array == written.labels[structure_id]))
        lost = sum(loss.voxels for loss in written.losses if loss.structure_id == structure_id)
        assert kept + lost == structures.mask(structure_id).voxel_count
        assert label_map_content(structures, priority).mask(structure_id).voxel_count == kept


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_ct_comes_back_in_hounsfield_units(direction: str, tmp_path: Path) -> None:
    geometry = grid((9, 8, 7), direction=direction)
    hu = np.random.default_rng(5).integers(-1024, 3071, geometry.shape_kji).astype(np.int16)
    write_ct(tmp_path / "ct.nii.gz", CtScan(hu, geometry))
    found, found_geometry = read_volume(tmp_path / "ct.nii.gz")
    assert found_geometry.same_as(geometry, tolerance_mm=1e-3)
    assert found.dtype == np.int16
    assert np.array_equal(found, hu)


def test_the_same_structures_give_the_same_bytes(tmp_path: Path) -> None:
    structures = overlapping(grid((9, 8, 7))).only(["bladder"])
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        contents.append(write_masks(tmp_path / name, structures)["bladder"].read_bytes())
    assert contents[0] == contents[1]
