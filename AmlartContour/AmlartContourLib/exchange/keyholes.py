"""Holes joined to the ring around them by a bridge of no width, so that each part is one polygon.

Why: readers disagree on rings inside rings (some fill them, some subtract them); all read a single polygon
with a keyhole alike. The bridge runs along a row of pixel centres, leftwards from the hole's leftmost vertex,
over inside pixels only, to the first outside pixel. A reader that fills what its outline touches therefore
fills nothing more, and an even-odd reader crosses the bridge twice. As it always ends further left than it
began, chains of holes never close on themselves.
"""

from __future__ import annotations

import numpy as np

from AmlartContourLib.exchange.boundary import LEFT, RIGHT, Boundary, IntArray


def bridge_holes(boundary: Boundary, holes: list[IntArray]) -> tuple[IntArray, IntArray]:
    """Joins rings into one by bridges.

    holes: the vertices of each ring that is a hole. Returns (following, vertices): the new successor of every
    node, and the boundary vertex of every node; the two ends of a bridge are passed twice, so nodes outnumber
    vertices by two for each hole.
    """
    following = boundary.following.tolist()
    before = _inverse(boundary.following).tolist()
    vertices = list(range(len(following)))
    departures = [_leftmost(boundary, hole) for hole in holes]
    for leave, land in zip(departures, _run_starts(boundary, np.asarray(departures)), strict=True):
        leave_again, land_again = len(vertices), len(vertices) + 1
        vertices += [leave, land]
        after, last = following[land], before[leave]
        following += [land_again, after]
        before += [last, leave_again]
        following[land], before[leave] = leave, land
        following[last] = leave_again
        before[after] = land_again
    return np.asarray(following, dtype=np.int64), np.asarray(vertices, dtype=np.int64)


def _leftmost(boundary: Boundary, hole: IntArray) -> int:
    """The vertex of a hole with the least i: the inside pixel to its left faces right, into the hole."""
    facing = hole[boundary.sides[hole] == RIGHT]
    columns = boundary.pixels[facing] % boundary.padded_kji[2]
    return int(facing[columns.argmin()])


def _run_starts(boundary: Boundary, departures: IntArray) -> list[int]:
    """For each vertex, the vertex that faces left at the start of its run of inside pixels in the row."""
    starts = np.flatnonzero(boundary.sides == LEFT)
    at = np.searchsorted(boundary.pixels[starts], boundary.pixels[departures], side="right") - 1
    return [int(vertex) for vertex in starts[at]]


def _inverse(permutation: IntArray) -> IntArray:
    inverse = np.empty_like(permutation)
    inverse[permutation] = np.arange(len(permutation))
    return inverse
