"""Steps between voxels by their length: the distances that exist on a grid.

A distance is the length of a whole number of voxel steps, worked out in double precision in the order
k, j, i; whether one equals a tolerance is decided on that number, as in the published implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Index3

Spacing = tuple[float, float, float]
STEPS_TRIED = 800  # after these about 0.1 % of a usual surface is left; the tree is slower for near elements
WORD = 64  # bits of a machine word


@dataclass(frozen=True)
class Shells:
    """Voxel steps by length: `steps_kji[n]` are all steps (m, 3) of length `lengths_mm[n]`, ascending."""

    spacing_kji_mm: Spacing
    lengths_mm: NDArray[np.float64]
    steps_kji: tuple[NDArray[np.intp], ...]

    @property
    def reach_kji(self) -> Index3:
        """The longest step along each axis."""
        k, j, i = (int(n) for n in np.concatenate(self.steps_kji).max(axis=0))
        return k, j, i


@dataclass(frozen=True)
class Rows:
    """The same steps row by row: rows (k, j) nearest first, and where each step of a row ranks.

    `squares_mm2` (n,) is k2 + j2 of each row and `along_mm2` (64,) i2 of 0, 1, ... steps along it, so a
    step's length is the root of their sum, to the last bit as in `lengths_mm`; `rank` (n, 64) is its place
    among the shells, -1 where it is longer than all.
    """

    k: NDArray[np.int64]
    j: NDArray[np.int64]
    squares_mm2: NDArray[np.float64]
    along_mm2: NDArray[np.float64]
    rank: NDArray[np.int64]

    def first(self, count: int) -> Rows:
        """The nearest of the rows."""
        return Rows(
            self.k[:count], self.j[:count], self.squares_mm2[:count], self.along_mm2, self.rank[:count]
        )


def lengths_mm(steps_kji: NDArray[np.intp], spacing_kji_mm: Spacing) -> NDArray[np.float64]:
    """(n,) lengths of steps (n, 3)."""
    k, j, i = ((steps_kji[:, axis] * spacing_kji_mm[axis]) ** 2 for axis in range(3))
    lengths: NDArray[np.float64] = np.sqrt(k + j + i)
    return lengths


@lru_cache(maxsize=8)
def shells(spacing_kji_mm: Spacing) -> Shells:
    """All steps up to the length within which about `STEPS_TRIED` lie."""
    volume = float(np.prod(spacing_kji_mm))
    longest = (STEPS_TRIED * volume * 3 / (4 * np.pi)) ** (1 / 3)
    reach = [int(longest // spacing) for spacing in spacing_kji_mm]
    steps = np.indices([2 * n + 1 for n in reach]).reshape(3, -1).T - np.asarray(reach)
    all_lengths = lengths_mm(steps, spacing_kji_mm)
    steps = steps[all_lengths <= longest]
    lengths, shell = np.unique(all_lengths[all_lengths <= longest], return_inverse=True)
    return Shells(spacing_kji_mm, lengths, tuple(steps[shell == n] for n in range(len(lengths))))


@lru_cache(maxsize=8)
def rows(spacing_kji_mm: Spacing) -> Rows:
    """The rows that the shells of this spacing reach."""
    near = shells(spacing_kji_mm)
    k, j = np.unique(np.concatenate(near.steps_kji)[:, :2], axis=0).T
    squares = np.square(k * spacing_kji_mm[0]) + np.square(j * spacing_kji_mm[1])
    order = np.argsort(squares, kind="stable")
    along = np.square(np.arange(WORD) * spacing_kji_mm[2])
    lengths = np.sqrt(squares[order, None] + along)
    rank = np.searchsorted(near.lengths_mm, lengths)
    rank[rank == len(near.lengths_mm)] = -1
    k, j = (np.ascontiguousarray(steps[order], dtype=np.int64) for steps in (k, j))
    return Rows(k, j, squares[order], along, rank)
