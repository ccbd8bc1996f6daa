"""How much of the surface is to redraw at a tolerance, and which way.

The fraction to redraw is 1 - surface Dice. It is split by the direction in which the contour moves from the
test (the model's, or the earlier one) to the reference (the clinician's, the current one): inward where the
test enclosed too much (over-contoured), outward where it missed something. The two add up to the fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from AmlartContourLib.measures.bands import Areas, Bands
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
    total = distances.total_mm2
    dice = distances.surface_dice(tolerance_mm)
    return _of_areas(tolerance_mm, dice, inward, outward, total)


def redraws_in_bands(reference: Areas, test: Areas, bands: Bands) -> tuple[Redraw, ...]:
    """The figures at each tolerance that was asked for, from both contours' layers."""
    of_reference, of_test = (np.add.reduce(layers).tolist() for layers in (reference, test))
    inward = [inside + outside for (_, inside), (outside, _) in zip(of_reference, of_test, strict=True)]
    outward = [outside + inside for (outside, _), (_, inside) in zip(of_reference, of_test, strict=True)]
    total = sum(inward) + sum(outward)
    found = []
    for tolerance_mm, beyond in bands.asked:
        parts = sum(inward[beyond:]), sum(outward[beyond:])
        found.append(_of_areas(tolerance_mm, 1 - sum(parts) / total if total else None, *parts, total))
    return tuple(found)


def _of_areas(
    tolerance_mm: float, surface_dice: float | None, inward: float, outward: float, total: float
) -> Redraw:
    """From the area in mm2 beyond the tolerance, each way, and that of both surfaces."""
    beyond = inward + outward
    return Redraw(
        tolerance_mm=tolerance_mm,
        surface_dice=surface_dice,
        fraction_to_redraw=None if surface_dice is None else 1 - surface_dice,
        inward_fraction=inward / total if total else None,
        outward_fraction=outward / total if total else None,
        inward_share=inward / beyond if beyond else None,
        redraw_cm2=beyond / 100,
    )
