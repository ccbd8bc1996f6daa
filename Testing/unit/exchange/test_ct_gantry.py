"""Tilted and uneven slices, resampled on request: against fields whose values are known everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import IrregularSlices, TooLarge
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU, CtScan
from AmlartContourLib.exchange.limits import Limits
from support.dicom_series import ct_slices, hounsfield, move, write_slices
from support.shapes import grid, voxels_lps

SIZE, SPACING = (30, 28, 12), (1.2, 0.9, 3.0)
SLOPE_PER_MM = np.array([7.0, -5.0, 3.0])
DIRECTIONS = ["head first supine", "feet first supine", "oblique", "sagittal slices"]


def field(points_lps: np.ndarray) -> np.ndarray:
    """Linear, so that linear interpolation is exact but for rounding to whole HU."""
    return points_lps @ SLOPE_PER_MM - 100


def tilted(direction: str, per_mm: tuple[float, float], heights_mm: np.ndarray) -> list[Dataset]:
    """Slices at the heights given, each moved within its plane in proportion to its height."""
    geometry = grid((*SIZE[:2], len(heights_mm)), SPACING, direction, (0, 0, 0))
    i, j, k = geometry.direction_matrix.T
    shifts = [
        height * (per_mm[0] * i + per_mm[1] * j) + (height - n * SPACING[2]) * k
        for n, height in enumerate(heights_mm)
    ]
    points = voxels_lps(geometry) + np.asarray(shifts)[:, None, None, :]
    slices = ct_slices(geometry, np.rint(field(points)).astype(np.int16))
    for one, shift in zip(slices, shifts, strict=True):
        move(one, shift)
    return slices


def within(scan: CtScan, slices: list[Dataset]) -> np.ndarray:
    """True where a voxel of the scan is surrounded by voxels of the slices."""
    axes = scan.geometry.direction_matrix
    starts = np.asarray([one.ImagePositionPatient for one in slices], dtype=float) @ axes
    lengths = (np.asarray(SIZE[:2]) - 1) * SPACING[:2]
    points = voxels_lps(scan.geometry) @ axes
    heights = starts[:, 2]
    above = np.clip(np.searchsorted(heights, points[..., 2] - 1e-3), 1, len(heights) - 1)
    inside = (points[..., 2] > heights[0] - 1e-3) & (points[..., 2] < heights[-1] + 1e-3)
    for n in (above - 1, above):
        offset = points[..., :2] - starts[n][..., :2]
        inside &= ((offset >= 1e-3) & (offset <= lengths - 1e-3)).all(-1)
    return inside


EVEN = np.arange(12) * 3.0
UNEVEN = np.concatenate([np.arange(6) * 2.0, 10.7 + np.arange(6) * 3.5])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("per_mm", [(0.0, 0.33), (0.0, -0.2), (0.15, 0.0), (-0.1, 0.3)])
@pytest.mark.parametrize("heights", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_a_linear_field_comes_back_where_it_lies_in_the_patient(
    direction: str, per_mm: tuple[float, float], heights: np.ndarray, tmp_path: Path
) -> None:
    slices = tilted(direction, per_mm, heights)
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match="tilted"):
        read_ct(tmp_path)
    scan = read_ct(tmp_path, resample_tilt=True)
    inside = within(scan, slices)
    assert inside.mean() > 0.3
    expected = field(voxels_lps(scan.geometry))[inside]
    assert np.abs(scan.hu_kji[inside] - expected).max() <= 1.1


def test_uneven_slices_without_tilt_are_resampled_too(tmp_path: Path) -> None:
    slices = tilted("head first supine", (0, 0), UNEVEN)
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path, resample_tilt=True)
    assert scan.geometry.spacing_mm[2] == pytest.approx(2.0)
    assert scan.geometry.size_ijk == (30, 28, 15)
    assert np.abs(scan.hu_kji - field(voxels_lps(scan.geometry))).max() <= 1.1


def test_an_evenly_spaced_tilted_scan_keeps_its_planes_and_step(tmp_path: Path) -> None:
    slices = tilted("head first supine", (0, 0.3), EVEN)
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path, resample_tilt=True)
    assert scan.geometry.spacing_mm == pytest.approx(SPACING)
    assert scan.geometry.size_ijk == (30, 28 + 11, 12)
    assert scan.geometry.origin_lps == pytest.approx([float(v) for v in slices[0].ImagePositionPatient])


def test_a_shift_by_whole_pixels_changes_no_value_and_leaves_air_outside(tmp_path: Path) -> None:
    geometry = grid((10, 9, 4), (1.0, 1.0, 2.0))
    hu = hounsfield(geometry)
    slices = ct_slices(geometry, hu)
    for k, one in enumerate(slices):
        move(one, [0, 2.0 * k, 0])
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path, resample_tilt=True)
    assert scan.geometry.size_ijk == (10, 9 + 6, 4)
    for k in range(4):
        assert np.array_equal(scan.hu_kji[k, 2 * k : 2 * k + 9], hu[k])
        rest = np.delete(scan.hu_kji[k], np.s_[2 * k : 2 * k + 9], axis=0)
        assert (rest == AIR_HU).all()


def test_a_resampled_scan_refers_to_a_new_series_and_says_what_was_done(tmp_path: Path) -> None:
    slices = tilted("head first supine", (0, 0.3), EVEN)
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path, resample_tilt=True)
    assert scan.headers == ()
    assert not scan.has_dicom_slices
    assert scan.template is not None
    assert scan.template.FrameOfReferenceUID == slices[0].FrameOfReferenceUID
    assert any("16.7 degrees" in finding for finding in scan.findings)
    assert any("resampled linearly" in finding for finding in scan.findings)


def test_padding_is_air_before_it_is_interpolated(tmp_path: Path) -> None:
    geometry = grid((10, 9, 4), (1.0, 1.0, 2.0))
    hu = np.full(geometry.shape_kji, 50, dtype=np.int16)
    hu[:, :, :3] = -3024
    slices = ct_slices(geometry, hu, intercept=0)
    for k, one in enumerate(slices):
        move(one, [0.5 * k, 0, 0])
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path, resample_tilt=True)
    assert scan.hu_kji.min() == AIR_HU
    assert scan.hu_kji[1, 4, 3] == (AIR_HU + 50) // 2


def test_a_straight_even_scan_is_never_resampled(tmp_path: Path) -> None:
    geometry = grid(SIZE, SPACING)
    hu = hounsfield(geometry)
    write_slices(tmp_path, ct_slices(geometry, hu))
    scan = read_ct(tmp_path, resample_tilt=True)
    assert np.array_equal(scan.hu_kji, hu)
    assert scan.has_dicom_slices


def test_the_resampled_grid_is_held_to_the_limit_too(tmp_path: Path) -> None:
    write_slices(tmp_path, tilted("head first supine", (0, 0.3), EVEN))
    with pytest.raises(TooLarge, match="resampled scan"):
        read_ct(tmp_path, resample_tilt=True, limits=Limits(voxels=30 * 28 * 12 + 1))
