"""Level borders as lines with names over the coronal and sagittal views: where they lie, and moving them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from AmlartContourLib.domain.border_move import MOVABLE
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.panels.components import border_label
from AmlartContourLib.web.views.arrangement import AXIAL, SLICE_VIEWS
from AmlartContourLib.web.views.border_labels import Label, NamedLine, labels
from AmlartContourLib.web.views.projection import Projection


class BorderLines:
    """The lines of the open patient's borders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def draw_all(self) -> None:
        """The lines of every view."""
        for name in self._desk.views.slices():
            self.draw(name)

    def draw(self, name: str) -> None:
        """The lines of one view, and their names; none where no patient is open."""
        case = self._desk.case
        if name == AXIAL:
            return
        borders = case.borders if case else ()
        views = self._desk.views
        lines, labels = drawn(borders, views.projection(name), views.sharpness(name))
        for key, shown in ((f"{name}_lines", lines), (f"{name}_labels", labels)):
            if self._desk.state[key] != shown:
                self._desk.state[key] = shown

    def drag(self, kind: str, view: str, across: float, down: float) -> None:
        """A line was dragged by this share of the view's width and height."""
        border = self._border(kind)
        if border is None or view not in SLICE_VIEWS:
            return
        ends = self._desk.views.projection(view).to_lps(
            np.asarray([[0.0, 0.0], [float(across), float(down)]])
        )
        normal = np.asarray(border.normal_lps)
        self._move(border, float((ends[1] - ends[0]) @ normal))

    def step(self, kind: str, slices: int) -> None:
        """A border one slice up or down."""
        border, patient = self._border(kind), self._desk.session.patient
        if border is not None and patient is not None:
            self._move(border, int(slices) * patient.axial.grid.spacing_kji_mm[patient.axial.axis])

    def _border(self, kind: str) -> LevelBorder | None:
        case = self._desk.case
        return next((b for b in case.borders if b.kind.name == kind), None) if case else None

    def _move(self, border: LevelBorder, along_mm: float) -> None:
        point = np.asarray(border.point_lps) + along_mm * np.asarray(border.normal_lps)
        x, y, z = (float(v) for v in point)
        try:
            moved_cc = self._desk.session.choices.move_border(border.kind, (x, y, z))
        finally:
            self.draw_all()
        self._desk.notices.tell(
            f"{border_label(border)} moved by {along_mm:+.1f} mm: {moved_cc:.1f} cm³ changed their level.",
            "info",
        )


def drawn(
    borders: Iterable[LevelBorder], projection: Projection, sharpness: float = 1.0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of a view in thousandths of its width and height, and their names in percent. `sharpness`:
    pixels of the view for each of the page, in which a name has its size."""
    width_px, height_px = projection.width / sharpness, projection.height / sharpness
    lines, named = [], []
    for border in borders:
        if border.kind in MOVABLE:
            ends = projection.line(np.asarray(border.point_lps), np.asarray(border.normal_lps))
            if ends is not None:
                lines.append(_line(border, ends))
                left, y = min(ends.tolist())
                place_px = left * width_px, y * height_px
                named.append(NamedLine(border_label(border), *place_px, border.estimated))
    return lines, [_label(label, width_px, height_px) for label in labels(named, height_px)]


def _line(border: LevelBorder, ends: np.ndarray[Any, Any]) -> dict[str, Any]:
    (x1, y1), (x2, y2) = np.round(ends * 1000.0, 1).tolist()
    return {
        "kind": border.kind.name,
        "label": border_label(border),
        "estimated": border.estimated,
        "evidence": border.evidence,
        "mm": round(border.point_lps[2], 1),
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
    }


def _label(label: Label, width_px: float, height_px: float) -> dict[str, Any]:
    return {
        "text": label.text,
        "estimated": label.estimated,
        "left": round(100 * label.left_px / width_px, 2),
        "top": round(100 * label.top_px / height_px, 2),
    }
