"""A block of voxels: half-open index ranges in the order of the array's axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        bounds = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            hit = np.flatnonzero(mask_kji.any(axis=others))
            if not len(hit):
                return EMPTY_BOX
            bounds.append((int(hit[0]), int(hit[-1]) + 1))
        (k0, k1), (j0, j1), (i0, i1) = bounds
        return cls((k0, j0, i0), (k1, j1, i1))

    @property
    def shape_kji(self) -> Index3:
        """Number of voxels along each axis, never negative."""
        k, j, i = (max(b - a, 0) for a, b in zip(self.start_kji, self.stop_kji, strict=True))
        return k, j, i

    @property
    def is_empty(self) -> bool:
        """True when it holds no voxel."""
        return 0 in self.shape_kji

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """For indexing a full array."""
        k, j, i = (slice(a, b) for a, b in zip(self.start_kji, self.stop_kji, strict=True))
        return k, j, i

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Box(_pick(min, self.start_kji, other.start_kji), _pick(max, self.stop_kji, other.stop_kji))

    def intersection(self, other: Box) -> Box:
        """The voxels in both; `EMPTY_BOX` where there are none."""
        both = Box(_pick(max, self.start_kji, other.start_kji), _pick(min, self.stop_kji, other.stop_kji))
        return EMPTY_BOX if both.is_empty else both

    def padded(self, margin_kji: Index3, shape_kji: Index3) -> Box:
        """Grown by a margin on each side, clipped to an array of that shape."""
        start = tuple(max(a - m, 0) for a, m in zip(self.start_kji, margin_kji, strict=True))
        stop = tuple(min(b + m, n) for b, m, n in zip(self.stop_kji, margin_kji, shape_kji, strict=True))
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def within(self, outer: Box) -> Box:
        """The same voxels, counted from the start of `outer`."""
        return Box(
            _pick(lambda a, b: a - b, self.start_kji, outer.start_kji),
            _pick(lambda a, b: a - b, self.stop_kji, outer.start_kji),
        )


EMPTY_BOX = Box((0, 0, 0), (0, 0, 0))


def _pick(choose: Any, a: Index3, b: Index3) -> Index3:
    k, j, i = (int(choose(x, y)) for x, y in zip(a, b, strict=True))
    return k, j, i
