"""The nodal voxels in no level, as one more contour among the parts where only contours can be kept."""

from __future__ import annotations

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.session.history import Drawn

REST_ID = "nodal_rest"


def with_rest(drawn: Drawn) -> StructureSet:
    """The parts, and the rest where it holds a voxel. The same object where it does not."""
    if drawn.rest.is_empty:
        return drawn.structures
    return drawn.structures.with_contours(Contour(REST_ID, drawn.rest, Source.DERIVED))


def without_rest(parts: StructureSet, borders: tuple[LevelBorder, ...]) -> Drawn:
    """What `with_rest` was made of."""
    own = parts.only(i for i in parts.ids if i != REST_ID)
    return Drawn(own, parts.mask(REST_ID), borders)
