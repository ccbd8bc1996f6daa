"""A block of voxels: half-open index ranges in the order of the array's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index3 = tuple[int, int, int]


@dataclass(frozen=True)
class Box:
    """Voxels from `start_kji` up to, not including, `stop_kji`."""

    start_kji: Index3
    stop_kji: Index3

    @classmethod
    def around(cls, mask_kji: NDArray[np.bool_]) -> Box:
        """The tightest box that holds every true voxel; an empty box for an empty mask."""
        slices = np.flatnonzero(mask_kji.any(axis=(1, 2)))
        if not len(slices):
            return EMPTY_BOX
        k0, k1 = _ends(slices)
        plane = np.logical_or.reduce(
            mask_kji[k0:k1]
        )  # the other two axes on one plane: a pass less over the block
        j0, j1 = _ends(np.flatnonzero(plane.any(axis=1)))
        i0, i1 = _ends(np.flatnonzero(plane.any(axis=0)))
        return cls((k0, j0, i0), (k1, j1, i1))

    @property
    def shape_kji(self) -> Index3:
        """Number of voxels along each axis, never negative."""
        (k0, j0, i0), (k1, j1, i1) = self.start_kji, self.stop_kji
        return max(k1 - k0, 0), max(j1 - j0, 0), max(i1 - i0, 0)

    @property
    def is_empty(self) -> bool:
        """True when it holds no voxel."""
        (k0, j0, i0), (k1, j1, i1) = self.start_kji, self.stop_kji
        return k1 <= k0 or j1 <= j0 or i1 <= i0

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """For indexing a full array."""
        (k0, j0, i0), (k1, j1, i1) = self.start_kji, self.stop_kji
        return slice(k0, k1), slice(j0, j1), slice(i0, i1)

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Box(_lower(self.start_kji, other.start_kji), _upper(self.stop_kji, other.stop_kji))

    def intersection(self, other: Box) -> Box:
        """The voxels in both; `EMPTY_BOX` where there are none."""
        both = Box(_upper(self.start_kji, other.start_kji), _lower(self.stop_kji, other.stop_kji))
        return EMPTY_BOX if both.is_empty else both

    def grown(self, margin_kji: Index3) -> Box:
        """Grown by a margin on each side, also beyond the array."""
        k, j, i = margin_kji
        return Box(_moved(self.start_kji, (-k, -j, -i)), _moved(self.stop_kji, margin_kji))

    def padded(self, margin_kji: Index3, shape_kji: Index3) -> Box:
        """Grown by a margin on each side, clipped to an array of that shape."""
        grown = self.grown(margin_kji)
        return Box(_upper(grown.start_kji, (0, 0, 0)), _lower(grown.stop_kji, shape_kji))

    def within(self, outer: Box) -> Box:
        """The same voxels, counted from the start of `outer`."""
        k, j, i = outer.start_kji
        return self.moved((-k, -j, -i))

    def moved(self, steps_kji: Index3) -> Box:
        """The same box elsewhere."""
        return Box(_moved(self.start_kji, steps_kji), _moved(self.stop_kji, steps_kji))


EMPTY_BOX = Box((0, 0, 0), (0, 0, 0))


def _ends(indices: NDArray[np.intp]) -> tuple[int, int]:
    return int(indices[0]), int(indices[-1]) + 1


def _moved(a: Index3, b: Index3) -> Index3:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _lower(a: Index3, b: Index3) -> Index3:
    return min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2])


def _upper(a: Index3, b: Index3) -> Index3:
    return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])
