"""What was read can be referred to: contours on the slices of a scan, or on the series written for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from support.dicom_series import ct_slices, hounsfield, move, write_slices
from support.rtstruct_files import structures
from support.shapes import DIRECTIONS, ball, centre, grid

GRID = grid((20, 18, 9), (1.3, 1.0, 2.5))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_contours_on_slices_at_rounded_positions_come_back_voxel_for_voxel(
    direction: str, tmp_path: Path
) -> None:
    geometry = grid((20, 18, 9), (1.3, 1.0, 2.5), direction)
    slices = ct_slices(geometry, hounsfield(geometry))
    for k, one in enumerate(slices):
        move(one, geometry.direction_matrix @ [0.04, -0.04, 0.05 * (-1) ** k])
    write_slices(tmp_path / "ct", slices)
    scan = read_ct(tmp_path / "ct")
    contours = structures(scan.geometry, bladder=ball(scan.geometry, centre(geometry), 7).to_array())
    write_rtstruct(tmp_path / "rs.dcm", contours, scan.headers, catalogue())
    found = read_rtstruct(tmp_path / "rs.dcm", scan.geometry, catalogue(), headers=scan.headers)
    assert found.structures.mask("bladder").same_voxels(contours.mask("bladder"))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_series_written_for_a_scan_is_read_as_the_same_scan(direction: str, tmp_path: Path) -> None:
    geometry = grid((20, 18, 9), (1.3, 1.0, 2.5), direction)
    write_slices(tmp_path / "ct", ct_slices(geometry, hounsfield(geometry)))
    scan = read_ct(tmp_path / "ct")
    write_ct_series(tmp_path / "again", scan, pseudonym="TEST-1")
    again = read_ct(tmp_path / "again")
    assert again.geometry.same_as(scan.geometry)
    assert np.array_equal(again.hu_kji, scan.hu_kji)


@pytest.mark.parametrize("tilted", [True, False], ids=["resampled", "without UIDs"])
def test_a_scan_without_slices_of_its_own_gets_a_series_that_contours_can_refer_to(
    tilted: bool, tmp_path: Path
) -> None:
    slices = ct_slices(GRID, hounsfield(GRID))
    for k, one in enumerate(slices):
        if tilted:
            move(one, [0, 0.8 * k, 0])
        else:
            one.StudyInstanceUID = one.SeriesInstanceUID = one.SOPInstanceUID = one.FrameOfReferenceUID = ""
    write_slices(tmp_path / "ct", slices)
    scan = read_ct(tmp_path / "ct", resample_tilt=tilted)
    assert not scan.has_dicom_slices
    headers = write_ct_series(tmp_path / "new", scan, pseudonym="TEST-1")
    contours = structures(scan.geometry, bladder=ball(scan.geometry, centre(GRID), 6).to_array())
    write_rtstruct(tmp_path / "rs.dcm", contours, headers, catalogue())
    again = read_ct(tmp_path / "new")
    assert np.array_equal(again.hu_kji, scan.hu_kji)
    found = read_rtstruct(tmp_path / "rs.dcm", again.geometry, catalogue(), headers=again.headers)
    assert found.structures.mask("bladder").same_voxels(contours.mask("bladder"))
