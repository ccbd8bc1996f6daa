"""Effort: per structure how much editing was expected and how much there was, and the slices of the
chosen one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import Comparison
from AmlartContourLib.measures.slices import SliceFigures
from AmlartContourLib.session.effort import EffortRow
from AmlartContourLib.session.events import (
    ChoicesChanged,
    ContoursArrived,
    Event,
    PatientOpened,
    ReviewChanged,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk, css

STRIP_PX = 54
MOST_SHOWN = 0.6  # of a slice's surface to redraw: what fills the strip
WORST = 3
MINUTES = (
    "Minutes are not shown: they need a fit to your site's own edit log over at least 20 patients. "
    "Minutes of other sites would be invented."
)
UNSEEN, SEEN, TOUCHED = "#5b6873", "#4fa3bf", "#e3b35f"


class EffortPanel:
    """Panel "Effort"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "effort_rows": [],
            "effort_note": "",
            "strip": [],
            "strip_text": "",
            "worst": [],
            "active_figures": "",
            "minutes_text": MINUTES,
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"set_tolerance": self.set_tolerance}

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        return isinstance(
            event, PatientOpened | StructuresChanged | ChoicesChanged | ContoursArrived | ReviewChanged
        )

    def set_tolerance(self, structure_id: str, text: str | float) -> None:
        """Another tolerance in mm; empty: the default."""
        value = None if text in ("", None) else float(text)
        self._desk.session.effort.set_tolerance(structure_id, value)

    def refresh(self) -> None:
        """See `Panel`. The table is made only while it is looked at; the figures of the chosen
        structure always."""
        state, case = self._desk.state, self._desk.case
        if case is None:
            state.effort_rows, state.strip, state.worst, state.active_figures = [], [], [], ""
            return
        if state.panel == "effort":
            rows = self._desk.session.effort.rows()
            state.effort_rows = [self._row(row) for row in rows]
            withheld = dict.fromkeys(row.expected_withheld for row in rows if row.expected is None)
            state.effort_note = " ".join(withheld)
        self._show_active()

    def _row(self, row: EffortRow) -> dict[str, Any]:
        fraction = row.expected.fraction_to_redraw if row.expected else None
        measured = row.measured
        rgb = catalogue()[row.structure_id].colour_rgb
        return {
            "id": row.structure_id,
            "name": row.name,
            "colour": css(self._desk.display.colour_of(row.structure_id, rgb)),
            "tolerance": row.tolerance_mm,
            "is_default": row.tolerance_is_default,
            "expected": "" if fraction is None else _percent(fraction.expected),
            "expected_title": row.expected_withheld
            if fraction is None
            else f"{_percent(fraction.low)} to {_percent(fraction.high)}",
            "measured": "" if measured is None else _percent(measured.fraction_to_redraw),
            "measured_title": row.measured_withheld if measured is None else figures_text(measured),
        }

    def _show_active(self) -> None:
        state, case = self._desk.state, self._desk.case
        active = self._desk.active
        if case is None or not active or not case.final.has(active):
            state.strip, state.worst, state.active_figures, state.strip_text = [], [], "", ""
            return
        compared = self._desk.session.effort.measure(active) if active in case.structures else None
        state.active_figures = "" if compared is None else figures_text(compared)
        by_k = {figures.k: figures for figures in compared.slices} if compared else {}
        held = case.slices(active)
        unseen = set(case.review.unseen(active, held))
        state.strip = [_bar(k, by_k.get(k), k in unseen) for k in sorted({*held, *by_k})]
        state.strip_text = f"{len(held)} slices, {len(unseen)} not displayed yet"
        state.worst = [
            {"k": f.k, "text": f"{f.redraw_mm2:.0f} mm²"}
            for f in (compared.worst_slices(WORST) if compared else ())
        ]


def figures_text(compared: Comparison) -> str:
    """The measured editing of one structure in a sentence."""
    if compared.empty:
        return f"Nothing to compare: {compared.empty}."
    inward, outward = compared.redraws[0].inward_fraction, compared.redraws[0].outward_fraction
    added = compared.path.added_mm
    path = "" if added is None else f", added path {added / 10:.1f} cm"
    return (
        f"{_percent(compared.fraction_to_redraw)} of the surface redrawn beyond {compared.tolerance_mm:g} mm "
        f"({_percent(inward)} inward, {_percent(outward)} outward){path}."
    )


def _bar(k: int, figures: SliceFigures | None, unseen: bool) -> dict[str, Any]:
    share = figures.fraction_to_redraw if figures else 0.0
    height = 8 + round((STRIP_PX - 8) * min(share / MOST_SHOWN, 1.0))
    colour = TOUCHED if share > 0 else UNSEEN if unseen else SEEN
    words = [f"Slice {k + 1}", f"{_percent(share)} redrawn" if share else "as it came"]
    if unseen:
        words.append("not displayed yet")
    return {"k": k, "height": height, "colour": colour, "title": ", ".join(words)}


def _percent(fraction: float | None) -> str:
    return "undefined" if fraction is None else f"{100 * fraction:.1f} %"
