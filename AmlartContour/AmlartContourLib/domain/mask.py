"""One structure as voxels: a boolean block in its tight box, on a geometry.

Immutable. A structure fills a few per cent of a pelvic CT, so only its box is stored; every operation
works on the boxes it needs. Overlap is natural: a mask knows nothing of other masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import EMPTY_BOX, Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mask:
    """True voxels of one structure. `from_array`, `from_block` and `empty` make it and keep the box tight."""

    geometry: Geometry
    box: Box
    block_kji: BoolArray

    @classmethod
    def from_array(cls, mask_kji: NDArray[np.bool_], geometry: Geometry) -> Mask:
        """From a full array [k, j, i]; anything but zero is inside. GeometryMismatch if the shape differs."""
        if mask_kji.shape != geometry.shape_kji:
            raise GeometryMismatch(
                f"A mask of shape {mask_kji.shape} cannot lie on a grid of {geometry.describe()}."
            )
        return cls.from_block(mask_kji, Box((0, 0, 0), geometry.shape_kji), geometry)

    @classmethod
    def from_block(cls, block_kji: NDArray[np.bool_], box: Box, geometry: Geometry) -> Mask:
        """From the voxels of one box; false everywhere else."""
        if block_kji.shape != box.shape_kji:
            raise GeometryMismatch(f"A block of shape {block_kji.shape} does not fill {box}.")
        inside = block_kji if block_kji.dtype == np.bool_ else block_kji != 0
        tight = Box.around(inside)
        if tight.is_empty:
            return cls.empty(geometry)
        block = np.array(inside[tight.slices], dtype=np.bool_, order="C")
        block.setflags(write=False)
        return cls(geometry, tight.moved(box.start_kji), block)

    @classmethod
    def empty(cls, geometry: Geometry) -> Mask:
        """A structure with no voxel: normal, not an error."""
        return cls(geometry, EMPTY_BOX, np.zeros((0, 0, 0), dtype=np.bool_))

    def to_array(self) -> BoolArray:
        """A new full array [k, j, i]."""
        return self.window(Box((0, 0, 0), self.geometry.shape_kji))

    def window(self, box: Box) -> BoolArray:
        """A new array of the box's shape: this mask seen through it, false outside the mask's own box."""
        seen = np.zeros(box.shape_kji, dtype=np.bool_)
        both = self.box.intersection(box)
        if not both.is_empty:
            seen[both.within(box).slices] = self.block_kji[both.within(self.box).slices]
        return seen

    @property
    def is_empty(self) -> bool:
        """True when no voxel is inside."""
        return self.box.is_empty

    @cached_property
    def voxel_count(self) -> int:
        """Number of voxels inside."""
        return int(np.count_nonzero(self.block_kji))

    @property
    def volume_cc(self) -> float:
        """Volume in cm3."""
        return self.voxel_count * self.geometry.voxel_volume_cc

    def __or__(self, other: Mask) -> Mask:
        self._same_grid(other)
        return union([self, other], self.geometry)

    def __and__(self, other: Mask) -> Mask:
        self._same_grid(other)
        both = self.box.intersection(other.box)
        if both.is_empty:
            return Mask.empty(self.geometry)
        return Mask.from_block(self._seen(both) & other._seen(both), both, self.geometry)

    def __sub__(self, other: Mask) -> Mask:
        self._same_grid(other)
        both = self.box.intersection(other.box)
        shared = self._seen(both) & other._seen(both)
        if not shared.any():
            return self
        left = self.block_kji.copy()
        left[both.within(self.box).slices] ^= shared
        return Mask.from_block(left, self.box, self.geometry)

    def same_voxels(self, other: Mask) -> bool:
        """True when both hold exactly the same voxels of the same grid."""
        same_place = self.geometry.same_as(other.geometry) and self.box == other.box
        return same_place and bool(np.array_equal(self.block_kji, other.block_kji))

    def changed_box(self, other: Mask) -> Box:
        """The tightest box round the voxels that only one of the two holds; empty where they are the same."""
        self._same_grid(other)
        if self is other:
            return EMPTY_BOX
        both = self.box.union(other.box)
        changed = Box.around(self.window(both) ^ other.window(both))
        return changed if changed.is_empty else changed.moved(both.start_kji)

    def reordered(self, order: Reorder) -> Mask:
        """The same voxels of the patient in an array of another order."""
        box = order.box(self.box, self.geometry.shape_kji)
        return Mask.from_block(order.array(self.block_kji), box, order.geometry(self.geometry))

    def centroid_lps(self) -> NDArray[np.float64]:
        """(3,) centre of mass in LPS millimetres; NaN for an empty mask."""
        if self.is_empty:
            return np.full(3, np.nan)
        on_k = np.asarray([np.count_nonzero(plane) for plane in self.block_kji])  # faster than along axes
        on_ji = self.block_kji.sum(axis=0, dtype=np.int32)
        counts = (on_k, on_ji.sum(axis=1), on_ji.sum(axis=0))
        kji = [
            start + float(np.arange(len(count)) @ count) / self.voxel_count
            for start, count in zip(self.box.start_kji, counts, strict=True)
        ]
        return self.geometry.index_to_lps(kji[::-1])

    def points_lps(self) -> NDArray[np.float64]:
        """(n, 3) LPS millimetres of every voxel centre inside."""
        kji = np.argwhere(self.block_kji) + np.asarray(self.box.start_kji)
        return self.geometry.index_to_lps(kji[:, ::-1])

    def _seen(self, box: Box) -> BoolArray:
        """A view of a box that lies within this mask's own."""
        return self.block_kji[box.within(self.box).slices]

    def _same_grid(self, other: Mask) -> None:
        if self.geometry is not other.geometry:
            self.geometry.require_same(other.geometry, "A contour")


def union(masks: list[Mask], geometry: Geometry) -> Mask:
    """Union of any number of masks, none included: one pass over their common box."""
    parts = [mask for mask in masks if not mask.is_empty]
    box = EMPTY_BOX
    for mask in parts:
        geometry.require_same(mask.geometry, "A contour")
        box = box.union(mask.box)
    if len(parts) == 1:
        return parts[0]
    block = np.zeros(box.shape_kji, dtype=np.bool_)
    for mask in parts:
        block[mask.box.within(box).slices] |= mask.block_kji
    return Mask.from_block(block, box, geometry)
