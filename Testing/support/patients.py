"""Small sets of structures, and the same sets stored in another array order."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from support.shapes import ball, block, centre


def structure_set(geometry: Geometry, **masks: Mask) -> StructureSet:
    """Masks by catalogue id, as if imported."""
    return StructureSet.of(geometry, [Contour(i, mask, Source.IMPORTED) for i, mask in masks.items()])


def reorders() -> list[Reorder]:
    """All 24 array orders of one right-handed lattice."""
    found = []
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        handedness = np.linalg.det(np.eye(3)[list(axes)]) * (-1) ** sum(flips)
        if handedness > 0:
            found.append(Reorder(axes, flips))
    return found


def turned_mask(mask: Mask, order: Reorder) -> Mask:
    """The same voxels in another array order."""
    return Mask.from_array(order.array(mask.to_array()), order.geometry(mask.geometry))


def turned(structures: StructureSet, order: Reorder) -> StructureSet:
    """The same structures in another array order."""
    geometry = order.geometry(structures.geometry)
    contours = [Contour(c.structure_id, turned_mask(c.mask, order), c.source, c.note) for c in structures]
    return StructureSet.of(geometry, contours)


def pelvis(geometry: Geometry) -> StructureSet:
    """Blocks and balls roughly where a patient's structures are, overlapping as in a real patient.

    Made for a grid of at least 70 x 64 x 105 mm round its centre; positions are LPS offsets from that centre.
    """
    middle = centre(geometry)

    def at(low: tuple[float, float, float], high: tuple[float, float, float]) -> Mask:
        return block(geometry, np.add(middle, low), np.add(middle, high))

    def round_(offset: tuple[float, float, float], radius_mm: float) -> Mask:
        return ball(geometry, np.add(middle, offset), radius_mm)

    return structure_set(
        geometry,
        cervix=round_((0, 0, 0), 9),
        gtvp=round_((3, 2, -5), 8),
        uterus=round_((0, -6, 16), 13),
        vagina=at((-7, -3, -48), (7, 5, -6)),
        parametrium=at((-30, -8, -40), (30, 8, 12)),
        anorectum=at((-8, 3, -50), (8, 18, 30)),
        bladder=round_((0, -20, 0), 14),
        gtvn=round_((24, 4, 6), 5),
        ln_pelvic=at((12, -10, -20), (30, 12, 14)) | at((-30, -10, -20), (-12, 12, 14)),
        ln_common_iliac=at((5, -8, 15), (22, 10, 32)) | at((-22, -8, 15), (-5, 10, 32)),
        ln_paraaortic=at((-12, -8, 33), (12, 8, 50)),
    )
