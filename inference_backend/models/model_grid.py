"""The grid that a network sees: axis-aligned in LPS, isotropic or not, whatever way the scan was taken.

i runs to the patient's left, j to posterior, k to superior, so prone, feet-first, flipped and oblique scans
look alike to the network. The grid covers the whole scan; what lies outside the scan holds the fill value.

Fine voxels are averaged, whole numbers of them, until they are about as large as the model's; the rest is
linear interpolation. Nothing rings: every value lies between those it was made from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask

AIR_HU = -1000.0
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HuWindow:
    """The HU that the network tells apart: `low_hu` becomes -1, `high_hu` becomes 1, others are clipped."""

    low_hu: float
    high_hu: float

    def apply(self, hu_kji: Floats) -> Floats:
        """Values in -1 to 1, a new array."""
        scaled = (hu_kji - self.low_hu) * (2.0 / (self.high_hu - self.low_hu)) - 1.0
        return np.clip(scaled, -1.0, 1.0, out=scaled).astype(np.float32, copy=False)


def model_grid(scan: Geometry, spacing_mm: tuple[float, float, float]) -> Geometry:
    """The axis-aligned grid of `spacing_mm` (i, j, k) that covers every voxel of a scan, edges included."""
    corners = scan.index_to_lps(np.where(scan.corners_ijk() > 0, scan.corners_ijk() + 0.5, -0.5))
    low, high = corners.min(axis=0), corners.max(axis=0)
    spacing = np.asarray(spacing_mm, dtype=float)
    size = np.maximum(np.ceil((high - low) / spacing - 1e-6), 1).astype(int)
    middle = (low + high) / 2
    return Geometry.from_matrix(size, spacing, middle - spacing * (size - 1) / 2, np.eye(3))


def hu_on(grid: Geometry, hu_kji: NDArray[np.int16], scan: Geometry) -> Floats:
    """A scan's HU on a model grid, float32 [k, j, i]; air where the scan does not reach."""
    return _resampled(np.asarray(hu_kji), scan, grid, AIR_HU)


def occupancy_on(grid: Geometry, mask: Mask) -> Floats:
    """Which share of each voxel of a model grid a structure fills, float32 [k, j, i], 0 to 1."""
    return _resampled(mask.to_array().astype(np.float32), mask.geometry, grid, 0.0)


def _resampled(array_kji: NDArray[np.generic], source: Geometry, grid: Geometry, fill: float) -> Floats:
    factors = _factors(source, grid)
    image = sitk.GetImageFromArray(_padded(array_kji, factors))
    image.SetSpacing(source.spacing_mm)
    image.SetOrigin(source.origin_lps)
    image.SetDirection(source.direction)
    if max(factors) > 1:
        image = sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), list(factors))
    found = sitk.Resample(
        image,
        list(grid.size_ijk),
        sitk.Transform(),
        sitk.sitkLinear,
        grid.origin_lps,
        grid.spacing_mm,
        grid.direction,
        fill,
        sitk.sitkFloat32,
    )
    values: Floats = sitk.GetArrayFromImage(found)
    return values


def _factors(source: Geometry, grid: Geometry) -> tuple[int, ...]:
    """How many voxels of each axis i, j, k to average before interpolation: a quarter more than fits is still
    averaged, since noise costs more than that blur."""
    reach_mm = np.abs(grid.direction_matrix.T @ source.direction_matrix).argmax(axis=0)
    wanted = np.asarray(grid.spacing_mm)[reach_mm] / np.asarray(source.spacing_mm)
    return tuple(int(max(np.floor(ratio + 0.25), 1)) for ratio in wanted)


def _padded(array_kji: NDArray[np.generic], factors: tuple[int, ...]) -> NDArray[np.generic]:
    """The last voxels repeated, so that averaging loses none at the far edges."""
    missing = [(0, -n % f) for n, f in zip(array_kji.shape, reversed(factors), strict=True)]
    return np.pad(array_kji, missing, mode="edge") if any(after for _, after in missing) else array_kji
