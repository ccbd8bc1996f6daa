"""One surface's area by its distance from another surface, layer by layer and as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.nearest import Met
from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surfel_table import surfel_areas_mm2
from AmlartContourLib.measures.surfels import Surface

TIE = 1e-12  # relative: a percentile is the distance at which the summed area reaches it, rounding aside
Areas = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """One surface's area by its distance from the other surface.

    `distances_mm` ascends; where the other contour is empty it is one infinite distance. `area_mm2` is the
    area at each distance, `inside_mm2` the part of it that lies within the other contour (elements at 0 mm
    lie on its surface and count as outside, which no figure beyond a tolerance depends on).
    """

    distances_mm: Areas
    area_mm2: Areas
    inside_mm2: Areas

    @property
    def total_mm2(self) -> float:
        """Area of the whole surface."""
        return float(self.area_mm2.sum())

    def within_mm2(self, tolerance_mm: float) -> float:
        """Area at most that far from the other surface."""
        return float(self.area_mm2[self.distances_mm <= tolerance_mm].sum())

    def beyond_mm2(self, tolerance_mm: float) -> tuple[float, float]:
        """Area farther than that from the other surface: outside the other contour, inside it."""
        beyond = self.distances_mm > tolerance_mm
        inside = float(self.inside_mm2[beyond].sum())
        return float(self.area_mm2[beyond].sum()) - inside, inside

    def percentile_mm(self, percent: float) -> float:
        """The smallest distance within which at least that share of the area lies."""
        summed = np.cumsum(self.area_mm2)
        reached = int(np.searchsorted(summed, summed[-1] * (percent / 100) * (1 - TIE)))
        return float(self.distances_mm[reached])

    @property
    def mean_mm(self) -> float:
        """Average distance, weighted by area."""
        return float((self.distances_mm * self.area_mm2).sum()) / self.total_mm2

    @property
    def largest_mm(self) -> float:
        """The largest distance."""
        return float(self.distances_mm[-1])


@dataclass(frozen=True)
class Layers:
    """One surface's area by layer of points, each summed by itself in the order of its elements.

    `near_mm2` (layers, shells, 2) is the area at each of `shells_mm`, the last index 1 within the other
    contour. Elements farther than all shells stand alone, in order: `far_layer`, `far_mm`, `far_mm2` and
    whether each is `far_held` by the other contour, (m,).
    """

    shells_mm: Areas
    near_mm2: Areas
    far_layer: NDArray[np.intp]
    far_mm: Areas
    far_mm2: Areas
    far_held: BoolArray

    def parted_mm2(self, tolerance_mm: float) -> tuple[Areas, Areas]:
        """(layers,) area at most that far from the other surface, and farther."""
        first = int(np.searchsorted(self.shells_mm, tolerance_mm, side="right"))
        beyond = self.far_mm > tolerance_mm
        within_mm2, beyond_mm2 = self.near_mm2[:, :first], self.near_mm2[:, first:]
        return self._with_far(within_mm2, ~beyond), self._with_far(beyond_mm2, beyond)

    def profile(self) -> Profile:
        """Of all layers together."""
        near_mm2 = self.near_mm2.sum(axis=0)
        far, at = np.unique(self.far_mm, return_inverse=True)
        of_far = (np.bincount(at, self.far_mm2 * held, len(far)) for held in (~self.far_held, self.far_held))
        outside, inside = (np.append(a, b) for a, b in zip(near_mm2.T, of_far, strict=True))
        area = outside + inside
        kept = area > 0
        return Profile(np.append(self.shells_mm, far)[kept], area[kept], inside[kept])

    def _with_far(self, near_mm2: Areas, which: BoolArray) -> Areas:
        far = np.bincount(self.far_layer[which], self.far_mm2[which], len(near_mm2))
        summed: Areas = near_mm2.sum(axis=(1, 2)) + far
        return summed


def layers(one: Surface, met: Met, held: BoolArray, near: Shells) -> Layers:
    """Of a surface whose elements `met` the other so, and of which the other contour holds those `held`."""
    count = one.layout.points_kji[0]
    return with_far(near_areas(one, met, held, near, 0, count), one, met, held, near)


def with_far(near_mm2: Areas, one: Surface, met: Met, held: BoolArray, near: Shells) -> Layers:
    """The areas within the shells and what lies beyond them."""
    far = np.flatnonzero(met.ranks < 0)
    layer = (one.places[far] - one.layout.lead) // one.layout.strides[0]
    areas = surfel_areas_mm2(near.spacing_kji_mm)[one.codes[far]]
    return Layers(near.lengths_mm, near_mm2, layer, met.lengths_mm[far], areas, held[far])


def near_areas(one: Surface, met: Met, held: BoolArray, near: Shells, first: int, stop: int) -> Areas:
    """(stop - first, shells, 2) the areas within the shells of some layers; see `Layers`."""
    part = one.span(first, stop)
    shells = len(near.lengths_mm) + 1  # the first: beyond all
    kind = (one.layers(first, stop) - first) * shells
    kind += met.ranks[part]
    kind += 1
    kind *= 2
    kind += held[part]
    areas = surfel_areas_mm2(near.spacing_kji_mm)[one.codes[part]]
    summed = np.bincount(kind, weights=areas, minlength=(stop - first) * shells * 2)
    by_layer: Areas = summed.reshape(stop - first, shells, 2)[:, 1:].astype(np.float64, copy=False)
    return by_layer
