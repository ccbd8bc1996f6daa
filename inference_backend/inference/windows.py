"""Which windows cover a volume, and which part of each counts how much.

A network knows least about the border of what it sees. So of two windows that overlap the one whose middle is
nearer counts more (a Gaussian, along each axis), and one that would count less than `LEAST` of that does not
count at all: where windows share half of each other a third of their voxels is left to be added. The windows
lie on a product grid, so their weights are products of three short rows. At each place of an axis these add
up to 1: the blended sum is the mean, and no second volume of weights is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Box, Index3

LEAST = 0.05
SIGMA = 1 / 8  # of a window's side: nnU-Net's and MONAI's usual choice
Row = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Window:
    """One window: what the network sees and the part of that which counts, both boxes of the volume, and how
    much that part counts along k, j and i."""

    seen: Box
    counted: Box
    rows: tuple[Row, Row, Row]

    @property
    def counted_of_seen(self) -> tuple[slice, slice, slice]:
        """The part that counts, for indexing what the network says."""
        k, j, i = (
            slice(low - start, high - start)
            for start, low, high in zip(
                self.seen.start_kji, self.counted.start_kji, self.counted.stop_kji, strict=True
            )
        )
        return k, j, i


@dataclass(frozen=True)
class WindowPlan:
    """The windows over a volume of `shape_kji`, none of whose sides is shorter than a window's."""

    shape_kji: Index3
    side_kji: Index3
    starts_kji: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def __len__(self) -> int:
        return prod(len(starts) for starts in self.starts_kji)

    def __iter__(self) -> Iterator[Window]:
        """Each window in turn."""
        axes = zip(self.shape_kji, self.side_kji, self.starts_kji, strict=True)
        for k, j, i in product(*(_stretches(*axis) for axis in axes)):
            yield Window(
                seen=Box((k.start, j.start, i.start), (k.stop, j.stop, i.stop)),
                counted=Box((k.low, j.low, i.low), (k.high, j.high, i.high)),
                rows=(k.row, j.row, i.row),
            )


def plan_windows(shape_kji: Index3, side_kji: Index3, overlap: float) -> WindowPlan:
    """Windows of a size that overlap by that part at least. A side longer than the volume is cut to it."""
    k, j, i = (min(side, n) for side, n in zip(side_kji, shape_kji, strict=True))
    k_starts, j_starts, i_starts = (
        _starts(n, side, overlap) for n, side in zip(shape_kji, (k, j, i), strict=True)
    )
    return WindowPlan(shape_kji, (k, j, i), (k_starts, j_starts, i_starts))


def _starts(length: int, side: int, overlap: float) -> tuple[int, ...]:
    count = int(np.ceil((length - side) / (side * (1 - overlap)))) + 1
    return tuple(sorted({round(start) for start in np.linspace(0, length - side, count).tolist()}))


@dataclass(frozen=True, eq=False)
class _Stretch:
    """One window along one axis: `start` to `stop` is seen, `low` to `high` counts as much as `row` says."""

    start: int
    stop: int
    low: int
    high: int
    row: Row


def _stretches(length: int, side: int, starts: tuple[int, ...]) -> list[_Stretch]:
    away = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
    bumps = np.zeros((len(starts), length))
    for bump, start in zip(bumps, starts, strict=True):
        bump[start : start + side] = np.exp(-0.5 * away**2)
    bumps[bumps < LEAST * bumps.max(axis=0)] = 0
    bumps /= bumps.sum(axis=0)
    made = []
    for bump, start in zip(bumps, starts, strict=True):
        counted = np.flatnonzero(bump)
        low, high = int(counted[0]), int(counted[-1]) + 1
        made.append(_Stretch(start, start + side, low, high, bump[low:high].astype(np.float32)))
    return made
