"""The pictures of a report: chosen slices with contours, and the slices with most to redraw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.report.charts import data_uri
from AmlartContourLib.exchange.report.data import MeasuredEditing, ReportData
from AmlartContourLib.exchange.report.drawing import Line, picture
from AmlartContourLib.exchange.report.slice_choice import Choice, choose_slices, most_to_redraw, worst_apart
from AmlartContourLib.exchange.report.styles import colour_of, line_style, on_dark
from AmlartContourLib.exchange.report.view import OBLIQUE_DEG, Plane, View, box_of, cut
from AmlartContourLib.measures.set_comparison import StructureComparison

ROOM_MM = 40.0  # above and below the contours in coronal and sagittal pictures; round them in close-ups
CLOSE_UP_MM = 30.0
REFERENCE_RGB, TEST_RGB = (0, 230, 255), (255, 150, 0)  # told apart with any colour vision, and by dashes


@dataclass(frozen=True)
class Picture:
    """One picture: plane, caption, words for those who cannot see it, and the PNG as a data URI."""

    plane: str
    caption: str
    alt: str
    source: str


@dataclass(frozen=True)
class Pictures:
    """The overview pictures, how the scan lies, and per structure the slices with most to redraw."""

    overview: tuple[Picture, ...]
    orientation: str
    worst: tuple[tuple[str, tuple[Picture, ...]], ...] = ()


def make_pictures(data: ReportData) -> Pictures | None:
    """All pictures of a report; None without a scan."""
    if data.scan is None:
        return None
    view = View.of(data.scan, data.drawn)
    overview = tuple(_overview(view, data, choice) for choice in choose_slices(view, data.catalogue))
    worst = tuple(_worst(data.scan, data.editing, data.catalogue)) if data.editing else ()
    return Pictures(overview, _orientation(view), worst)


def _overview(view: View, data: ReportData, choice: Choice) -> Picture:
    lines = _lines(view, data.catalogue, data.record.preset)
    content = picture(
        view,
        choice.plane,
        choice.index,
        _window(view, choice.plane),
        lines,
        tuple(enumerate(data.record.borders, start=1)),
    )
    seen = [i for i, mask in view.masks.items() if cut(mask, choice.plane, choice.index, view.body).any()]
    names = ", ".join(data.catalogue[i].display_name for i in seen) or "no contour"
    where = _where(view, choice.plane, choice.index)
    caption = f"{where}. {_first_up(choice.why)}." if choice.why else f"{where}."
    return Picture(choice.plane.value, caption, f"{where}, showing {names}.", data_uri(content))


def _lines(view: View, catalogue: Catalogue, preset: SitePreset | None) -> list[Line]:
    """Wide lines first, so that the thin ones of the parts stay visible on them."""
    styles = {i: line_style(i, catalogue) for i in view.masks}
    return [
        Line(view.masks[i], on_dark(colour_of(i, catalogue, preset)), styles[i].width, styles[i].dashes)
        for i in sorted(view.masks, key=lambda i: -styles[i].width)
    ]


def _window(view: View, plane: Plane) -> Box:
    """The body; in coronal and sagittal pictures only the height of the contours and some room."""
    body = view.body
    contours = box_of(view.masks.values())
    if plane is Plane.AXIAL or contours.is_empty:
        return body
    room = view.padded(contours, ROOM_MM)
    start = (room.start_kji[0], body.start_kji[1], body.start_kji[2])
    return Box(start, (room.stop_kji[0], body.stop_kji[1], body.stop_kji[2]))


def _worst(
    scan: CtScan, editing: MeasuredEditing, catalogue: Catalogue
) -> Iterator[tuple[str, tuple[Picture, ...]]]:
    """The structures with the largest area to redraw."""
    for compared in most_to_redraw(editing.comparisons):
        name = catalogue[compared.structure_id].display_name
        yield name, tuple(compared_pictures(scan, editing, compared, catalogue))


def glances(scan: CtScan, structures: StructureSet, catalogue: Catalogue) -> tuple[Picture, ...]:
    """Two small pictures of a case with all its contours: axial and sagittal, through the target."""
    view = View.of(scan, structures)
    lines = _lines(view, catalogue, None)
    found = []
    for plane in (Plane.AXIAL, Plane.SAGITTAL):
        choices = [choice for choice in choose_slices(view, catalogue) if choice.plane is plane]
        index = choices[len(choices) // 2].index
        content = picture(view, plane, index, _window(view, plane), lines, width_inches=2.4)
        where = _where(view, plane, index)
        found.append(Picture(plane.value, f"{where}.", f"{where}.", data_uri(content)))
    return tuple(found)


def compared_pictures(
    scan: CtScan, editing: MeasuredEditing, compared: StructureComparison, catalogue: Catalogue
) -> Iterator[Picture]:
    """Close-ups of both contours of one structure, on the slices with most to redraw."""
    structure_id = compared.structure_id
    sides = [
        (View.of(scan, contours.only([structure_id])), colour, dashes)
        for contours, colour, dashes in (
            (editing.reference, REFERENCE_RGB, ()),
            (editing.test, TEST_RGB, (3.0, 1.5)),
        )
    ]
    view = sides[0][0]
    lines = [
        Line(mask, colour, 1.8, dashes) for seen, colour, dashes in sides for mask in seen.masks.values()
    ]
    window = view.padded(box_of(line.mask for line in lines), CLOSE_UP_MM)
    name = catalogue[structure_id].display_name
    for figures in worst_apart(compared.comparison):
        content = picture(view, Plane.AXIAL, figures.k, window, lines, width_inches=3.4)
        where = _where(view, Plane.AXIAL, figures.k)
        caption = (
            f"{where}. {figures.redraw_mm2 / 100:.1f} cm2 to redraw, "
            f"{figures.fraction_to_redraw:.0%} of the surface in this slice."
        )
        alt = f"{name}, {where}: {editing.reference_name} and {editing.test_name}."
        yield Picture(Plane.AXIAL.value, caption, alt, data_uri(content))


def _where(view: View, plane: Plane, index: int) -> str:
    count = view.geometry.shape_kji[plane.axis]
    start = {Plane.AXIAL: "inferior", Plane.CORONAL: "anterior", Plane.SAGITTAL: "right"}[plane]
    return (
        f"{_first_up(plane.value)}, {view.position_mm(plane, index):.1f} mm, "
        f"slice {index + 1} of {count} from {start}"
    )


def _orientation(view: View) -> str:
    text = "Radiological convention: the patient's right is on the left of axial and coronal pictures."
    if view.oblique_deg >= OBLIQUE_DEG:
        text += (
            f" The scan is tilted by up to {view.oblique_deg:.1f} degrees; the pictures follow its own "
            "slices, so planes are only nearly axial, coronal and sagittal."
        )
    return text


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
