"""Exact changes of array order: no interpolation, only axes swapped and flipped.

Two geometries describe the same lattice when their voxel centres coincide; then an array goes from one to the
other without loss. The canonical order is the one whose i, j, k run closest to left, posterior, superior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box, Index3
from AmlartContourLib.domain.geometry import Geometry


@dataclass(frozen=True)
class Reorder:
    """New axis a (of i, j, k) is old axis `axes[a]`, run backwards where `flips[a]`."""

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def array(self, array_kji: NDArray[Any]) -> NDArray[Any]:
        """The array in the new order, a view of the old."""
        order = [2 - self.axes[2 - n] for n in range(3)]
        flips = [self.flips[2 - n] for n in range(3)]
        return array_kji.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]

    def geometry(self, old: Geometry) -> Geometry:
        """The grid of an array after `array`."""
        matrix = old.direction_matrix[:, list(self.axes)] * np.where(self.flips, -1.0, 1.0)
        size = [old.size_ijk[axis] for axis in self.axes]
        corner = np.zeros(3)
        for new, axis in enumerate(self.axes):
            if self.flips[new]:
                corner[axis] = old.size_ijk[axis] - 1
        spacing = [old.spacing_mm[axis] for axis in self.axes]
        return Geometry.from_matrix(size, spacing, old.index_to_lps(corner), matrix)

    def box(self, old: Box, shape_kji: Index3) -> Box:
        """Where the voxels of a box lie after `array`; `shape_kji` is the whole array's shape before it."""
        if old.is_empty:
            return old
        start, stop = [0, 0, 0], [0, 0, 0]
        for new in range(3):
            axis = 2 - self.axes[2 - new]
            ends = (old.start_kji[axis], old.stop_kji[axis])
            if self.flips[2 - new]:
                ends = (shape_kji[axis] - ends[1], shape_kji[axis] - ends[0])
            start[new], stop[new] = ends
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    @property
    def inverse(self) -> Reorder:
        """The way back."""
        axes = [0, 0, 0]
        flips = [False, False, False]
        for new, axis in enumerate(self.axes):
            axes[axis] = new
            flips[axis] = self.flips[new]
        return Reorder((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def towards(old: Geometry, direction: ArrayLike) -> Reorder:
    """The reordering that brings the axes of `old` closest to the columns of `direction` (3x3).

    Picks the axis pairs by the largest cosine first, so it is a permutation for any rotation.
    """
    cosines = np.asarray(direction, dtype=float).reshape(3, 3).T @ old.direction_matrix  # [new, old]
    axes = [-1, -1, -1]
    free = np.abs(cosines).copy()
    for _ in range(3):
        new, axis = np.unravel_index(int(free.argmax()), (3, 3))
        axes[int(new)] = int(axis)
        free[new, :] = -1
        free[:, axis] = -1
    flips = [bool(cosines[new, axes[new]] < 0) for new in range(3)]
    return Reorder((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def canonical(old: Geometry) -> Reorder:
    """The reordering to i, j, k closest to left, posterior, superior."""
    return towards(old, np.eye(3))


def onto(array_kji: NDArray[Any], old: Geometry, wanted: Geometry, what: str) -> NDArray[Any]:
    """The array in the order of `wanted`; GeometryMismatch, naming `what`, where the lattices differ."""
    order = towards(old, wanted.direction_matrix)
    wanted.require_same(order.geometry(old), what)
    return np.ascontiguousarray(order.array(array_kji))


def right_handed(
    array_kji: NDArray[Any],
    spacing_mm: ArrayLike,
    origin_lps: ArrayLike,
    direction: ArrayLike,
) -> tuple[NDArray[Any], Geometry]:
    """An array and its grid, right-handed: where the axes are left-handed, the slices are reversed.

    `direction` is 3x3 or flat with the axes as columns. Raises BadGeometry where the axes are not orthogonal,
    and GeometryMismatch where the array is not three-dimensional.
    """
    if array_kji.ndim != 3:
        raise GeometryMismatch(f"The array has {array_kji.ndim} dimensions where an image has 3.")
    matrix = np.asarray(direction, dtype=float).reshape(3, 3).copy()
    origin = np.asarray(origin_lps, dtype=float).copy()
    spacing = np.asarray(spacing_mm, dtype=float)
    if np.linalg.det(matrix) < 0:
        origin = origin + matrix[:, 2] * spacing[2] * (array_kji.shape[0] - 1)
        matrix[:, 2] *= -1
        array_kji = array_kji[::-1]
    return array_kji, Geometry.from_matrix(array_kji.shape[::-1], spacing, origin, matrix)
