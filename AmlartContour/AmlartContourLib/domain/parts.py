"""Which structures are parts of which: sides of a level, sub-levels of the pelvic level, parts of the CTVp.

One table for all who ask. A structure that is not there itself is there as the union of its parts that are.
"""

from __future__ import annotations

from collections.abc import Iterable

from AmlartContourLib.domain.mask import union
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet

HIGH_RISK = ("cervix", "gtvp")
CTVP_PARTS = (*HIGH_RISK, "ctv_hr", "uterus", "vagina")
PELVIC_SUBLEVELS = ("ln_external_iliac", "ln_internal_iliac", "ln_obturator", "ln_presacral")
LEVELS = ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")
SIDES = ("left", "right")


def _table() -> dict[str, frozenset[str]]:
    leaves: dict[str, frozenset[str]] = {}
    for whole in ("ln_common_iliac", "ln_paraaortic", *PELVIC_SUBLEVELS, "parametrium"):
        for side in SIDES:
            leaves[f"{whole}_{side}"] = frozenset({f"{whole}_{side}"})
        leaves[whole] = frozenset(f"{whole}_{side}" for side in SIDES)
    for side in SIDES:
        leaves[f"ln_pelvic_{side}"] = frozenset(f"{level}_{side}" for level in PELVIC_SUBLEVELS)
    leaves["ln_pelvic"] = leaves["ln_pelvic_left"] | leaves["ln_pelvic_right"]
    return leaves


_LEAVES = _table()  # every level and parametrium, as its smallest parts
NODAL_IDS = frozenset(i for i in _LEAVES if i.startswith("ln_"))
PARAMETRIUM_IDS = frozenset(_LEAVES) - NODAL_IDS


def leaves(structure_id: str) -> frozenset[str]:
    """The smallest parts of a structure: itself where it has none."""
    return _LEAVES.get(structure_id, frozenset({structure_id}))


def covering(wanted: frozenset[str]) -> tuple[str, ...]:
    """The largest structures that together are exactly these smallest parts."""
    chosen: list[str] = []
    left = set(wanted)
    for structure_id in sorted(_LEAVES, key=lambda i: (-len(_LEAVES[i]), i)):
        if _LEAVES[structure_id] <= wanted and _LEAVES[structure_id] & left:
            chosen.append(structure_id)
            left -= _LEAVES[structure_id]
    return (*chosen, *sorted(left))


def without_part(ids: Iterable[str], removed: str) -> tuple[str, ...]:
    """Ids with one taken away, whether it is among them, a part of one, or made up of several."""
    gone = leaves(removed)
    kept: list[str] = []
    for structure_id in ids:
        parts = leaves(structure_id)
        kept += covering(parts - gone) if parts & gone else (structure_id,)
    return tuple(dict.fromkeys(kept))


def part(structures: StructureSet, structure_id: str) -> Contour | None:
    """The structure itself, else the union of its parts that are there (marked derived), else None."""
    if structure_id in structures:
        return structures.contours[structure_id]
    whole = leaves(structure_id)
    pieces = [i for i in structures.ids if leaves(i) < whole]
    if not pieces:
        return None
    lacking = covering(whole - frozenset().union(*(leaves(i) for i in pieces)))
    note = f"union of {', '.join(pieces)}" + (f"; not there: {', '.join(lacking)}" if lacking else "")
    mask = union([structures.mask(i) for i in pieces], structures.geometry)
    return Contour(structure_id, mask, Source.DERIVED, note)
