"""Distances and path lengths of two contours under edit: brought up to date when they are asked for.

Edits only leave a note of the slices they changed. When figures are wanted, the edited contour's elements on
those slices are taken out and put in again, and those elements of the other contour that have no element
nearer than those slices are measured again, for only their nearest can have come or gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.path_length import PathLength, path_length
from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surface_distance import SurfaceDistances, surface_distances
from AmlartContourLib.measures.surfels import PointMap, Surface
from AmlartContourLib.measures.tracked import Tracked


@dataclass(frozen=True)
class Span:
    """Slices from `first` up to, not including, `stop`."""

    first: int
    stop: int

    def hull(self, other: Span | None) -> Span:
        """The slices from the first of either to the last of either."""
        return self if other is None else Span(min(self.first, other.first), max(self.stop, other.stop))


class Followed:
    """Of two contours that stay in one block; `maps` are the two, always up to date."""

    def __init__(self, maps: tuple[PointMap, PointMap], near: Shells, path_tolerance_mm: float) -> None:
        """Nothing is measured yet."""
        self._maps = maps
        self._near = near
        self._path_tolerance_mm = path_tolerance_mm
        self._sides: tuple[Tracked, Tracked] | None = None  # None where a contour is empty, too
        self._path: PathLength | None = None
        self._stale: list[Span | None] = [None, None]

    def note(self, which: int, span: Span) -> None:
        """These slices of the reference (0) or the test (1) have changed."""
        self._stale[which] = span.hull(self._stale[which])

    def up_to_date(self, both: Pair) -> tuple[SurfaceDistances, PathLength]:
        """Of the contours as they are now; `both` is their block."""
        path, distances = self._paths(both), self._distances(both)
        self._stale = [None, None]
        return distances, path

    def _distances(self, both: Pair) -> SurfaceDistances:
        if not (both.reference_kji.any() and both.test_kji.any()):
            self._sides = None
            return surface_distances(both)
        blocks = both.reference_kji, both.test_kji
        if self._sides is None or None not in self._stale:
            layers = len(both.reference_kji) + 1
            one, other = (
                Surface(points, *points.draw(block, 0, layers))
                for points, block in zip(self._maps, blocks, strict=True)
            )
            self._sides = Tracked(one, other, self._near), Tracked(other, one, self._near)
        for which, span in enumerate(self._stale):
            if span is not None:
                edited, other_side = self._sides[which], self._sides[1 - which]
                edited.redraw(blocks[which], span.first, span.stop + 1, other_side.surface)
                other_side.follow(span.first, span.stop + 1, edited.surface)
        return SurfaceDistances(*(side.measured() for side in self._sides))

    def _paths(self, both: Pair) -> PathLength:
        if self._path is None:
            self._path = path_length(both, self._path_tolerance_mm)
        span = next((span.hull(self._stale[1]) for span in self._stale if span is not None), None)
        if span is not None:
            path = path_length(both.slices(span.first, span.stop), self._path_tolerance_mm)
            for name in ("reference_mm", "added_mm", "false_negative_mm", "held"):
                getattr(self._path, name)[span.first : span.stop] = getattr(path, name)
        return self._path
