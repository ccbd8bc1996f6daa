"""Which windows cover a volume, and how much each of them counts where they overlap.

The windows lie on a product grid, so their weights are products of three short rows. Each row is divided by
the sum of all rows that reach a voxel, once and along one axis: the blended sum is then the mean, and no
second volume of weights is kept. A weight never falls below `FLOOR` of the middle's, so that it cannot be
lost in half precision: with a Gaussian alone the corners of a volume are sums of subnormal numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Box, Index3

FLOOR = 0.05
SIGMA = 1 / 8  # of a window's side: nnU-Net's and MONAI's usual choice
Row = NDArray[np.float32]


@dataclass(frozen=True)
class WindowPlan:
    """The windows over a volume of `shape_kji`, none of whose sides is shorter than a window's."""

    shape_kji: Index3
    side_kji: Index3
    starts_kji: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def __len__(self) -> int:
        return int(np.prod([len(starts) for starts in self.starts_kji]))

    def __iter__(self) -> Iterator[tuple[Box, tuple[Row, Row, Row]]]:
        """Each window with its three rows of weights."""
        rows = [
            _rows(n, side, starts)
            for n, side, starts in zip(self.shape_kji, self.side_kji, self.starts_kji, strict=True)
        ]
        for places in product(*(range(len(starts)) for starts in self.starts_kji)):
            k, j, i = (starts[n] for starts, n in zip(self.starts_kji, places, strict=True))
            stop = (k + self.side_kji[0], j + self.side_kji[1], i + self.side_kji[2])
            weights = (rows[0][places[0]], rows[1][places[1]], rows[2][places[2]])
            yield Box((k, j, i), stop), weights


def plan_windows(shape_kji: Index3, side_kji: Index3, overlap: float) -> WindowPlan:
    """Windows of a size that overlap by that part at least. A side longer than the volume is cut to it."""
    k, j, i = (min(side, n) for side, n in zip(side_kji, shape_kji, strict=True))
    k_starts, j_starts, i_starts = (
        _starts(n, side, overlap) for n, side in zip(shape_kji, (k, j, i), strict=True)
    )
    return WindowPlan(shape_kji, (k, j, i), (k_starts, j_starts, i_starts))


def _starts(length: int, side: int, overlap: float) -> tuple[int, ...]:
    count = int(np.ceil((length - side) / (side * (1 - overlap)))) + 1
    return tuple(round(start) for start in np.linspace(0, length - side, count).tolist())


def _rows(length: int, side: int, starts: tuple[int, ...]) -> list[Row]:
    """One row of weights for each start; at each place of the axis they add up to 1."""
    away = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
    bump = np.maximum(np.exp(-0.5 * away**2), FLOOR)
    total = np.zeros(length)
    for start in starts:
        total[start : start + side] += bump
    return [(bump / total[start : start + side]).astype(np.float32) for start in starts]
