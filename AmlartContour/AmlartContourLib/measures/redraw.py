"""How much of the surface is to redraw at a tolerance, and which way.

The fraction to redraw is 1 - surface Dice. It is split by the direction in which the contour moves from the
test (the model's, or the earlier one) to the reference (the clinician's, the current one): inward where the
test enclosed too much (over-contoured), outward where it missed something. The two add up to the fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.measures.surface_distance import SurfaceDistances


@dataclass(frozen=True)
class Redraw:
    """Figures at one tolerance; every fraction is of the area of both surfaces together.

    Surface Dice and the fractions are None where both contours are empty; `inward_share`, the inward part of
    the redraw, also where nothing is to redraw.
    """

    tolerance_mm: float
    surface_dice: float | None
    fraction_to_redraw: float | None
    inward_fraction: float | None
    outward_fraction: float | None
    inward_share: float | None
    redraw_cm2: float


def redraw(distances: SurfaceDistances, tolerance_mm: float) -> Redraw:
    """The figures at a tolerance."""
    inward = distances.over_contoured_mm2(tolerance_mm)
    outward = distances.missed_mm2(tolerance_mm)
    beyond, total = inward + outward, distances.total_mm2
    dice = distances.surface_dice(tolerance_mm)
    return Redraw(
        tolerance_mm=tolerance_mm,
        surface_dice=dice,
        fraction_to_redraw=None if dice is None else 1 - dice,
        inward_fraction=inward / total if total else None,
        outward_fraction=outward / total if total else None,
        inward_share=inward / beyond if beyond else None,
        redraw_cm2=beyond / 100,
    )
