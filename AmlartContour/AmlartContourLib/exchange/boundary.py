"""The boundary of a mask as vertices that know their successor: what `polygons` walks along.

A vertex lies between a pixel inside and its neighbour outside, on the line that joins their centres. Walking
keeps the inside on the same hand: outer rings and holes come out with opposite turning sense. Pixels that
touch by a corner only stay apart, so every ring is simple. Invariant: pixels are flat indices into the block
padded by one false pixel on each side in j and i, so a step never leaves the slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

RIGHT, DOWN, LEFT, UP = range(4)  # sides of a pixel: towards +i, +j, -i, -j
STEP_I = np.asarray([1, 0, -1, 0])
STEP_J = np.asarray([0, 1, 0, -1])


@dataclass(frozen=True, eq=False)
class Boundary:
    """Vertices of all slices in the order of (pixel, side), each with the index of the next on its ring.

    pixels: (n,) flat index of the inside pixel. sides: (n,) the side that faces outside. following: (n,).
    padded_kji: shape of the padded block.
    """

    pixels: IntArray
    sides: IntArray
    following: IntArray
    padded_kji: tuple[int, int, int]

    @classmethod
    def of(cls, block_kji: NDArray[np.bool_]) -> Boundary:
        """The boundary within each slice k of a block [k, j, i]."""
        inside = np.pad(block_kji, ((0, 0), (1, 1), (1, 1)))
        k, j, i = inside.shape
        flat = inside.ravel()
        steps = STEP_I + STEP_J * i
        keys = np.sort(np.concatenate([_facing(flat, int(steps[side])) * 4 + side for side in range(4)]))
        pixels, sides = keys >> 2, keys & 3
        turned = (sides + 1) & 3
        ahead = pixels + steps[turned]
        beyond = ahead + steps[sides]
        # Round the own pixel, straight on, or round the pixel that blocks the way.
        next_keys = np.where(
            ~flat[ahead],
            pixels * 4 + turned,
            np.where(flat[beyond], beyond * 4 + ((turned + 2) & 3), ahead * 4 + sides),
        )
        return cls(pixels, sides, np.searchsorted(keys, next_keys), (k, j, i))

    @property
    def columns(self) -> IntArray:
        """(n,) index i of each vertex's inside pixel, in the block before padding."""
        columns: IntArray = self.pixels % self.padded_kji[2] - 1
        return columns

    @property
    def rows(self) -> IntArray:
        """(n,) index j, as `columns`."""
        rows: IntArray = self.pixels // self.padded_kji[2] % self.padded_kji[1] - 1
        return rows

    @property
    def slices(self) -> IntArray:
        """(n,) index k in the block."""
        slices: IntArray = self.pixels // (self.padded_kji[1] * self.padded_kji[2])
        return slices


def walk(following: IntArray) -> tuple[IntArray, IntArray]:
    """The rings of a permutation: all vertices ring after ring, and where each ring starts (and the end).

    Rings come in the order of their lowest vertex, hence slice by slice.
    """
    successor = following.tolist()
    seen = bytearray(len(successor))
    order: list[int] = []
    starts = [0]
    for first in range(len(successor)):
        vertex = first
        while not seen[vertex]:
            seen[vertex] = 1
            order.append(vertex)
            vertex = successor[vertex]
        if len(order) > starts[-1]:
            starts.append(len(order))
    return np.asarray(order, dtype=np.int64), np.asarray(starts, dtype=np.int64)


def _facing(flat: NDArray[np.bool_], step: int) -> IntArray:
    """Inside pixels whose neighbour one step away is outside. The padding keeps the step in range."""
    outside = np.zeros_like(flat)
    if step > 0:
        outside[:-step] = ~flat[step:]
    else:
        outside[-step:] = ~flat[:step]
    return np.flatnonzero(flat & outside)
