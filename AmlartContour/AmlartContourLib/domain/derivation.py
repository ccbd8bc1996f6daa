"""Parts that are missing but follow from contours that are there. Each is marked derived, with a note.

Nothing is overwritten and nothing taken away: what came in stays as it came, and composites are recomposed
from the parts. For labels in the form of the AMLART data set (CTVp, CTVn, uterus, vagina, ... but no cervix,
no GTV and no nodal level) this makes the high-risk CTV and the nodal levels.
"""

from __future__ import annotations

from collections.abc import Iterable

from AmlartContourLib.domain.levels import LevelBorder, divide_ctvn
from AmlartContourLib.domain.parts import LEVELS, PELVIC_SUBLEVELS, part
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet


def derive(structures: StructureSet, borders: Iterable[LevelBorder]) -> StructureSet:
    """The structures with what follows from them.

    1. Levels divided from the CTVn by the borders, where a level is not there in any form.
    2. A level, sub-level or parametrium as the union of its sides or sub-levels.
    3. The high-risk CTV = CTVp less uterus less vagina, where cervix, GTVp and high-risk CTV are all absent
    and uterus and vagina were contoured (they may be empty).

    Empty results are not added. BadSetting for borders that come twice.
    """
    derived = _with_levels(structures, tuple(borders))
    for whole in (*PELVIC_SUBLEVELS, *LEVELS, "parametrium"):
        found = part(derived, whole)
        if found and not found.mask.is_empty:
            derived = derived.with_contours(found)
    return _with_high_risk(derived)


def _with_levels(structures: StructureSet, borders: tuple[LevelBorder, ...]) -> StructureSet:
    if not borders or not structures.has("ctvn"):
        return structures
    division = divide_ctvn(structures.mask("ctvn"), borders)
    used = "; ".join(f"{b.kind.value}{' (estimated)' if b.estimated else ''}" for b in borders)
    note = " ".join((f"Divided from CTVn by: {used}.", *division.notes))
    levels = {i: i.removesuffix("_left").removesuffix("_right") for i in division.parts}
    new = [
        Contour(structure_id, mask, Source.DERIVED, note)
        for structure_id, mask in division.parts.items()
        if not mask.is_empty and part(structures, levels[structure_id]) is None
    ]
    return structures.with_contours(*new)


def _with_high_risk(structures: StructureSet) -> StructureSet:
    known = structures.has("cervix") or structures.has("ctv_hr")
    if known or not structures.has("ctvp") or not {"uterus", "vagina"} <= set(structures.ids):
        return structures
    rest = structures.mask("ctvp") - structures.mask("uterus") - structures.mask("vagina")
    if rest.is_empty:
        return structures
    note = "CTVp less uterus less vagina; it may hold thin rims round both."
    return structures.with_contours(Contour("ctv_hr", rest | structures.mask("gtvp"), Source.DERIVED, note))
