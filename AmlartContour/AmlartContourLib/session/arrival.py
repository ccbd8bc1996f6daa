"""Contours of an engine meet what is there. What a person imported, drew or edited stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.parts import NODAL_IDS
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.domain.structures import Catalogue, Role
from AmlartContourLib.domain.working_parts import working_parts
from AmlartContourLib.session.history import Drawn

BY_HAND = frozenset({Source.IMPORTED, Source.DRAWN})


@dataclass(frozen=True)
class Arrival:
    """What is there after contours arrived: the parts, the contours as they came, which ids were taken, and
    which stayed though the engine gave them too."""

    drawn: Drawn
    originals: StructureSet
    taken: tuple[str, ...]
    kept: tuple[str, ...]


def arrive(drawn: Drawn, originals: StructureSet, contours: Contours, catalogue: Catalogue) -> Arrival:
    """The engine's contours taken where nobody had drawn, imported or edited that structure.

    A nodal CTV that came in before goes before levels that an engine gives: it is divided at the engine's
    borders. Landmarks (vessels, bones) join the contours as they came and are no parts.
    """
    given = _usable(contours.masks, drawn.structures)
    own = by_hand(drawn.structures, originals)
    kept = tuple(i for i in own if given.has(i))
    levels_stay = any(i in NODAL_IDS for i in own)
    offered = given.only(i for i in given.ids if i not in own and not (levels_stay and i in NODAL_IDS))
    staying = _staying(drawn.structures, own, offered)
    borders = drawn.borders if levels_stay and drawn.borders else contours.borders or drawn.borders
    parts = working_parts(staying.with_contours(*offered), borders)
    structures = without_landmarks(parts.structures, catalogue)
    came = offered.with_contours(*(c for c in structures if c.structure_id not in own))
    came = came.only(i for i in came.ids if i not in originals or i in offered)
    came = came.with_contours(
        *(c for c in given if c.structure_id in kept and c.structure_id not in originals)
    )
    rest = drawn.rest if levels_stay else parts.rest
    taken = tuple(i for i in structures.ids if i not in own and i not in staying)
    return Arrival(Drawn(structures, rest, borders), originals.with_contours(*came), taken, kept)


def by_hand(structures: StructureSet, originals: StructureSet) -> tuple[str, ...]:
    """Ids that a person imported, drew or edited; an empty part waiting to be drawn is none."""
    return tuple(
        c.structure_id
        for c in structures
        if (c.source in BY_HAND and not c.mask.is_empty)
        or (c.structure_id in originals and not c.mask.same_voxels(originals.mask(c.structure_id)))
    )


def without_landmarks(structures: StructureSet, catalogue: Catalogue) -> StructureSet:
    """The structures a clinician works on; vessels, bones and muscles are there for engines."""
    return structures.only(i for i in structures.ids if catalogue[i].role is not Role.LANDMARK)


def landmarks(structures: StructureSet, catalogue: Catalogue) -> StructureSet:
    """The others."""
    return structures.only(i for i in structures.ids if catalogue[i].role is Role.LANDMARK)


def _staying(structures: StructureSet, own: tuple[str, ...], offered: StructureSet) -> StructureSet:
    """What is there and not replaced: neither by a contour of the same id, nor by one it is derived from."""
    renewed = {c.structure_id for c in offered}
    for contour in structures:
        whole = "ctvn" if contour.structure_id in NODAL_IDS else "ctvp"
        if contour.source is Source.DERIVED and whole in offered:
            renewed.add(contour.structure_id)
    return structures.only(i for i in structures.ids if i in own or i not in renewed)


def _usable(masks: StructureSet, structures: StructureSet) -> StructureSet:
    """The engine's contours, without its levels where a whole nodal CTV is there that none divides yet."""
    whole = structures.has("ctvn") and not any(i in NODAL_IDS for i in structures.ids)
    return masks.only(i for i in masks.ids if not (whole and i in NODAL_IDS))
