"""The workstation in this process, without a browser: its panels, views and Slicer's editor on a real scene.

The mouse is that of the views' own interactor, so what a tool does with it is what it does in the browser.
One per process, because trame has one server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.session.case import Case
from AmlartContourLib.web.__main__ import StationOrders
from AmlartContourLib.web.workstation import Workstation

SIZE = (600, 600)
STEPS = 6
DRAWN_S = 0.5  # after this every view that is due was drawn
Path2 = tuple[tuple[float, float], ...]
SQUARE: Path2 = ((-0.2, -0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, 0.2), (-0.2, -0.2))
RIGHT: Path2 = ((0.0, -0.2), (0.2, -0.2), (0.2, 0.2), (0.0, 0.2), (0.0, -0.2))
ACROSS: Path2 = ((-0.3, 0.0), (0.3, 0.0))


class Room:
    """A workstation over a folder of patients."""

    def __init__(self, patients: Path, work: Path) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        arguments, sys.argv = sys.argv, sys.argv[:1]  # trame reads them
        try:
            orders = StationOrders("local", patients, work / "work", work / "home", "key", "secret")
            self._workstation = Workstation(orders)
        finally:
            sys.argv = arguments
        self.patients, self.work = patients, work / "work"
        self.state = self._workstation._server.state
        self.desk = self._workstation.desk
        self._handlers: dict[str, Callable[..., Any]] = {}
        for panel in self._workstation._panels:
            self._handlers.update(panel.triggers())
            self._handlers.update({f"{key} set": handler for key, handler in panel.watched().items()})

    @property
    def case(self) -> Case:
        """The open patient's case."""
        return self.desk.session.case

    @property
    def last_export(self) -> Path | None:
        """The folder that a download would bring."""
        return self._workstation._exporting.last

    def close(self) -> None:
        """Closes the patient."""
        self._on_loop(self.desk.session.end)
        self._loop.close()

    def save(self) -> None:
        """Saves the patient now."""
        self._on_loop(self.desk.session.saving.save_now)

    def take(self, contours: Contours) -> None:
        """Contours of an engine come."""
        self._on_loop(lambda: self.desk.session.contouring.take(contours))

    def _on_loop(self, act: Callable[[], Any]) -> None:
        async def doing() -> None:
            act()
            await asyncio.sleep(0)

        self._loop.run_until_complete(doing())

    def call(self, name: str, *arguments: Any, **values: Any) -> None:
        """What the page does: sets values of its state and calls a trigger."""

        async def doing() -> None:
            self.state.notice = {"text": "", "kept": "", "advice": "", "kind": ""}
            self.state.update(values)
            answer = self.desk.notices.guarded(self._handlers[name])(*arguments)
            if asyncio.iscoroutine(answer):
                await answer
            await asyncio.sleep(0)

        self._loop.run_until_complete(doing())

    @property
    def notice(self) -> str:
        """The sentence that the page shows since the last call."""
        return str(self.state.notice["text"])

    def look(self, panel: str) -> None:
        """Shows a panel."""
        self.state.panel = panel
        self._on_loop(self._workstation._refresh_all)

    def open(self, name: str) -> None:
        """Opens a patient and gives the axial view a size."""
        self.call("refresh_worklist")
        (entry_id,) = [row["id"] for row in self.state.worklist_rows if row["name"] == name]
        self.call("open_patient", entry_id)
        view = self.desk.views.slice("Axial")
        view.render_window().SetSize(*SIZE)
        self._on_loop(view.reset_view)

    def picture(self) -> np.ndarray:
        """What was drawn last in the axial view: red, green and blue of each pixel."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

        self._loop.run_until_complete(asyncio.sleep(DRAWN_S))
        window = self.desk.views.slice("Axial").render_window()
        grab = vtkWindowToImageFilter(input=window, should_rerender=False)
        grab.ReadFrontBufferOff()
        grab.Update()
        pixels: np.ndarray = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars()).astype(float)
        return pixels

    def drag(self, points: Path2, *, let_go: bool = True) -> None:
        """A drag with the left button in the axial view, from its middle, as shares of its height."""
        from vtkmodules.vtkCommonCore import vtkCommand

        async def dragging() -> None:
            width, height = SIZE
            places = [(width / 2 + x * height, height / 2 + y * height) for x, y in points]
            self._mouse(places[0], vtkCommand.MouseMoveEvent)
            self._mouse(places[0], vtkCommand.LeftButtonPressEvent)
            for start, stop in pairwise(places):
                for share in np.linspace(0, 1, STEPS)[1:]:
                    place = (start[0] + share * (stop[0] - start[0]), start[1] + share * (stop[1] - start[1]))
                    self._mouse(place, vtkCommand.MouseMoveEvent)
            if let_go:
                self._mouse(places[-1], vtkCommand.LeftButtonReleaseEvent)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        self._loop.run_until_complete(dragging())

    def edit(self, structure_id: str, act: Callable[[], None]) -> tuple[Mask, Mask]:
        """The contour before and after one edit; no other changed in the scene or in the session, the scene
        holds what the session holds, and undo brings all back, after which redo does it again."""
        before = self._parts()
        act()
        after = self._parts()
        assert {i for i in after if not after[i].same_voxels(before[i])} <= {structure_id}, self.notice
        self._loop.run_until_complete(self._as_of(before, "undo"))
        self._loop.run_until_complete(self._as_of(after, "redo"))
        return before[structure_id], after[structure_id]

    async def _as_of(self, wanted: dict[str, Mask], step: str) -> None:
        changed = self._handlers[step]()
        now = self._parts()
        assert not changed or all(now[i].same_voxels(wanted[i]) for i in wanted)

    def _parts(self) -> dict[str, Mask]:
        """Every part as the session has it, which is as the scene has it."""
        parts = {i: self.case.structures.mask(i) for i in self.case.structures.ids}
        for structure_id, mask in parts.items():
            shown = self.desk.scene.part(structure_id)
            assert shown is not None
            assert shown.same_voxels(mask), structure_id
        return parts

    def _mouse(self, place: tuple[float, float], event: Any) -> None:
        interactor = self.desk.views.slice("Axial").interactor()
        interactor.SetEventInformation(int(place[0]), int(place[1]), 0, 0, chr(0), 0, None)
        interactor.InvokeEvent(event)
