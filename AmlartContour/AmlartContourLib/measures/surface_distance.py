"""Distances between two contours' surfaces, weighted by area; all figures from one pass.

Definitions: Nikolov et al., arXiv 1809.04430, on the surface elements of `surfels`. Distances run from an
element of one surface to the nearest element of the other. Surface Dice at a tolerance is the area of both
surfaces within the tolerance of the other, over the area of both. HD95 is the larger of the two directed
95th percentiles by area; the Hausdorff distance is the largest distance of all. Over-contoured is where the
test encloses what the reference does not, missed where the reference encloses what the test does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Index3
from AmlartContourLib.measures.nearest import Nearest, nearest
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.shells import Spacing, shells
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfel_table import surfel_areas_mm2
from AmlartContourLib.measures.surfels import Layout, Surface

TIE = (
    1e-12  # relative: a percentile falls on the distance at which the summed area reaches it, rounding aside
)


@dataclass(frozen=True)
class Profile:
    """One surface's area by its distance from the other surface.

    `distances_mm` ascends; where the other contour is empty it is one infinite distance. `area_mm2` is the
    area at each distance, `inside_mm2` the part of it that lies within the other contour (elements at 0 mm
    lie on its surface and count as outside, which no figure beyond a tolerance depends on).
    """

    distances_mm: NDArray[np.float64]
    area_mm2: NDArray[np.float64]
    inside_mm2: NDArray[np.float64]

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
class Measured:
    """One surface with the distance rank of each element (see `Nearest`), and its profile.

    `nearest` is None where the other contour is empty.
    """

    surface: Surface
    areas_mm2: NDArray[np.float64]
    nearest: Nearest | None
    profile: Profile

    def beyond(self, tolerance_mm: float) -> NDArray[np.bool_]:
        """(n,) whether each element is farther than that from the other surface."""
        if self.nearest is None:
            return np.ones(len(self.areas_mm2), dtype=np.bool_)
        return self.nearest.rank >= np.searchsorted(self.nearest.distances_mm, tolerance_mm, side="right")


@dataclass(frozen=True)
class SurfaceDistances:
    """Both surfaces measured against each other."""

    reference: Measured
    test: Measured

    @property
    def total_mm2(self) -> float:
        """Area of both surfaces."""
        return self.reference.profile.total_mm2 + self.test.profile.total_mm2

    @property
    def are_finite(self) -> bool:
        """True when both contours have a surface, so that distances exist."""
        return not (self.reference.surface.is_empty or self.test.surface.is_empty)

    def surface_dice(self, tolerance_mm: float) -> float | None:
        """0 to 1; None where neither contour has a surface."""
        if self.total_mm2 == 0:
            return None
        profiles = self.reference.profile, self.test.profile
        return sum(profile.within_mm2(tolerance_mm) for profile in profiles) / self.total_mm2

    def over_contoured_mm2(self, tolerance_mm: float) -> float:
        """Area beyond the tolerance where the redraw runs inward, from the test to the reference."""
        _, inside_test = self.reference.profile.beyond_mm2(tolerance_mm)
        outside_reference, _ = self.test.profile.beyond_mm2(tolerance_mm)
        return inside_test + outside_reference

    def missed_mm2(self, tolerance_mm: float) -> float:
        """Area beyond the tolerance where the redraw runs outward, from the test to the reference."""
        outside_test, _ = self.reference.profile.beyond_mm2(tolerance_mm)
        _, inside_reference = self.test.profile.beyond_mm2(tolerance_mm)
        return outside_test + inside_reference

    def percentile_mm(self, percent: float) -> float | None:
        """The larger of the two directed percentiles; None where a contour is empty."""
        if not self.are_finite:
            return None
        return max(self.reference.profile.percentile_mm(percent), self.test.profile.percentile_mm(percent))

    @property
    def hausdorff_mm(self) -> float | None:
        """The largest distance; None where a contour is empty."""
        if not self.are_finite:
            return None
        return max(self.reference.profile.largest_mm, self.test.profile.largest_mm)

    @property
    def directed_means_mm(self) -> tuple[float, float] | None:
        """Average distance from the reference to the test and back; None where a contour is empty."""
        return (self.reference.profile.mean_mm, self.test.profile.mean_mm) if self.are_finite else None

    @property
    def average_symmetric_mm(self) -> float | None:
        """Average over both surfaces together, weighted by area; None where a contour is empty."""
        if not self.are_finite:
            return None
        sums = [m.profile.mean_mm * m.profile.total_mm2 for m in (self.reference, self.test)]
        return sum(sums) / self.total_mm2


def surface_distances(both: Pair) -> SurfaceDistances:
    """The surfaces of a pair, measured against each other."""
    spacing = both.spacing_kji_mm
    layout = Layout.of(_shape(both), shells(spacing).reach_kji)
    reference, test = surface(both.reference_kji, layout), surface(both.test_kji, layout)
    return SurfaceDistances(_measured(reference, test, spacing), _measured(test, reference, spacing))


def _shape(both: Pair) -> Index3:
    k, j, i = both.reference_kji.shape
    return k, j, i


def _measured(one: Surface, other: Surface, spacing: Spacing) -> Measured:
    codes = one.codes
    areas = surfel_areas_mm2(spacing)
    if other.is_empty or one.is_empty:
        total = areas[codes].sum(keepdims=True)
        return Measured(one, areas[codes], None, Profile(np.asarray([np.inf]), total, np.zeros(1)))
    found = nearest(one, other, spacing)
    inside = other.points.holds(one.places)
    counts = np.bincount(found.rank * 512 + inside * 256 + codes, minlength=512 * len(found.distances_mm))
    sums = counts.reshape(-1, 2, 256) @ areas
    held = sums.sum(axis=1) > 0
    profile = Profile(found.distances_mm[held], sums[held].sum(axis=1), sums[held, 1])
    return Measured(one, areas[codes], found, profile)
