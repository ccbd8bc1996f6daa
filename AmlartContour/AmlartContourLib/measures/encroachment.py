"""How far a target reaches into an organ at risk.

Reported on its own, because the wanted bias near an organ is to leave it out: the same millimetre of
over-contouring is worse there than elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfel_table import surfel_areas_mm2
from AmlartContourLib.measures.surfels import Layout


@dataclass(frozen=True)
class Encroachment:
    """`volume_cc` of the target lies in the organ, and `surface_fraction` of the target's surface area.

    Surface that only touches the organ's does not count. None where the target is empty.
    """

    volume_cc: float
    surface_fraction: float | None


def encroachment(target: Mask, organ: Mask) -> Encroachment:
    """What of a target lies in an organ. GeometryMismatch where they lie on different grids."""
    volume = (target & organ).volume_cc
    if target.is_empty:
        return Encroachment(volume, None)
    both = pair(target, organ)
    k, j, i = both.reference_kji.shape
    layout = Layout.of((k, j, i), (0, 0, 0))
    outline, organ_there = (surface(block, layout) for block in (both.reference_kji, both.test_kji))
    areas = surfel_areas_mm2(both.spacing_kji_mm)[outline.codes]
    inside = organ_there.points.holds(outline.places)
    return Encroachment(volume, float(areas[inside].sum() / areas.sum()))
