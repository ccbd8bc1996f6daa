"""The two contours of a comparison, in one small block in the canonical order.

The block is the box round both, its axes run closest to posterior, left and superior whatever the order of
the array they came in, so a slice of the block is an axial slice and every figure is the same for any
reordering of both arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import BoolArray, Mask


@dataclass(frozen=True)
class Place:
    """Where a block's slices lie: `grid` is the whole image in the canonical order, `first_k` the index in it
    of the block's first slice."""

    grid: Geometry
    first_k: int

    def position_mm(self, k: int) -> float:
        """LPS position in mm, along the slices' own normal, of slice k of the grid: z where that is z."""
        normal = self.grid.direction_matrix[:, 2]
        return float(normal @ np.asarray(self.grid.origin_lps)) + k * self.grid.spacing_mm[2]


@dataclass(frozen=True)
class Pair:
    """Reference and test [k, j, i] over their union box; both without a voxel where both are empty."""

    reference_kji: BoolArray
    test_kji: BoolArray
    place: Place

    @property
    def grid(self) -> Geometry:
        """The whole image in the canonical order."""
        return self.place.grid

    @property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        """Size of a voxel in the order of the block's axes."""
        return self.grid.spacing_kji_mm

    def slices(self, first: int, stop: int) -> Pair:
        """These slices of the block, as views."""
        reference, test = self.reference_kji[first:stop], self.test_kji[first:stop]
        return Pair(reference, test, Place(self.grid, self.place.first_k + first))


def pair(reference: Mask, test: Mask) -> Pair:
    """Both contours brought together. GeometryMismatch where they lie on different grids."""
    if not reference.geometry.same_as(test.geometry):
        raise GeometryMismatch(
            f"The two contours lie on different grids ({reference.geometry.describe()}, "
            f"{test.geometry.describe()}), or on one grid in different places.",
            kept="Nothing was compared.",
            advice="Resample one onto the grid of the other.",
        )
    order = canonical(reference.geometry)
    box = reference.box.union(test.box)
    axis = order.axes[2]
    start, stop = box.start_kji[2 - axis], box.stop_kji[2 - axis]
    first_k = reference.geometry.size_ijk[axis] - stop if order.flips[2] else start
    place = Place(order.geometry(reference.geometry), first_k)
    return Pair(block(reference, box), block(test, box), place)


def block(mask: Mask, box: Box) -> BoolArray:
    """The voxels of a box of the mask's grid, in the canonical order."""
    return np.ascontiguousarray(canonical(mask.geometry).array(mask.window(box)))
