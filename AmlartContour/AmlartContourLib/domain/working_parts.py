"""From contours that came in to the parts that a clinician works on.

Levels are divided from a nodal CTV, a high-risk CTV is derived from a CTVp, once; from then on each is a part
like any other, which can be edited and is not derived again. Composites that came in are left out where parts
stand for them, and stay where nothing else does: a CTVn without borders is then a part itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.derivation import derive
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parts import NODAL_IDS, leaves
from AmlartContourLib.domain.structure_set import StructureSet

COMPOSED = ("ctvp", "ctvn", "ctv", "ptv", "ptvp", "ptvn")


@dataclass(frozen=True)
class WorkingParts:
    """The parts, and the voxels of a nodal CTV that belong to no level."""

    structures: StructureSet
    rest: Mask


def working_parts(came_in: StructureSet, borders: tuple[LevelBorder, ...]) -> WorkingParts:
    """The parts to work on. Nothing that came in is changed. BadSetting for borders that come twice."""
    derived = derive(came_in, borders)
    new = [i for i in derived.ids if i not in came_in]
    unions = [i for i in new if any(leaves(j) < leaves(i) for j in derived.ids)]
    parts = derived.only(i for i in derived.ids if i not in unions)
    levels = [i for i in parts.ids if i in NODAL_IDS]
    rest = Mask.empty(came_in.geometry)
    if levels and came_in.has("ctvn"):
        rest = came_in.mask("ctvn") - union([parts.mask(i) for i in levels], came_in.geometry)
        rest = rest - came_in.mask("gtvn")
    known = parts.has("cervix") or parts.has("ctv_hr")
    stays = {"ctvp": not known, "ctvn": not levels}
    return WorkingParts(parts.only(i for i in parts.ids if i not in COMPOSED or stays.get(i, False)), rest)
