"""A DICOM series comes in on its own grid, whichever way the patient lay and however its files are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from AmlartContourLib.exchange.ct_in import read_ct
from support.dicom_series import ct_slices, hounsfield, move, write_series, write_slices
from support.shapes import DIRECTIONS, grid

LYING = {
    **{name: (matrix, "HFS") for name, matrix in DIRECTIONS.items()},
    "feet first prone": (np.diag([1.0, -1.0, -1.0]), "FFP"),
    "on the left side": (np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]).T, "HFDL"),
    "feet first on the right side": (np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]]).T, "FFDR"),
}
SIZE, SPACING = (11, 8, 6), (1.3, 0.9, 2.5)


@pytest.mark.parametrize("lying", LYING)
def test_every_voxel_keeps_its_place_in_the_patient(lying: str, tmp_path: Path, monkeypatch) -> None:
    matrix, position = LYING[lying]
    monkeypatch.setitem(DIRECTIONS, lying, matrix)
    geometry = grid(SIZE, SPACING, lying)
    hu = hounsfield(geometry)
    slices = ct_slices(geometry, hu)
    for one in slices:
        one.PatientPosition = position
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert scan.geometry.same_as(geometry, tolerance_mm=1e-4)
    assert np.array_equal(scan.hu_kji, hu)
    assert scan.hu_kji.dtype == np.int16
    assert [h.SOPInstanceUID for h in scan.headers] == [s.SOPInstanceUID for s in slices]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), direction=st.sampled_from(sorted(DIRECTIONS)))
def test_the_order_of_files_is_of_no_matter(
    order: list[int], direction: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    geometry = grid(SIZE, SPACING, direction)
    hu = hounsfield(geometry)
    slices = ct_slices(geometry, hu)
    folder = tmp_path_factory.mktemp("shuffled")
    write_slices(folder, [slices[n] for n in order])
    scan = read_ct(folder)
    assert np.array_equal(scan.hu_kji, hu)
    assert [h.SOPInstanceUID for h in scan.headers] == [s.SOPInstanceUID for s in slices]


def test_headers_hold_no_pixels_and_allow_a_reference_to_the_slices(tmp_path: Path) -> None:
    write_series(tmp_path, grid(SIZE), hounsfield(grid(SIZE)))
    scan = read_ct(tmp_path)
    assert scan.has_dicom_slices
    assert scan.template is None
    assert all("PixelData" not in header for header in scan.headers)


def test_the_slice_spacing_is_that_of_the_positions_not_the_thickness(tmp_path: Path) -> None:
    geometry = grid(SIZE, (1.0, 1.0, 2.0))
    slices = ct_slices(geometry, hounsfield(geometry))
    for one in slices:
        one.SliceThickness, one.SpacingBetweenSlices = "3", "-7"
    write_slices(tmp_path, slices)
    assert read_ct(tmp_path).geometry.spacing_mm[2] == pytest.approx(2.0)


def test_a_series_without_thickness_is_read(tmp_path: Path) -> None:
    slices = ct_slices(grid(SIZE), hounsfield(grid(SIZE)))
    for one in slices:
        del one.SliceThickness
    write_slices(tmp_path, slices)
    assert read_ct(tmp_path).geometry.spacing_mm[2] == pytest.approx(2.5)


@pytest.mark.parametrize(("position", "words"), [("FFS", "feet first, supine"), ("HFDR", "right side")])
def test_an_unusual_position_is_said(position: str, words: str, tmp_path: Path) -> None:
    slices = ct_slices(grid(SIZE), hounsfield(grid(SIZE)))
    for one in slices:
        one.PatientPosition = position
    write_slices(tmp_path, slices)
    assert any(words in finding for finding in read_ct(tmp_path).findings)


def test_oblique_slices_are_accepted_and_said(tmp_path: Path) -> None:
    geometry = grid(SIZE, direction="oblique")
    write_series(tmp_path, geometry, hounsfield(geometry))
    assert any("oblique" in finding for finding in read_ct(tmp_path).findings)


def test_an_ordinary_scan_has_no_findings(tmp_path: Path) -> None:
    write_series(tmp_path, grid(SIZE), hounsfield(grid(SIZE)))
    assert read_ct(tmp_path).findings == ()


@pytest.mark.parametrize(("step", "said"), [(5.0, False), (5.5, True)])
def test_a_step_above_five_millimetres_is_said_not_refused(step: float, said: bool, tmp_path: Path) -> None:
    geometry = grid(SIZE, (1.0, 1.0, step))
    write_series(tmp_path, geometry, hounsfield(geometry))
    assert any("slice step is" in finding for finding in read_ct(tmp_path).findings) is said


def test_a_tilt_in_the_header_that_positions_do_not_show_is_said(tmp_path: Path) -> None:
    slices = ct_slices(grid(SIZE), hounsfield(grid(SIZE)))
    for one in slices:
        one.GantryDetectorTilt = "18.5"
    write_slices(tmp_path, slices)
    assert any("gantry tilt of 18.5" in finding for finding in read_ct(tmp_path).findings)


@pytest.mark.parametrize("direction", ["head first supine", "oblique"])
def test_positions_rounded_by_the_scanner_are_accepted(direction: str, tmp_path: Path) -> None:
    """3.27 against 3.26999 mm, and positions rounded to a tenth of a millimetre."""
    geometry = grid(SIZE, (1.0, 1.0, 3.27), direction)
    slices = ct_slices(geometry, hounsfield(geometry))
    normal = geometry.direction_matrix[:, 2]
    for k, one in enumerate(slices):
        move(one, normal * (0.05 * (-1) ** k + 1e-5 * k))
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert scan.geometry.same_as(geometry, tolerance_mm=0.11)
    assert scan.has_dicom_slices
