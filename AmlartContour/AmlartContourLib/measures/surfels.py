"""Where the surface of a contour is: its elements, on the points where eight voxels meet.

A surface element lies at a point of the grid's corners whose eight voxels are neither all inside nor all
outside; the block is taken as surrounded by outside, so a contour that touches the border of the image is
closed there. Points are numbered along one flat array that has empty room between rows and slices and at both
ends, so that a step from any point to a near one is one addition and never lands in another row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Index3
from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.bands import Areas, Bands
from AmlartContourLib.measures.shells import Shells

States = NDArray[np.uint8]
Places = NDArray[np.intp]
Ranks = NDArray[np.int64]
OUTSIDE, ELEMENT, INSIDE = 0, 1, 2


@dataclass(frozen=True)
class Layout:
    """How corner points [k, j, i] of a block are numbered, with `room_kji` empty points round each line."""

    points_kji: Index3
    room_kji: Index3

    @classmethod
    def of(cls, shape_kji: Index3, room_kji: Index3) -> Layout:
        """For a block of voxels of that shape: one corner more than voxels along each axis."""
        k, j, i = shape_kji
        return cls((k + 1, j + 1, i + 1), room_kji)

    @cached_property
    def strides(self) -> Index3:
        """What one step along k, j and i adds to a number."""
        row = self.points_kji[2] + self.room_kji[2]
        return row * (self.points_kji[1] + self.room_kji[1]), row, 1

    @cached_property
    def lead(self) -> int:
        """Empty points before the first: as many as the longest step back needs."""
        return int(np.dot(self.room_kji, self.strides)) + 1

    @cached_property
    def layer_starts(self) -> NDArray[np.intp]:
        """(layers + 1,) the number at which each layer of points starts, and the end of the last."""
        starts: NDArray[np.intp] = self.lead + np.arange(self.points_kji[0] + 1) * self.strides[0]
        return starts

    @property
    def length(self) -> int:
        """Of the flat array, a multiple of 8."""
        return -(-(2 * self.lead + self.points_kji[0] * self.strides[0]) // 8) * 8

    def steps(self, steps_kji: NDArray[np.intp]) -> NDArray[np.intp]:
        """What steps (n, 3) along k, j, i add to a number."""
        added: NDArray[np.intp] = steps_kji @ np.asarray(self.strides, dtype=np.intp)
        return added

    def kji(self, places: Places) -> NDArray[np.intp]:
        """(n, 3): the points k, j, i of these numbers."""
        slice_, row, _ = self.strides
        k, rest = np.divmod(places - self.lead, slice_)
        j, i = np.divmod(rest, row)
        return np.stack([k, j, i], axis=1)


class PointMap(Protocol):
    """What is where on the points of one contour: done in two ways, with equal answers.

    `byte_map.ByteMap` keeps a byte per point and runs on numpy and scipy; `bit_map.BitMap` keeps bits and
    runs compiled loops.
    """

    @property
    def layout(self) -> Layout:
        """How they are numbered."""

    @property
    def state_at(self) -> States:
        """(layout.length,) OUTSIDE, ELEMENT or INSIDE for every number."""

    def draw(self, block_kji: BoolArray, first: int, stop: int) -> tuple[Places, States]:
        """Takes layers of points `first` to `stop` from the voxels; their elements' numbers and codes."""

    def take(self, block_kji: BoolArray, first: int, stop: int) -> None:
        """The same without a list of the elements."""

    def areas(self, block_kji: BoolArray, first: int, other: Self, bands: Bands, found: Areas) -> None:
        """Writes the area of each layer's elements, from `first` on, by their distance from the other's."""

    def holds(self, places: Places) -> BoolArray:
        """(n,) whether all eight voxels round each point are inside."""

    def meet(self, places: Places, near: Shells) -> Ranks:
        """(n,) the shell in which each point meets an element first, -1 for none."""

    def search(self, places: Places, others: Places, near: Shells) -> NDArray[np.float64]:
        """(n,) distance in mm of each point from the nearest of `others`: all elements, at least one."""


@dataclass(frozen=True)
class Surface:
    """`places` holds the numbers of the elements in ascending order, so slice by slice, `codes` the
    neighbourhood of each, `points` what is where between the voxels."""

    points: PointMap
    places: Places
    codes: States

    @property
    def layout(self) -> Layout:
        """How points are numbered."""
        return self.points.layout

    @property
    def state_at(self) -> States:
        """(layout.length,) whether each number is OUTSIDE, an ELEMENT or INSIDE (all eight voxels)."""
        return self.points.state_at

    @property
    def is_empty(self) -> bool:
        """True when the contour has no voxel."""
        return len(self.places) == 0

    def span(self, first: int, stop: int) -> slice:
        """Where the elements of layers `first` to `stop` of points are."""
        start, end = np.searchsorted(self.places, self.layout.layer_starts[[first, stop]]).tolist()
        return slice(start, end)

    def layers(self, first: int, stop: int) -> NDArray[np.intp]:
        """(n,) the layer k of points that each element of these layers lies in."""
        counts = np.diff(np.searchsorted(self.places, self.layout.layer_starts[first : stop + 1]))
        layers: NDArray[np.intp] = np.repeat(np.arange(first, stop), counts)
        return layers


def elements(block_kji: BoolArray, layout: Layout) -> tuple[States, Places, States]:
    """(layout.length,) OUTSIDE, ELEMENT or INSIDE for every number; the numbers of the elements; their codes.

    All is done in two arrays, because fresh memory costs more here than the arithmetic.
    """
    code_at, state_at = _codes(block_kji, layout)
    is_element = state_at.view(np.bool_)
    np.add(code_at, np.uint8(1), out=state_at)
    np.greater(state_at, np.uint8(1), out=is_element)  # 255 has wrapped to 0: neither all out nor all in
    places = np.flatnonzero(is_element)
    codes = code_at[places]
    np.equal(code_at, np.uint8(255), out=code_at.view(np.bool_))
    code_at *= np.uint8(INSIDE)
    state_at |= code_at
    return state_at, places, codes


def _codes(block_kji: BoolArray, layout: Layout) -> tuple[States, States]:
    """The code of every point, bit b for the voxel at the step surfel_table.CORNERS[b]; and a spare array.

    Neighbouring voxels are joined along i, then rows along j, then slices along k, each into twice the bits.
    """
    codes = np.zeros(layout.length, dtype=np.uint8)
    points = codes[layout.lead : layout.lead + layout.points_kji[0] * layout.strides[0]]
    k, j, i = block_kji.shape
    points.reshape(-1, layout.points_kji[1] + layout.room_kji[1], layout.strides[1])[:k, :j, :i] = (
        block_kji.view(np.uint8)
    )
    joined = np.empty_like(codes)
    for bits, stride in zip((1, 2, 4), reversed(layout.strides), strict=True):
        np.left_shift(codes.view(np.uint64), np.uint64(bits), out=joined.view(np.uint64))
        joined[stride:] |= codes[:-stride]
        codes, joined = joined, codes
    return codes, joined
