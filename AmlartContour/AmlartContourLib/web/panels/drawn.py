"""Contours that the page draws over the slices: those that came as dashed lines, and fillings.

The scene itself draws outlines only: its fillings are not blended with the CT (observed). A filling is drawn
from the contour as the session holds it, so during a stroke it stays as it was until the stroke ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.web.desk import Desk, css
from AmlartContourLib.web.views.outline import outline_path
from AmlartContourLib.web.views.projection import Projection

CAME_RGB = (255, 255, 255)
MOST_FILLED = 60  # percent; more would hide the CT


class DrawnContours:
    """What is drawn over each view, as paths of an SVG."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start_state(self, views: Iterable[str]) -> Mapping[str, Any]:
        """What the templates read, before anything happened."""
        drawn: dict[str, Any] = {f"{name}_{what}": [] for name in views for what in ("came", "filled")}
        return {**drawn, "came": "active", "fill": 0}

    def set_fill(self, percent: float) -> None:
        """How strongly contours are filled; 0: not at all."""
        self._desk.state.fill = min(max(round(float(percent)), 0), MOST_FILLED)
        self.draw_all()

    def draw_all(self) -> None:
        """Every view."""
        for name in self._desk.views.slices():
            self.draw(name)

    def draw(self, name: str) -> None:
        """One view; empty where no patient is open."""
        case, state = self._desk.case, self._desk.state
        if case is None:
            self._show(f"{name}_came", [])
            self._show(f"{name}_filled", [])
            return
        projection = self._desk.views.projection(name)
        came = {"active": (self._desk.active,), "all": case.originals.ids}.get(str(state.came), ())
        shown = self._paths(case.originals, came, projection)
        self._show(f"{name}_came", [{**path, "colour": css(CAME_RGB)} for path in shown])
        filled = self._desk.display.visible_ids() if state.fill else ()
        self._show(f"{name}_filled", self._paths(case.final, filled, projection))

    def _paths(
        self, contours: StructureSet, ids: Iterable[str], projection: Projection
    ) -> list[dict[str, str]]:
        """Those of the ids that are there, visible and meet the slice."""
        display = self._desk.display
        found = []
        for structure_id in ids:
            if structure_id in contours and display.is_visible(structure_id):
                path = outline_path(contours.mask(structure_id), projection)
                if path:
                    rgb = display.colour_of(structure_id, catalogue()[structure_id].colour_rgb)
                    found.append({"id": structure_id, "d": path, "colour": css(rgb)})
        return found

    def _show(self, key: str, paths: list[dict[str, str]]) -> None:
        if self._desk.state[key] != paths:
            self._desk.state[key] = paths
