"""Tilted or unevenly spaced slices resampled to an even, straight grid.

The grid keeps the slices' own plane and pixel spacing, so within a slice values move only by the shear, along
i and j; its k axis is their normal. Interpolation is linear, in the plane for the shear and between the two
nearest slices along the normal, at their actual positions. Outside the slices is air.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import AIR_HU
from AmlartContourLib.exchange.dicom_stack import Stack
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.slice_steps import EVEN_TOLERANCE_MM

USUAL_FINEST = 10  # percentile of the steps that the even grid takes: the finest that is no exception


def resampled_geometry(stack: Stack, limits: Limits) -> Geometry:
    """The straight grid that holds every slice of the stack.

    An evenly spaced stack keeps its step and its planes; an uneven one gets the finest step that is no
    exception. Raises TooLarge where the shear makes the grid larger than the limit.
    """
    first, steps = stack.slices[0], stack.steps
    spacing_ij = np.asarray(first.spacing_ij_mm)
    low, high = steps.shift_ij_mm.min(0), steps.shift_ij_mm.max(0)
    room = np.where(high - low > EVEN_TOLERANCE_MM, np.ceil((high - low) / spacing_ij - 1e-6), 0)
    columns, rows = (int(n) for n in np.asarray(first.size_ij) + room)
    if steps.is_uneven:
        step = float(np.percentile(np.diff(steps.along_mm), USUAL_FINEST, method="lower"))
        slices = int(np.floor(steps.along_mm[-1] / step + 1e-6)) + 1
    else:
        step, slices = steps.mean_step_mm, len(stack.slices)
    limits.require_voxels((columns, rows, slices), "The resampled scan")
    origin = first.position_lps + low @ first.axes[:2]
    return Geometry.from_matrix((columns, rows, slices), (*spacing_ij, step), origin, first.axes.T)


def resampled(
    stack: Stack, geometry: Geometry, hu_of: Callable[[int], NDArray[np.int16]]
) -> NDArray[np.int16]:
    """The stack on the grid of `resampled_geometry`, int16 [k, j, i]. `hu_of(n)`: HU of slice n; asked in
    ascending order, each slice once."""
    along = stack.steps.along_mm
    shifts = (stack.steps.shift_ij_mm - stack.steps.shift_ij_mm.min(0)) / np.asarray(geometry.spacing_mm[:2])
    hu = np.empty(geometry.shape_kji, dtype=np.int16)
    straight: dict[int, NDArray[np.float32]] = {}
    for k in range(geometry.size_ijk[2]):
        height = min(k * geometry.spacing_mm[2], float(along[-1]))
        below = min(int(np.searchsorted(along, height, side="right")) - 1, len(along) - 2)
        weight = float((height - along[below]) / (along[below + 1] - along[below]))
        if abs(weight - round(weight)) * (along[below + 1] - along[below]) <= EVEN_TOLERANCE_MM:
            weight = round(weight)  # on a slice within the tolerance: taken as it is
        for n in range(max(straight, default=-1) + 1, below + 2):
            straight[n] = _shifted(hu_of(n), shifts[n], (geometry.size_ijk[1], geometry.size_ijk[0]))
        for n in [n for n in straight if n < below]:
            del straight[n]
        blend = straight[below] * (1 - weight) + straight[below + 1] * weight
        hu[k] = np.rint(blend).astype(np.int16)
    return hu


def _shifted(
    hu_ji: NDArray[np.int16], shift_ij: NDArray[np.float64], shape_ji: tuple[int, int]
) -> NDArray[np.float32]:
    """A slice moved by a number of pixels (0 or more, fractions too) along i and j within a larger one."""
    above_air = hu_ji.astype(np.float32) - AIR_HU
    for axis, shift in ((1, shift_ij[0]), (0, shift_ij[1])):
        above_air = _shifted_along(above_air, axis, float(shift), shape_ji[axis])
    return above_air + AIR_HU


def _shifted_along(values: NDArray[np.float32], axis: int, shift: float, length: int) -> NDArray[np.float32]:
    whole = int(np.floor(shift + 1e-6))
    part = max(shift - whole, 0.0)
    values = np.moveaxis(values, axis, 0)
    moved = np.zeros((max(length, len(values) + whole) + 1, *values.shape[1:]), dtype=np.float32)
    moved[whole : whole + len(values)] += values * np.float32(1 - part)
    if part > 1e-6:
        moved[whole + 1 : whole + 1 + len(values)] += values * np.float32(part)
    return np.moveaxis(moved[:length], 0, axis)
