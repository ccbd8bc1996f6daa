"""Axial slices as a clinician counts them: along the axis closest to inferior-superior, from inferior.

Whatever the order of the scan's array, axial slice 0 is the lowest. Review, edit log and slice strips
count so; it is the k of `measures.slices`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask


@dataclass(frozen=True)
class AxialSlices:
    """The axial slices of one grid. `axis` is that of the array [k, j, i], run backwards where `flipped`."""

    grid: Geometry
    axis: int
    flipped: bool

    @classmethod
    def of(cls, grid: Geometry) -> AxialSlices:
        """The slices of a scan's grid."""
        order = canonical(grid)
        return cls(grid, 2 - order.axes[2], order.flips[2])

    @property
    def count(self) -> int:
        """How many there are."""
        return self.grid.shape_kji[self.axis]

    def holding(self, mask: Mask) -> tuple[int, ...]:
        """The slices in which a mask has a voxel, rising."""
        if mask.is_empty:
            return ()
        across = tuple(a for a in range(3) if a != self.axis)
        held = np.flatnonzero(mask.block_kji.any(axis=across)) + mask.box.start_kji[self.axis]
        return self._counted(held)

    def touching(self, box: Box) -> tuple[int, ...]:
        """The slices that a box reaches into, rising."""
        if box.is_empty:
            return ()
        return self._counted(np.arange(box.start_kji[self.axis], box.stop_kji[self.axis]))

    def nearest(self, point_lps: ArrayLike) -> int:
        """The slice whose middle plane is nearest to a point, within the scan."""
        place = float(self.grid.lps_to_index(point_lps)[2 - self.axis])
        index = min(max(round(place), 0), self.count - 1)
        return self.count - 1 - index if self.flipped else index

    def centre_lps(self, axial_k: int) -> tuple[float, float, float]:
        """The middle of a slice."""
        index = (np.asarray(self.grid.size_ijk) - 1) / 2
        index[2 - self.axis] = self.count - 1 - axial_k if self.flipped else axial_k
        x, y, z = (float(v) for v in self.grid.index_to_lps(index))
        return x, y, z

    def _counted(self, indices: np.ndarray) -> tuple[int, ...]:
        counted = self.count - 1 - indices[::-1] if self.flipped else indices
        return tuple(int(n) for n in counted)


def changed_slices(before: Mask, after: Mask, axial: AxialSlices) -> tuple[int, ...]:
    """The slices in which two masks of one grid differ, rising."""
    box = before.changed_box(after)
    if box.is_empty:
        return ()
    return axial.holding(Mask.from_block(before.window(box) ^ after.window(box), box, before.geometry))
