"""Tilted or unevenly spaced slices resampled to an even, straight grid.

The grid keeps the slices' own plane and pixel spacing, its k axis is their normal. Interpolation is linear on
the slices' sheared lattice at their actual positions: between two slices along the line on which they follow
each other, then within the plane by the shear of that height. So whatever lies between slices is interpolated
from both, to the very edge; outside is air.
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

_NOT_KEPT = np.empty((0, 0), dtype=np.float32)
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
    shape_ji = (geometry.size_ijk[1], geometry.size_ijk[0])
    hu = np.empty(geometry.shape_kji, dtype=np.int16)
    read: list[NDArray[np.float32]] = []  # height above air of the slices so far; only the last two are kept
    for k in range(len(hu)):
        below, weight = _between(along, k * geometry.spacing_mm[2])
        while len(read) < below + 2:
            read.append(hu_of(len(read)).astype(np.float32) - AIR_HU)
        read[:below] = [_NOT_KEPT] * below
        blend = read[below] * np.float32(1 - weight) + read[below + 1] * np.float32(weight)
        shift = shifts[below] * (1 - weight) + shifts[below + 1] * weight
        hu[k] = np.rint(_shifted(blend, shift, shape_ji) + AIR_HU).astype(np.int16)
    return hu


def _between(along_mm: NDArray[np.float64], height_mm: float) -> tuple[int, float]:
    """The slice below a height and the weight of the one above it; a slice within the tolerance is taken as
    it is."""
    below = int(np.clip(np.searchsorted(along_mm, height_mm, side="right") - 1, 0, len(along_mm) - 2))
    step = along_mm[below + 1] - along_mm[below]
    weight = float(np.clip((height_mm - along_mm[below]) / step, 0, 1))
    return below, round(weight) if abs(weight - round(weight)) * step <= EVEN_TOLERANCE_MM else weight


def _shifted(
    above_air: NDArray[np.float32], shift_ij: NDArray[np.float64], shape_ji: tuple[int, int]
) -> NDArray[np.float32]:
    """A slice moved by a number of pixels (0 or more, fractions too) along i and j within a larger one."""
    for axis, shift in ((1, shift_ij[0]), (0, shift_ij[1])):
        above_air = _shifted_along(above_air, axis, float(shift), shape_ji[axis])
    return above_air


def _shifted_along(values: NDArray[np.float32], axis: int, shift: float, length: int) -> NDArray[np.float32]:
    whole = int(np.floor(shift + 1e-6))
    part = max(shift - whole, 0.0)
    values = np.moveaxis(values, axis, 0)
    moved = np.zeros((max(length, len(values) + whole) + 1, *values.shape[1:]), dtype=np.float32)
    moved[whole : whole + len(values)] += values * np.float32(1 - part)
    if part > 1e-6:
        moved[whole + 1 : whole + 1 + len(values)] += values * np.float32(part)
    return np.moveaxis(moved[:length], 0, axis)
