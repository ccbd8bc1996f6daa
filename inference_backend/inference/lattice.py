"""Where the voxels of a scan of any orientation lie among the points of a model grid.

A voxel's place along one axis of the grid is the sum of three numbers, one for each of its indices. The
sums are made in one order, (k + j) + i, everywhere, so that every way of working gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from AmlartContourLib.domain.box import EMPTY_BOX, Box, Index3
from AmlartContourLib.domain.geometry import Geometry

Row = NDArray[np.float64]
NO_SLANT = 1e-7  # of a grid step for each voxel: less is rounding of the header's cosines
HALF_STEP = 0.5 + 1e-6  # how far beyond its outer points a block reaches, with room for rounding


@dataclass(frozen=True, eq=False)
class Lattice:
    """A box of the scan, and where its voxels lie in a block of grid points, 0 at the block's first point.

    `along[a]` holds three rows for axis a of the block (k, j, i): what the scan's k, j and i add.
    """

    box: Box
    along: tuple[tuple[Row, Row, Row], ...]

    @property
    def is_straight(self) -> bool:
        """True where each axis of the scan runs along the same axis of the grid, either way."""
        return not any(rows[s].any() for a, rows in enumerate(self.along) for s in range(3) if s != a)

    def straight_rows(self) -> tuple[Row, ...]:
        """Three rows, where the lattice is straight: the places along k, j and i."""
        return tuple(rows[a] for a, rows in enumerate(self.along))

    def all_rows(self) -> tuple[Row, ...]:
        """Three arrays (3, n), for the scan's k, j and i: what they add along the grid's k, j and i."""
        return tuple(np.stack([rows[s] for rows in self.along]) for s in range(3))


def lattice_of(grid: Geometry, first_kji: ArrayLike, points_kji: Index3, scan: Geometry) -> Lattice:
    """The scan's voxels within a block of the grid's points that begins at `first_kji`, half a step beyond it
    included."""
    turn = np.linalg.inv(grid.affine) @ scan.affine  # the scan's i, j, k to the grid's i, j, k
    matrix = turn[:3, :3][::-1, ::-1].copy()
    matrix[np.abs(matrix) < NO_SLANT] = 0.0
    start = turn[:3, 3][::-1] - np.asarray(first_kji)
    box = _box_within(matrix, start, points_kji, scan)
    along = []
    for a in range(3):
        rows = [
            matrix[a, s] * np.arange(box.start_kji[s], box.stop_kji[s], dtype=np.float64) for s in range(3)
        ]
        rows[int(np.abs(matrix[a]).argmax())] += start[a]
        along.append((rows[0], rows[1], rows[2]))
    return Lattice(box, tuple(along))


def _box_within(
    matrix: NDArray[np.float64], start: NDArray[np.float64], points_kji: Index3, scan: Geometry
) -> Box:
    last = np.asarray(points_kji) - 1
    choice = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    corners = np.where(choice > 0, last + HALF_STEP, -HALF_STEP)
    found = np.linalg.solve(matrix, (corners - start).T).T
    k0, j0, i0 = np.maximum(np.ceil(found.min(axis=0)), 0).astype(int).tolist()
    k1, j1, i1 = np.minimum(np.floor(found.max(axis=0)) + 1, scan.shape_kji).astype(int).tolist()
    box = Box((k0, j0, i0), (k1, j1, i1))
    return EMPTY_BOX if box.is_empty else box
