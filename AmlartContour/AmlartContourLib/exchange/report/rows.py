"""The tables of a report as plain rows of words: numbers get their unit and digits here, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.rules import Rule, RuleMessage, Severity, first_up, said
from AmlartContourLib.domain.structure_set import Contour, Source
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.exchange.report.data import ReportData
from AmlartContourLib.exchange.report.styles import (
    GROUP_NAMES,
    Colour,
    colour_of,
    is_part_of_another,
    line_style,
    on_dark,
    ordered,
)

NOT_GIVEN = "–"


@dataclass(frozen=True)
class StructureRow:
    """One structure: names, colour, where it came from, volume and length.

    `note` is the number of its note (0 for none); `is_part` marks a side or sub-level of another row.
    """

    name: str
    tg263_name: str
    roi_name: str
    colour: str
    source: str
    derived: bool
    note: int
    is_part: bool
    volume: str
    length: str


@dataclass(frozen=True)
class Group:
    """Structures of one role; landmarks are listed apart and not drawn."""

    title: str
    landmarks: bool
    rows: tuple[StructureRow, ...]


@dataclass(frozen=True)
class LegendRow:
    """One line of the pictures: colour as drawn, width, dashes as SVG has them."""

    name: str
    colour: str
    width: float
    dashes: str


@dataclass(frozen=True)
class PartRow:
    """One chosen part: its name, whether it entered, its volume as it entered, and how (its own words, or
    the number of the note it shares with a contour)."""

    name: str
    entered: bool
    volume: str
    note: int
    words: str


@dataclass(frozen=True)
class MessageRow:
    """One rule message."""

    warning: bool
    rule: str
    text: str
    volume: str
    where: str


@dataclass(frozen=True)
class BorderRow:
    """One level border; the number is that in the pictures."""

    number: int
    name: str
    height: str
    tilt: str
    evidence: str
    estimated: bool


def structure_groups(data: ReportData, notes: Sequence[str]) -> tuple[Group, ...]:
    """Every structure and composite, by role; `notes` are those of `contour_notes`."""
    contours = data.all_contours
    groups: dict[Role, list[StructureRow]] = {}
    for structure_id in ordered(contours.ids, data.catalogue):
        role = data.catalogue[structure_id].role
        groups.setdefault(role, []).append(_structure_row(data, contours.contours[structure_id], notes))
    return tuple(
        Group(GROUP_NAMES[role], role is Role.LANDMARK, tuple(rows)) for role, rows in groups.items()
    )


def contour_notes(data: ReportData) -> tuple[str, ...]:
    """The notes of all contours, each text once, in the order of the table."""
    contours = data.all_contours
    notes = (contours.contours[i].note for i in ordered(contours.ids, data.catalogue))
    return tuple(dict.fromkeys(note for note in notes if note))


def legend(data: ReportData) -> tuple[LegendRow, ...]:
    """The lines of the pictures."""
    rows = []
    for structure_id in data.drawn.ids:
        style = line_style(structure_id, data.catalogue)
        colour = on_dark(colour_of(structure_id, data.catalogue, data.record.preset))
        dashes = " ".join(f"{2 * dash:g}" for dash in style.dashes)
        name = data.catalogue[structure_id].display_name
        rows.append(LegendRow(name, _hex(colour), style.width, dashes))
    return tuple(rows)


def _structure_row(data: ReportData, contour: Contour, notes: Sequence[str]) -> StructureRow:
    entry = data.catalogue[contour.structure_id]
    preset = data.record.preset
    return StructureRow(
        name=entry.display_name,
        tg263_name=entry.tg263_name or NOT_GIVEN,
        roi_name=preset.roi_name(entry.id, data.catalogue) if preset else entry.roi_name,
        colour=_hex(colour_of(entry.id, data.catalogue, preset)),
        source=contour.source.value,
        derived=contour.source is Source.DERIVED,
        note=notes.index(contour.note) + 1 if contour.note else 0,
        is_part=is_part_of_another(entry.id, data.all_contours.ids),
        volume="empty" if contour.mask.is_empty else cc(contour.mask.volume_cc),
        length=_length(contour),
    )


def _hex(colour_rgb: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour_rgb)


def _length(contour: Contour) -> str:
    """How far the structure reaches along the scan's axis nearest to the patient's length, in cm."""
    mask = contour.mask
    if mask.is_empty:
        return NOT_GIVEN
    axis = int(np.abs(mask.geometry.direction_matrix[2]).argmax())
    return f"{mask.box.shape_kji[2 - axis] * mask.geometry.spacing_mm[axis] / 10:.1f}"


def part_rows(data: ReportData, notes: Sequence[str]) -> tuple[PartRow, ...]:
    """Every chosen part, those that are not there too; none without a composition."""
    composition, selection = data.composition, data.record.selection
    if composition is None or selection is None:
        return ()
    rows = []
    for structure_id in selection.included:
        contour = composition.used.contours.get(structure_id)
        words = contour.note if contour else "not there"
        shared = words in notes
        rows.append(
            PartRow(
                name=data.catalogue[structure_id].display_name,
                entered=composition.used.has(structure_id),
                volume=cc(contour.mask.volume_cc) if contour else NOT_GIVEN,
                note=notes.index(words) + 1 if shared else 0,
                words="" if shared else words,
            )
        )
    return tuple(rows)


def recipe_lines(data: ReportData) -> Iterator[tuple[str, str]]:
    """The choices beyond the list of parts, as a term and its meaning; none without a selection."""
    selection = data.record.selection
    if selection is None:
        return
    yield "Vagina", vagina_words(selection.vagina)
    kept = "edited back to the included vagina" if selection.edit_back_parametrium else "whole"
    yield "Parametrium", kept
    if Rule.DISJOINT in selection.rules_off:
        yield "Rule 1", "switched off: CTVp, CTVn and anorectum may overlap"
    else:
        order = " > ".join(said(i) for i in selection.priority)
        usual = "" if selection.priority == DEFAULT_PRIORITY else " (changed from the default)"
        yield "Rule 1, who keeps shared voxels", order + usual
    sources = data.record.preset.ptv_sources if data.record.preset else {}
    for target, margin in selection.ptv.items():
        same = data.record.preset is not None and data.record.preset.selection.ptv.get(target) == margin
        source = f" ({sources[target]})" if same and target in sources else " (chosen for this patient)"
        yield f"PTV margin round {said(target)}", margin.describe() + source
    if not selection.ptv:
        yield "PTV", "none: no margin was given"


def vagina_words(vagina: VaginaLength) -> str:
    """The recipe with its length in cm."""
    length = f"{vagina.length_mm / 10:g} cm"
    return {
        VaginaRecipe.WHOLE: "whole",
        VaginaRecipe.UPPER: f"upper {length}, along the vaginal axis",
        VaginaRecipe.BELOW_TUMOUR: f"to {length} below the lower of cervix and GTVp, along the vaginal axis",
    }[vagina.recipe]


def message_rows(messages: tuple[RuleMessage, ...]) -> tuple[MessageRow, ...]:
    """Warnings first, otherwise in the order they came."""
    ranked = sorted(messages, key=lambda message: message.severity is not Severity.WARNING)
    return tuple(
        MessageRow(
            warning=message.severity is Severity.WARNING,
            rule=message.rule.value if message.rule else NOT_GIVEN,
            text=message.text,
            volume=f"{message.volume_cc:.2f}" if message.volume_cc else NOT_GIVEN,
            where=_place(message),
        )
        for message in ranked
    )


def _place(message: RuleMessage) -> str:
    if message.place is None:
        return NOT_GIVEN
    x, y, z = message.place.centroid_lps
    return f"{abs(x):.0f} {'L' if x >= 0 else 'R'}, {abs(y):.0f} {'P' if y >= 0 else 'A'}, {z:.0f} (z)"


def border_rows(borders: tuple[LevelBorder, ...]) -> tuple[BorderRow, ...]:
    """Every level border with its evidence."""
    return tuple(
        BorderRow(
            number=number,
            name=first_up(border.kind.value),
            height=NOT_GIVEN if border.kind is BorderKind.MIDLINE else f"{border.point_lps[2]:.1f}",
            tilt=_tilt(border),
            evidence=border.evidence,
            estimated=border.estimated,
        )
        for number, border in enumerate(borders, start=1)
    )


def _tilt(border: LevelBorder) -> str:
    x, y, z = (abs(value) for value in border.normal_lps)
    largest = max(x, y, z)
    if largest > 0.9999:
        return {x: "sagittal", y: "coronal", z: "axial"}[largest]
    return "oblique"


def cc(volume: float) -> str:
    """A volume in cm3 with the digits that mean something."""
    return f"{volume:.2f}" if 0 < volume < 10 else f"{volume:.1f}"
