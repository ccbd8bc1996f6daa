"""A contour's points as packed bits, worked on by compiled loops. See `surfels.PointMap`, `kernels`."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.bands import Areas, Bands
from AmlartContourLib.measures.byte_map import ByteMap
from AmlartContourLib.measures.shells import WORD, Shells, rows
from AmlartContourLib.measures.surfels import Layout, Places, Ranks, States

Bits = NDArray[np.uint64]
BYTES = 8  # of a word


@dataclass(frozen=True)
class BitMap:
    """`voxels_kji` with an empty row and slice on every side, `elements_kji` on the points between them with
    as many as the layout has room."""

    layout: Layout
    voxels_kji: Bits
    elements_kji: Bits
    loops: ModuleType

    @classmethod
    def empty(cls, layout: Layout, loops: ModuleType) -> BitMap:
        """With every point outside."""
        k, j, i = layout.points_kji
        words = -(-i // WORD) + 2
        room_k, room_j, _ = layout.room_kji
        shapes = (k + 1, j + 1, words), (k + 2 * room_k, j + 2 * room_j, words)
        voxels, elements = (np.zeros(shape, dtype=np.uint64) for shape in shapes)
        return cls(layout, voxels, elements, loops)

    @property
    def state_at(self) -> States:
        """See `surfels.PointMap`; made anew each time."""
        last = self.layout.points_kji[2] - 1
        bits = np.unpackbits(self.voxels_kji[1:-1, 1:-1, 1:].view(np.uint8), axis=2, bitorder="little")
        bytes_ = ByteMap.empty(self.layout)
        bytes_.draw(bits[:, :, :last].astype(np.bool_), 0, self.layout.points_kji[0])
        return bytes_.state_at

    def draw(self, block_kji: BoolArray, first: int, stop: int) -> tuple[Places, States]:
        """See `surfels.PointMap`."""
        count = self._outline(block_kji, first, stop)
        places, codes = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.uint8)
        self.loops.collect(
            self.voxels_kji,
            self.elements_kji,
            self.layout.room_kji,
            first,
            stop,
            *self._numbers,
            places,
            codes,
        )
        return places, codes

    def take(self, block_kji: BoolArray, first: int, stop: int) -> None:
        """See `surfels.PointMap`."""
        self._outline(block_kji, first, stop)

    def areas(self, block_kji: BoolArray, first: int, other: BitMap, bands: Bands, found: Areas) -> None:
        """See `surfels.PointMap`; the voxels are in the map already."""
        del block_kji
        steps = bands.rows
        self.loops.bands(
            self.voxels_kji, self.elements_kji, other.voxels_kji, other.elements_kji, self.layout.room_kji,
            first, steps.k, steps.j, steps.squares_mm2, steps.along_mm2, bands.tolerances_mm,
            bands.element_areas_mm2, found,
        )  # fmt: skip

    def holds(self, places: Places) -> BoolArray:
        """See `surfels.PointMap`."""
        held = np.empty(len(places), dtype=np.bool_)
        self.loops.hold(self.voxels_kji, places, *self._numbers, held)
        return held

    def meet(self, places: Places, near: Shells) -> Ranks:
        """See `surfels.PointMap`."""
        steps = rows(near.spacing_kji_mm)
        ranks = np.empty(len(places), dtype=np.int64)
        _, lines, words = self.elements_kji.shape
        self.loops.meet(
            self.elements_kji, self.layout.room_kji, places, *self._numbers,
            (steps.k * lines + steps.j) * words, steps.squares_mm2, steps.along_mm2, steps.rank, ranks,
        )  # fmt: skip
        return ranks

    def search(self, places: Places, others: Places, near: Shells) -> NDArray[np.float64]:
        """See `surfels.PointMap`; the elements are in the map already."""
        del others
        apart = np.empty(len(places), dtype=np.float64)
        self.loops.search(
            self.elements_kji, self.layout.room_kji, places, *self._numbers, near.spacing_kji_mm, apart
        )
        return apart

    def _outline(self, block_kji: BoolArray, first: int, stop: int) -> int:
        """Takes voxels and finds their elements; how many."""
        below = max(first - 1, 0)
        packed = np.packbits(block_kji[below:stop], axis=2, bitorder="little")
        seen = self.voxels_kji[1 + below : 1 + below + len(packed), 1:-1].view(np.uint8)
        seen[:, :, BYTES : BYTES + packed.shape[2]] = packed
        return int(self.loops.outline(self.voxels_kji, self.elements_kji, self.layout.room_kji, first, stop))

    @property
    def _numbers(self) -> tuple[int, tuple[int, int, int]]:
        return self.layout.lead, self.layout.strides
