"""The surface elements of one contour, their distances from another, and what to renew after an edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.nearest import Met, meet
from AmlartContourLib.measures.profile import near_counts
from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surface_distance import Measured, measured
from AmlartContourLib.measures.surfels import Surface

ROUNDING = 1e-12  # relative, of a length


class Tracked:
    """`first` and `stop` are layers of points everywhere: those round slices a to b are a to b + 1."""

    def __init__(self, surface: Surface, other: Surface, near: Shells) -> None:
        """Neither contour is empty."""
        self.surface = surface
        self._near = near
        self._met = meet(surface.places, other, near)
        self._held = other.points.holds(surface.places)

    def measured(self) -> Measured:
        """As `surface_distance` gives it for the contours as they are now."""
        counts = near_counts(self._met.ranks, self._held, self.surface.codes, self._near)
        return measured(self.surface, self._met, self._held, counts, self._near)

    def redraw(self, block_kji: BoolArray, first: int, stop: int, other: Surface) -> None:
        """After voxels of this contour changed: its elements in these layers are found and measured anew."""
        start, end = np.searchsorted(self.surface.places, self.surface.layout.layer_starts[[first, stop]])
        places, codes = self.surface.points.draw(block_kji, first, stop)
        met, held = meet(places, other, self._near), other.points.holds(places)
        self.surface = replace(
            self.surface,
            places=_put(self.surface.places, start, end, places),
            codes=_put(self.surface.codes, start, end, codes),
        )
        self._met = Met(
            _put(self._met.ranks, start, end, met.ranks),
            _put(self._met.lengths_mm, start, end, met.lengths_mm),
        )
        self._held = _put(self._held, start, end, held)

    def follow(self, first: int, stop: int, other: Surface) -> None:
        """After the other contour changed in these layers: measures what may be nearer or farther now.

        An element that is nearer to its nearest than to the changed layers keeps it.
        """
        layers = self.surface.layers()
        steps = np.maximum(np.maximum(first - layers, layers - (stop - 1)), 0)
        gaps = steps * (self._near.spacing_kji_mm[0] * (1 - ROUNDING))
        chosen = np.flatnonzero(self._met.lengths_mm >= gaps)
        places = self.surface.places[chosen]
        met = meet(places, other, self._near)
        self._met.ranks[chosen], self._met.lengths_mm[chosen] = met.ranks, met.lengths_mm
        self._held[chosen] = other.points.holds(places)


def _put(old: NDArray[Any], start: int, end: int, new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([old[:start], new, old[end:]])
