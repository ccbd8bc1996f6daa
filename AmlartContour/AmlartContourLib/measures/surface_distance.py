"""Distances between two contours' surfaces, weighted by area; all figures from one pass.

Definitions: Nikolov et al., arXiv 1809.04430, on the surface elements of `surfels`. Distances run from an
element of one surface to the nearest element of the other. Surface Dice at a tolerance is the area of both
surfaces within the tolerance of the other, over the area of both. HD95 is the larger of the two directed
95th percentiles by area; the Hausdorff distance is the largest distance of all. Over-contoured is where the
test encloses what the reference does not, missed where the reference encloses what the test does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.box import Index3
from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.nearest import Met, meet
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.profile import Layers, Profile, layers
from AmlartContourLib.measures.shells import Shells, Spacing, shells
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfels import Layout, Surface


@dataclass(frozen=True)
class Measured:
    """One surface, the distance of each of its elements from the other, and its area by distance."""

    surface: Surface
    met: Met
    layers: Layers
    profile: Profile

    @classmethod
    def of(cls, one: Surface, met: Met, layers: Layers) -> Measured:
        """With the profile of its layers."""
        return cls(one, met, layers, layers.profile())


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
    return distances_between((both.reference_kji, both.test_kji), both.spacing_kji_mm)


def distances_between(blocks: Iterable[BoolArray], spacing_kji_mm: Spacing) -> SurfaceDistances:
    """The same of the reference's and the test's block, of one shape. They are read one after the other."""
    near = shells(spacing_kji_mm)
    reference, test = (surface(block, Layout.of(_shape(block), near.reach_kji)) for block in blocks)
    return SurfaceDistances(_against(reference, test, near), _against(test, reference, near))


def _shape(block_kji: BoolArray) -> Index3:
    k, j, i = block_kji.shape
    return k, j, i


def _against(one: Surface, other: Surface, near: Shells) -> Measured:
    met, held = against(one, other, near)
    return Measured.of(one, met, layers(one, met, held, near))


def against(one: Surface, other: Surface, near: Shells) -> tuple[Met, BoolArray]:
    """Where each element of one surface met the other, and whether it lies within the other contour."""
    if other.is_empty:
        return Met.none(len(one.places)), np.zeros(len(one.places), dtype=np.bool_)
    return meet(one.places, other, near), other.points.holds(one.places)
