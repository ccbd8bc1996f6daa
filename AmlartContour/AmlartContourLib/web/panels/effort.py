"""Effort: per structure how much editing was expected and how much there was, and the slices of the
chosen one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from AmlartContourLib.contract.effort import Interval
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import Comparison
from AmlartContourLib.session.effort import EffortRow, SliceRedraw, Standing
from AmlartContourLib.session.events import (
    ChoicesChanged,
    ContoursArrived,
    Event,
    PatientOpened,
    ReviewChanged,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk, css, percent
from AmlartContourLib.web.panels.second import apart

STRIP_PX = 54
LEAST_PX, LINE_PX = 8, 2
FULL_MM2 = 150.0  # to redraw in a slice: fills the strip, unless a slice has more
WORST = 3
UNSEEN, SEEN, TOUCHED, EXPECTED = "#5b6873", "#4fa3bf", "#e3b35f", "#ffffff"


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
            "minutes_text": "",
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
            state.minutes_text = self._desk.session.minutes.foretold().text
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
            "expected": "" if fraction is None else percent(fraction.expected),
            "expected_title": row.expected_withheld if fraction is None else _interval(row, fraction),
            **apart(row),
            "measured": _measured(row),
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
        held = case.slices(active)
        unseen = set(case.review.unseen(active, held))
        slices = self._slices(active, held)
        most = max([FULL_MM2, *(one.measured_mm2 or 0.0 for one in slices)])
        most = max([most, *(one.expected_mm2 or 0.0 for one in slices)])
        state.strip = [bar(one, most, one.k in unseen) for one in slices]
        state.strip_text = f"{len(held)} slices, {len(unseen)} not displayed yet" + (
            "; lines: expected" if any(one.expected_mm2 is not None for one in slices) else ""
        )
        state.worst = [
            {"k": f.k, "text": f"{f.redraw_mm2:.0f} mm²"}
            for f in (compared.worst_slices(WORST) if compared else ())
        ]

    def _slices(self, active: str, held: Sequence[int]) -> Sequence[SliceRedraw]:
        """Of a part its expected and measured areas; a composite has neither."""
        if active in self._desk.session.case.structures:
            return self._desk.session.effort.by_slice(active)
        return [SliceRedraw(k, None, None) for k in held]


def _interval(row: EffortRow, fraction: Interval) -> str:
    source = f", from: {row.expected_from.value}" if row.expected_from else ""
    return f"{percent(fraction.low)} to {percent(fraction.high)}{source}"


def _measured(row: EffortRow) -> str:
    """The measured share; of an unedited contour, which needs no measuring, that it is one."""
    if row.measured is not None:
        return percent(row.measured.fraction_to_redraw)
    return row.standing.value if row.standing is Standing.UNEDITED else ""


def figures_text(compared: Comparison) -> str:
    """The measured editing of one structure in a sentence."""
    if compared.empty:
        return f"Nothing to compare: {compared.empty}."
    inward, outward = compared.redraws[0].inward_fraction, compared.redraws[0].outward_fraction
    added = compared.path.added_mm
    path = "" if added is None else f", added path {added / 10:.1f} cm"
    return (
        f"{percent(compared.fraction_to_redraw)} of the surface redrawn beyond {compared.tolerance_mm:g} mm "
        f"({percent(inward)} inward, {percent(outward)} outward){path}."
    )


def bar(one: SliceRedraw, most_mm2: float, unseen: bool) -> dict[str, Any]:
    """A bar for what was redrawn, with a line across it, or above it, for what was expected."""
    measured, expected = one.measured_mm2 or 0.0, one.expected_mm2
    colour = TOUCHED if measured > 0 else UNSEEN if unseen else SEEN
    height, words = _height(measured, most_mm2), [f"Slice {one.k + 1}"]
    top, background = height, colour
    if expected is not None:
        line = _height(expected, most_mm2)
        top, background = max(height, line + LINE_PX), _with_line(colour, height, line)
        words.append(f"{expected:.0f} mm² expected")
    words.append(f"{measured:.0f} mm² redrawn" if measured else "as it came")
    if unseen:
        words.append("not displayed yet")
    return {"k": one.k, "height": top, "colour": background, "title": ", ".join(words)}


def _height(area_mm2: float, most_mm2: float) -> int:
    return LEAST_PX + round((STRIP_PX - LEAST_PX) * min(area_mm2 / most_mm2, 1.0))


def _with_line(colour: str, height: int, line: int) -> str:
    """As the page writes a background, from the foot up."""
    over = line + LINE_PX
    below = f"{colour} {min(height, line)}px, transparent {min(height, line)}px {line}px"
    above = f"{colour} {over}px {max(height, over)}px"
    return f"linear-gradient(to top, {below}, {EXPECTED} {line}px {over}px, {above})"
