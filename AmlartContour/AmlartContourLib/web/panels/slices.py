"""The views' own use cases: scrolling, windows, arrangements, jumping, level borders, and telling the
review what was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from AmlartContourLib.session.events import (
    ChoicesChanged,
    CompositesChanged,
    ContoursArrived,
    Event,
    PatientClosed,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.panels.borders import BorderLines
from AmlartContourLib.web.panels.drawn import DrawnContours
from AmlartContourLib.web.views.arrangement import AXIAL, NAMES, SLICE_VIEWS, START, WITH_SURFACES
from AmlartContourLib.web.views.slice_views import START_WINDOW, WINDOWS

TOLD_S = 0.05  # what the page is told goes to it before the event loop is kept busy
NOWHERE: dict[str, Any] = {"text": "", "index": 0, "count": 0, "letters": ["", "", "", ""]}


class SlicesPanel:
    """Everything that lies over the views."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._borders = BorderLines(desk)
        self._drawn = DrawnContours(desk)
        self._left_at_k = -1  # the axial slice of a patient without a target, as she was opened
        self.on_moved: Callable[[str], None] = lambda _name: None
        desk.views.on_modified = self.moved
        desk.display.on_visibility = self.refresh

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        places = {f"{name}_place": dict(NOWHERE) for name in SLICE_VIEWS}
        lines: dict[str, Any] = {f"{n}_{what}": [] for n in SLICE_VIEWS for what in ("lines", "labels")}
        windows = [
            {"id": key, "text": f"{name} {width:.0f}/{level:.0f}"}
            for key, (name, width, level) in WINDOWS.items()
        ]
        return {
            **places,
            **lines,
            **self._drawn.start_state(SLICE_VIEWS),
            "window": START_WINDOW,
            "windows": windows,
            "arrangement": START,
            "arrangements": [{"id": key, "text": text} for key, text in NAMES.items()],
            "axial_k": -1,
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {
            "go_to_slice": self.go_to_slice,
            "step_slice": self.step_slice,
            "go_to": self.go_to,
            "fit": self._desk.views.fit,
            "set_fill": self._drawn.set_fill,
            "drag_border": self._borders.drag,
            "step_border": self._borders.step,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        draw = self._drawn.draw_all
        return {"window": self.set_window, "arrangement": self.arrange, "came": lambda _: draw()}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        changed = isinstance(event, StructuresChanged | CompositesChanged)
        if changed or isinstance(event, ContoursArrived):
            self._desk.display.apply()
        if isinstance(event, ContoursArrived):
            self._desk.views.fit_surfaces()
            if self._desk.state.axial_k == self._left_at_k:
                self._show_target()
        filled = changed and bool(self._desk.state.fill)
        return filled or isinstance(event, ChoicesChanged | ContoursArrived | PatientClosed)

    def opened(self) -> None:
        """A patient was opened: her CT is in the scene."""
        self._desk.display.opened()
        if self._desk.views.surfaces_shown:
            for _ in self._desk.display.make_surfaces():
                pass
            self._desk.views.fit_surfaces()
        self._desk.views.show(self._desk.scene.volume_node)
        self.set_window(self._desk.state.window)
        self._left_at_k = -1
        self.refresh()
        if not self._show_target():
            self._left_at_k = self._desk.state.axial_k

    def _show_target(self) -> bool:
        """Every view to the middle of the CTV; False where she has none yet. Contours that come later take
        the views there too, unless somebody has gone to another slice by then."""
        case = self._desk.case
        if case is None or not case.composition.composites.has("ctv"):
            return False
        self._left_at_k = -1
        self.go_to([float(v) for v in case.composition.composites.mask("ctv").centroid_lps()])
        return True

    def set_window(self, name: str) -> None:
        """Another grey window."""
        _, width, level = WINDOWS.get(str(name), WINDOWS[START_WINDOW])
        self._desk.views.set_window(width, level)

    async def arrange(self, name: str) -> None:
        """Another arrangement of the views. Surfaces take seconds on a plain processor, and that is said."""
        if name == WITH_SURFACES:
            with self._desk.busy("Making the surfaces…"):
                await asyncio.sleep(TOLD_S)
                for _ in self._desk.display.make_surfaces():
                    await asyncio.sleep(0)
                self._arrange(name)
        elif name in NAMES:
            self._arrange(name)
            self._desk.display.drop_surfaces()

    def _arrange(self, name: str) -> None:
        self._desk.views.arrange(name)
        self._desk.views.fit_surfaces()
        self.refresh()

    def go_to_slice(self, name: str, index: int) -> None:
        """A slice by its number: axial slices are counted from inferior, others along the scan's own axis."""
        patient = self._desk.session.patient
        if patient is None or name not in SLICE_VIEWS:
            return
        self._desk.views.go_to_index(name, int(index), patient.axial)

    def step_slice(self, by: int) -> None:
        """The next axial slice, or the one before."""
        if self._desk.state.axial_k >= 0:
            self.go_to_slice(AXIAL, self._desk.state.axial_k + int(by))

    def go_to(self, point_lps: list[float]) -> None:
        """Every view to a point of the patient."""
        point = np.asarray([float(v) for v in point_lps[:3]])
        if point.shape == (3,) and np.isfinite(point).all():
            self._desk.views.go_to(point)

    def moved(self, name: str) -> None:
        """A view shows something else."""
        patient = self._desk.session.patient
        if patient is None:
            return
        views = self._desk.views
        projection = views.projection(name)
        index, count = views.index_of(name, patient.axial)
        state = self._desk.state
        place = {
            "text": f"{index + 1} / {count}" if index is not None else "beside the scan",
            "index": index or 0,
            "count": count,
            "letters": list(projection.letters()),
        }
        if state[f"{name}_place"] != place:
            state[f"{name}_place"] = place
        self._borders.draw(name)
        self._drawn.draw(name)
        self.on_moved(name)
        if name == AXIAL:
            self._tell_review(index)
        state.flush()

    def _tell_review(self, index: int | None) -> None:
        self._desk.state.axial_k = -1 if index is None else index
        if index is None:
            self._desk.session.review.hidden(AXIAL)
        else:
            self._desk.session.review.displayed(AXIAL, index, self._desk.display.visible_ids())

    def refresh(self) -> None:
        """See `Panel`."""
        if self._desk.case is None:
            self._clear()
            return
        for name in self._desk.views.slices():
            self.moved(name)

    def _clear(self) -> None:
        """No patient is open: nothing of the one before is shown any more."""
        if self._desk.views.is_empty:
            return
        self._desk.views.show(None)
        self._desk.state.axial_k = -1
        for name in self._desk.views.slices():
            self._desk.state[f"{name}_place"] = dict(NOWHERE)
            self._borders.draw(name)
            self._drawn.draw(name)
            self.on_moved(name)
