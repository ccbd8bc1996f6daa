"""How a structure is drawn: the site's colour, and a line that tells its role without colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from AmlartContourLib.domain.parts import leaves
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.structures import Catalogue, Role

Colour = tuple[int, int, int]
LEAST_BRIGHTNESS = 110.0  # of 255: darker lines cannot be told from the grey of soft tissue


@dataclass(frozen=True)
class LineStyle:
    """Width in points and dashes (on, off, ...) of a role's lines."""

    width: float
    dashes: tuple[float, ...] = ()


STYLES = {
    Role.COMPOSITE: LineStyle(2.2),
    Role.PTV: LineStyle(1.6, (5, 2)),
    Role.GTV: LineStyle(1.8),
    Role.CTV_PART: LineStyle(1.1),
    Role.NODAL_LEVEL: LineStyle(1.1),
    Role.ORGAN: LineStyle(1.3, (1.2, 1.2)),
    Role.LANDMARK: LineStyle(0.8, (1, 2)),
}
WHOLE_CTV = LineStyle(3.6)  # its line runs along those of CTVp, CTVn and parametrium: a rim round them
GROUP_NAMES = {
    Role.COMPOSITE: "Composites",
    Role.PTV: "Planning target volumes",
    Role.GTV: "Gross tumour volumes",
    Role.CTV_PART: "Parts of the CTV",
    Role.NODAL_LEVEL: "Nodal levels",
    Role.ORGAN: "Organs",
    Role.LANDMARK: "Landmarks",
}
ORDER = tuple(GROUP_NAMES)  # of tables and legends


def line_style(structure_id: str, catalogue: Catalogue) -> LineStyle:
    """The line of a structure."""
    return WHOLE_CTV if structure_id == "ctv" else STYLES[catalogue[structure_id].role]


def colour_of(structure_id: str, catalogue: Catalogue, preset: SitePreset | None) -> Colour:
    """The preset's colour, or the catalogue's."""
    return preset.colour_rgb(structure_id, catalogue) if preset else catalogue[structure_id].colour_rgb


def on_dark(colour_rgb: Colour) -> Colour:
    """The same hue, mixed with white as far as a dark picture needs (brightness by ITU-R BT.709)."""
    red, green, blue = colour_rgb
    brightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    if brightness >= LEAST_BRIGHTNESS:
        return colour_rgb
    share = (LEAST_BRIGHTNESS - brightness) / (255 - brightness)
    red, green, blue = (round(value + share * (255 - value)) for value in colour_rgb)
    return red, green, blue


def ordered(ids: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """Ids by role, then in the catalogue's order."""
    place = {structure_id: number for number, structure_id in enumerate(catalogue)}
    return tuple(sorted(ids, key=lambda i: (ORDER.index(catalogue[i].role), place[i])))


def is_part_of_another(structure_id: str, ids: Iterable[str]) -> bool:
    """True for a side or a sub-level of another structure in the list."""
    return any(leaves(structure_id) < leaves(other) for other in ids)
