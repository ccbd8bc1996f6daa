"""A contour's points with a byte each, on numpy and scipy alone. See `surfels.PointMap`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.bands import Areas, Bands
from AmlartContourLib.measures.shells import Shells, lengths_mm
from AmlartContourLib.measures.surfels import (
    ELEMENT,
    INSIDE,
    Layout,
    Places,
    Ranks,
    States,
    elements,
)

CHUNK = 1 << 16  # points worked on at once: more would take memory and leave the processor's cache
SAMPLED = 16  # of so many elements one is looked at to know how far the nearest can be
TIES = 8  # neighbours asked for, because those at one distance differ in the last bit by the order of axes


@dataclass(frozen=True)
class ByteMap:
    """A byte per point, with empty room between rows so that any step is one addition."""

    layout: Layout
    state_at: States

    @classmethod
    def empty(cls, layout: Layout) -> ByteMap:
        """With every point outside."""
        return cls(layout, np.zeros(layout.length, dtype=np.uint8))

    def draw(self, block_kji: BoolArray, first: int, stop: int) -> tuple[Places, States]:
        """See `surfels.PointMap`; some layers at a time."""
        layers = max(CHUNK // self.layout.strides[0], 1)
        parts = [
            self._draw_part(block_kji, k, min(k + layers, stop)) for k in range(first, stop, layers)
        ] or [(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.uint8))]
        places, codes = (np.concatenate(part) for part in zip(*parts, strict=True))
        return places, codes

    def _draw_part(self, block_kji: BoolArray, first: int, stop: int) -> tuple[Places, States]:
        below = max(first - 1, 0)
        voxels = block_kji[below:stop]
        part = Layout((len(voxels) + 1, *self.layout.points_kji[1:]), (0, *self.layout.room_kji[1:]))
        states, places, codes = elements(voxels, part)
        stride = self.layout.strides[0]
        start = part.lead + (first - below) * stride
        end = start + (stop - first) * stride
        begin = self.layout.lead + first * stride
        self.state_at[begin : begin + end - start] = states[start:end]
        kept = slice(*np.searchsorted(places, [start, end]))
        return places[kept] + (begin - start), codes[kept]

    def take(self, block_kji: BoolArray, first: int, stop: int) -> None:
        """See `surfels.PointMap`."""
        self.draw(block_kji, first, stop)

    def areas(self, block_kji: BoolArray, first: int, other: ByteMap, bands: Bands, found: Areas) -> None:
        """See `surfels.PointMap`."""
        places, codes = self.draw(block_kji, first, first + len(found))
        ranks = other.meet(places, bands.near)
        band = bands.of_distances(np.append(bands.near.lengths_mm, np.inf)[ranks])
        layer = (places - self.layout.layer_starts[first]) // self.layout.strides[0]
        kind = (layer * bands.count + band) * 2 + (other.holds(places) & (band > 0))
        summed = np.bincount(kind, weights=bands.element_areas_mm2[codes], minlength=found.size)
        found[:] = summed.reshape(found.shape)

    def holds(self, places: Places) -> BoolArray:
        """See `surfels.PointMap`."""
        held: BoolArray = self.state_at[places] == INSIDE
        return held

    def meet(self, places: Places, near: Shells) -> Ranks:
        """See `surfels.PointMap`. Steps are tried from the shortest to the longest until all have met one."""
        ranks = np.full(len(places), -1, dtype=np.int64)
        left, lead = np.arange(len(ranks)), self.layout.lead
        places = places - lead
        for n, steps in enumerate(near.steps_kji):
            if not len(left):
                break
            first, *others = self.layout.steps(steps).tolist()
            states = self.state_at[lead + first :].take(places)
            for step in others:
                states |= self.state_at[lead + step :].take(places)
            met = (states & ELEMENT).view(np.bool_)
            ranks[left[met]] = n
            apart = np.flatnonzero(~met)
            left, places = left.take(apart), places.take(apart)
        return ranks

    def search(self, places: Places, others: Places, near: Shells) -> NDArray[np.float64]:
        """See `surfels.PointMap`. By a k-d tree of those that can be the nearest."""
        spacing = np.asarray(near.spacing_kji_mm)
        points, targets = self.layout.kji(places), self.layout.kji(others)
        some, _ = cKDTree(targets[::SAMPLED] * spacing).query(points * spacing)
        reach = np.ceil(some.max() / spacing)
        targets = targets[
            ((targets >= points.min(axis=0) - reach) & (targets <= points.max(axis=0) + reach)).all(axis=1)
        ]
        count = min(TIES, len(targets))
        _, nearest = cKDTree(targets * spacing).query(points * spacing, k=np.arange(1, count + 1))
        lengths = [lengths_mm(points - targets[n], near.spacing_kji_mm) for n in nearest.T]
        apart: NDArray[np.float64] = np.min(lengths, axis=0)
        return apart
