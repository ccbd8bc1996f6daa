"""From a mask to closed polygons that every kind of reader turns back into the same mask.

A vertex lies 0.49 pixel from the centre of the inside pixel towards the outside one (contour level 0.51).
Readers that ask whether a pixel's centre is inside the polygon get the mask back, since every centre is on
its right side by at least a third of a pixel; readers that round vertices to pixels and fill the outline with
them get it back too, since 0.49 rounds to the inside pixel. The usual level 0.5 leaves that to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.exchange.boundary import STEP_I, STEP_J, Boundary, IntArray, walk
from AmlartContourLib.exchange.keyholes import bridge_holes

PER_PIXEL = 100  # whole numbers keep the test for three points on a line exact
TOWARDS_OUTSIDE = 49


@dataclass(frozen=True, eq=False)
class Polygons:
    """Closed polygons on slices, one after the other; the last point of each joins its first.

    points_ij: (n, 2) continuous indices i, j. starts: (m + 1,) where each polygon begins, and n.
    slices_k: (m,).
    """

    points_ij: NDArray[np.float64]
    starts: IntArray
    slices_k: IntArray

    def __len__(self) -> int:
        return len(self.slices_k)

    @property
    def point_counts(self) -> IntArray:
        """(m,) how many points each polygon has."""
        counts: IntArray = np.diff(self.starts)
        return counts

    def __getitem__(self, number: int) -> NDArray[np.float64]:
        points: NDArray[np.float64] = self.points_ij[self.starts[number] : self.starts[number + 1]]
        return points


def trace(block_kji: NDArray[np.bool_], start_kji: tuple[int, int, int] = (0, 0, 0)) -> Polygons:
    """Polygons around the true pixels of every slice of a block, in the order of k.

    Holes are joined to their outer ring by a keyhole; points on a straight line are left out. `start_kji` is
    where the block begins in the full array; the result is in the full array's indices.
    """
    boundary = Boundary.of(block_kji)
    if not len(boundary.pixels):
        return Polygons(np.zeros((0, 2)), np.zeros(1, np.int64), np.zeros(0, np.int64))
    positions = np.stack(
        [
            boundary.columns * PER_PIXEL + TOWARDS_OUTSIDE * STEP_I[boundary.sides],
            boundary.rows * PER_PIXEL + TOWARDS_OUTSIDE * STEP_J[boundary.sides],
        ],
        axis=1,
    )
    order, starts = walk(boundary.following)
    turning = _doubled_areas(positions[order], starts)
    holes = [order[starts[n] : starts[n + 1]] for n in np.flatnonzero(turning < 0)]
    if holes:
        following, vertices = bridge_holes(boundary, holes)
        order, starts = walk(following)
        order = vertices[order]
    slices = boundary.slices[order[starts[:-1]]] + start_kji[0]
    points, starts = _corners(positions[order], starts)
    offset = np.asarray([start_kji[2], start_kji[1]])
    return Polygons(points / PER_PIXEL + offset, starts, slices)


def following_point(starts: IntArray) -> IntArray:
    """For points stored polygon after polygon, the index of the next point around each point's polygon."""
    following = np.arange(1, starts[-1] + 1)
    following[starts[1:] - 1] = starts[:-1]
    return following


def _doubled_areas(points: IntArray, starts: IntArray) -> IntArray:
    """Twice the signed area of each ring; negative for a hole."""
    after = points[following_point(starts)]
    products = points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]
    areas: IntArray = np.add.reduceat(products, starts[:-1])
    return areas


def _corners(points: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    """The points where the direction changes, and where each polygon starts among them."""
    following = following_point(starts)
    onward = points[following] - points
    arriving = np.empty_like(onward)
    arriving[following] = onward
    turns = arriving[:, 0] * onward[:, 1] != arriving[:, 1] * onward[:, 0]
    counts = np.add.reduceat(turns.astype(np.int64), starts[:-1])
    return points[turns], np.concatenate([[0], np.cumsum(counts)])
