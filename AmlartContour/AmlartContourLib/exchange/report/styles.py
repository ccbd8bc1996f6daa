"""How a structure is drawn: the site's colour, and a line that tells its role without colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue, Role

NOT_DRAWN = {Role.LANDMARK}  # bones, muscles and vessels that the contours were found from: too many lines


@dataclass(frozen=True)
class LineStyle:
    """Width in points and dashes (on, off, ...) of a role's lines."""

    width: float
    dashes: tuple[float, ...]


STYLES = {
    Role.PTV: LineStyle(1.6, (5, 2)),
    Role.COMPOSITE: LineStyle(2.2, ()),
    Role.GTV: LineStyle(1.8, ()),
    Role.CTV_PART: LineStyle(1.1, ()),
    Role.NODAL_LEVEL: LineStyle(1.1, ()),
    Role.ORGAN: LineStyle(1.2, (1, 1)),
    Role.LANDMARK: LineStyle(0.8, (1, 2)),
}
ORDER = (  # of tables and legends; lines are drawn from the last to the first
    Role.GTV,
    Role.CTV_PART,
    Role.NODAL_LEVEL,
    Role.COMPOSITE,
    Role.PTV,
    Role.ORGAN,
    Role.LANDMARK,
)
GROUP_NAMES = {
    Role.GTV: "Gross tumour volumes",
    Role.CTV_PART: "Parts of the CTV",
    Role.NODAL_LEVEL: "Nodal levels",
    Role.COMPOSITE: "Composites",
    Role.PTV: "Planning target volumes",
    Role.ORGAN: "Organs",
    Role.LANDMARK: "Landmarks (not drawn in the pictures)",
}


def colour_of(structure_id: str, catalogue: Catalogue, preset: SitePreset | None) -> tuple[int, int, int]:
    """The preset's colour, or the catalogue's."""
    return preset.colour_rgb(structure_id, catalogue) if preset else catalogue[structure_id].colour_rgb


def drawn_ids(structures: StructureSet, catalogue: Catalogue) -> tuple[str, ...]:
    """The ids with voxels that pictures show, in the order of tables."""
    return tuple(
        i for i in ordered(structures.ids, catalogue)
        if structures.has(i) and catalogue[i].role not in NOT_DRAWN
    )  # fmt: skip


def ordered(ids: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """Ids by role, then in the catalogue's order."""
    place = {structure_id: number for number, structure_id in enumerate(catalogue)}
    return tuple(sorted(ids, key=lambda i: (ORDER.index(catalogue[i].role), place[i])))
