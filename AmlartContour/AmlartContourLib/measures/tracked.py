"""The surface elements of one contour, their distances from another, and what to renew after an edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.nearest import Met
from AmlartContourLib.measures.profile import near_areas, with_far
from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surface_distance import Measured, against
from AmlartContourLib.measures.surfels import Surface

ROUNDING = 1e-12  # relative, of a length


class Tracked:
    """`first` and `stop` are layers of points everywhere: those round slices a to b are a to b + 1.

    The area of each layer is kept by distance, so an edit sums only the layers it reaches.
    """

    def __init__(self, surface: Surface, other: Surface, near: Shells) -> None:
        """Neither contour is empty."""
        self.surface = surface
        self._near = near
        self._met, self._held = against(surface, other, near)
        self._layers = surface.layout.points_kji[0]
        self._near_mm2 = near_areas(surface, self._met, self._held, near, 0, self._layers)

    def measured(self) -> Measured:
        """As `surface_distance` gives it for the contours as they are now."""
        near_mm2 = self._near_mm2.copy()
        layers = with_far(near_mm2, self.surface, self._met, self._held, self._near)
        return Measured.of(self.surface, self._met, layers)

    def redraw(self, block_kji: BoolArray, first: int, stop: int, other: Surface) -> None:
        """After voxels of this contour changed: its elements in these layers are found and measured anew."""
        part = self.surface.span(first, stop)
        places, codes = self.surface.points.draw(block_kji, first, stop)
        drawn = replace(self.surface, places=places, codes=codes)
        met, held = against(drawn, other, self._near)
        self.surface = replace(
            self.surface,
            places=_put(self.surface.places, part, places),
            codes=_put(self.surface.codes, part, codes),
        )
        self._met = Met(
            _put(self._met.ranks, part, met.ranks), _put(self._met.lengths_mm, part, met.lengths_mm)
        )
        self._held = _put(self._held, part, held)
        self._sum(first, stop)

    def follow(self, first: int, stop: int, other: Surface) -> None:
        """After the other contour changed in these layers: measures what may be nearer or farther now.

        An element that is nearer to its nearest than to the changed layers keeps it.
        """
        step_mm = self._near.spacing_kji_mm[0] * (1 - ROUNDING)
        reach = int(self._met.lengths_mm.max() / step_mm)
        low, high = max(first - reach, 0), min(stop + reach, self._layers)
        part, layers = self.surface.span(low, high), self.surface.layers(low, high)
        steps = np.maximum(np.maximum(first - layers, layers - (stop - 1)), 0)
        chosen = part.start + np.flatnonzero(self._met.lengths_mm[part] >= steps * step_mm)
        again = replace(self.surface, places=self.surface.places[chosen], codes=self.surface.codes[chosen])
        met, held = against(again, other, self._near)
        self._met.ranks[chosen], self._met.lengths_mm[chosen] = met.ranks, met.lengths_mm
        self._held[chosen] = held
        self._sum(low, high)

    def _sum(self, first: int, stop: int) -> None:
        found = near_areas(self.surface, self._met, self._held, self._near, first, stop)
        self._near_mm2[first:stop] = found


def _put(old: NDArray[Any], part: slice, new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([old[: part.start], new, old[part.stop :]])
