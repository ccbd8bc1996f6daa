"""Contours are read from whatever they lie in, and the first message says what that was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.contours_in import grid_of_contours, read_contours
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.nifti_out import write_label_map, write_masks
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from AmlartContourLib.exchange.volume_file import write_volume
from support.shapes import ball, centre, grid

GRID = grid((24, 20, 14), direction="feet first supine")
SCAN = CtScan(np.zeros(GRID.shape_kji, dtype=np.int16), GRID)


def contours() -> StructureSet:
    """Two that share no voxel, so that a label map holds them too."""
    middle, up = centre(GRID), np.array([0, 0, 8])
    masks = {"bladder": ball(GRID, middle + up, 6), "uterus": ball(GRID, middle - up, 6)}
    return StructureSet.of(GRID, (Contour(i, m, Source.DRAWN) for i, m in masks.items()))


def with_dicom(folder: Path) -> CtScan:
    """A DICOM CT and an RTSTRUCT on it, both in one folder."""
    headers = write_ct_series(folder, SCAN, pseudonym="test")
    write_rtstruct(folder / "rtstruct.dcm", contours(), headers, catalogue())
    return CtScan(SCAN.hu_kji, GRID, headers)


def require_found(path: Path, kind: str, scan: CtScan = SCAN, **options: object) -> None:
    found = read_contours(path, scan, catalogue(), **options)
    for contour in contours():
        assert found.structures.mask(contour.structure_id).same_voxels(contour.mask)
    assert found.messages[0].startswith(f"Read as {kind}")


def test_a_folder_of_masks(tmp_path: Path) -> None:
    write_masks(tmp_path, contours())
    require_found(tmp_path, "a folder of masks")
    assert read_contours(tmp_path, GRID, catalogue()).structures.ids == ("bladder", "uterus")


def test_a_label_map_with_names_given(tmp_path: Path) -> None:
    write_label_map(tmp_path / "x.nii.gz", contours(), ["bladder", "uterus"], catalogue())
    (tmp_path / "x.json").unlink()
    require_found(tmp_path / "x.nii.gz", "a label map", names={1: "Blase", 2: "Uterus"})


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_label_map_with_its_own_list_of_names(tmp_path: Path, whole_folder: bool) -> None:
    path = tmp_path / "x.nii.gz"
    write_label_map(path, contours(), ["bladder", "uterus"], catalogue())
    require_found(tmp_path if whole_folder else path, "a label map, named by x.json")


def test_a_label_map_in_the_nnu_net_layout(tmp_path: Path) -> None:
    (tmp_path / "labelsTr").mkdir()
    path = tmp_path / "labelsTr" / "case_7.nii.gz"
    write_label_map(path, contours(), ["bladder", "uterus"], catalogue())
    path.with_name("case_7.json").unlink()
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"bladder": 1, "uterus": 2}}))
    require_found(path, "a label map, named by dataset.json")


def test_a_label_map_without_names_is_refused_with_advice(tmp_path: Path) -> None:
    write_label_map(tmp_path / "x.nii.gz", contours(), ["bladder", "uterus"], catalogue())
    (tmp_path / "x.json").unlink()
    with pytest.raises(InputRefused, match="with the names of its labels"):
        read_contours(tmp_path / "x.nii.gz", SCAN, catalogue())


def test_one_mask_is_named_by_its_file_even_beside_a_list_of_labels(tmp_path: Path) -> None:
    files = write_masks(tmp_path, contours())
    (tmp_path / "labels.json").write_text('{"1": "liver"}')
    found = read_contours(files["bladder"], SCAN, catalogue())
    assert found.structures.ids == ("bladder",)
    assert found.messages == ("Read as one mask.",)


def test_a_case_of_nnu_net_data_sets_needs_its_name(tmp_path: Path) -> None:
    for number, contour in enumerate(contours(), start=1):
        labels = tmp_path / f"Dataset{number:03d}_{contour.structure_id.title()}" / "labelsTr"
        labels.mkdir(parents=True)
        write_volume(labels / "case_7.nii.gz", contour.mask.to_array().astype(np.uint8), GRID)
    require_found(tmp_path, "case 'case_7' of nnU-Net data sets", case_id="case_7")
    with pytest.raises(InputRefused, match="Say which case"):
        read_contours(tmp_path, SCAN, catalogue())


def test_an_rtstruct_by_its_path_or_among_the_ct_slices(tmp_path: Path) -> None:
    scan = with_dicom(tmp_path / "dicom")
    require_found(tmp_path / "dicom" / "rtstruct.dcm", "an RTSTRUCT", scan)
    require_found(tmp_path / "dicom", "an RTSTRUCT", scan)
    require_found(tmp_path / "dicom", "an RTSTRUCT", CtScan(SCAN.hu_kji, GRID, template=scan.headers[0]))


def test_two_rtstructs_in_a_folder_leave_the_choice_to_the_user(tmp_path: Path) -> None:
    scan = with_dicom(tmp_path / "dicom")
    write_rtstruct(tmp_path / "dicom" / "second.dcm", contours(), scan.headers, catalogue())
    with pytest.raises(InputRefused, match="2 RTSTRUCT files"):
        read_contours(tmp_path / "dicom", scan, catalogue())


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputRefused, match="neither masks nor an RTSTRUCT"):
        read_contours(tmp_path, SCAN, catalogue())
    with pytest.raises(InputRefused, match="not there"):
        read_contours(tmp_path / "absent", SCAN, catalogue())
    with pytest.raises(InputRefused, match=r"notes\.txt"):
        read_contours(tmp_path / "notes.txt", SCAN, catalogue())


def test_masks_know_their_grid_and_an_rtstruct_does_not(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    files = write_masks(tmp_path / "masks", contours())
    for path in (tmp_path, tmp_path / "masks", files["bladder"]):
        assert grid_of_contours(path).same_as(GRID)
    with_dicom(tmp_path / "dicom")
    with pytest.raises(InputRefused, match="no grid of its own"):
        grid_of_contours(tmp_path / "dicom" / "rtstruct.dcm")


def test_an_empty_mask_stays_an_empty_structure(tmp_path: Path) -> None:
    write_masks(tmp_path, contours().with_contours(Contour("gtvp", Mask.empty(GRID), Source.DRAWN)))
    found = read_contours(tmp_path, SCAN, catalogue()).structures
    assert "gtvp" in found
    assert not found.has("gtvp")
