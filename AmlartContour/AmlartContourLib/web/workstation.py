"""One user's workstation: the Slicer core, the session, the panels and the page, joined and served.

Everything runs on one event loop; what takes long runs beside it. The session is polled ten times a
second, and what it tells refreshes the panels once per turn of the loop, however much it tells.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import trame_slicer.module
from trame.app import get_server
from trame_slicer.core import SlicerApp

from AmlartContourLib.client.local_backend import LocalBackend, serve_command
from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.exchange.pair_files import PairFiles
from AmlartContourLib.scene.logics import SceneLogics
from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.session.events import (
    ContoursArrived,
    Event,
    PatientClosed,
    PatientOpened,
    Saved,
    SaveFailed,
    Told,
)
from AmlartContourLib.session.queue import ContourQueue
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.session import Session
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.session.worklist import Worklist
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.export_zip import ADDRESS as EXPORT_ADDRESS
from AmlartContourLib.web.export_zip import ExportZip
from AmlartContourLib.web.guard import Notices
from AmlartContourLib.web.key_guard import key_guard
from AmlartContourLib.web.panels.components import ComponentsPanel
from AmlartContourLib.web.panels.contouring import ContouringPanel
from AmlartContourLib.web.panels.editing import EditingPanel
from AmlartContourLib.web.panels.effort import EffortPanel
from AmlartContourLib.web.panels.exporting import ExportPanel
from AmlartContourLib.web.panels.fixing import FixPanel
from AmlartContourLib.web.panels.parts import Panel
from AmlartContourLib.web.panels.physicist import PhysicistPanel
from AmlartContourLib.web.panels.review import ReviewPanel
from AmlartContourLib.web.panels.second import SecondPanel
from AmlartContourLib.web.panels.slices import SlicesPanel
from AmlartContourLib.web.panels.worklist import WorklistPanel
from AmlartContourLib.web.ui.rail import RAIL
from AmlartContourLib.web.ui.shell import build_page, icon_module, slice_overlay, surfaces_overlay
from AmlartContourLib.web.views.display import Display
from AmlartContourLib.web.views.editor import Editor
from AmlartContourLib.web.views.slice_views import Views

if TYPE_CHECKING:
    from pathlib import Path

    from AmlartContourLib.web.__main__ import StationOrders

LOG = logging.getLogger(__name__)
T = TypeVar("T")
POLL_S = 0.1
EXPORTS = "exports"


class Workstation:
    """Made once per process."""

    def __init__(self, orders: StationOrders) -> None:
        self._orders = orders
        self._server = get_server(client_type="vue3")
        self._server.enable_module(trame_slicer.module)
        self._server.enable_module(icon_module())
        app = SlicerApp()
        scene = PatientScene(SceneLogics(app.scene, app.segmentations_logic))
        self._backend = LocalBackend(serve_command(_python()), orders.backend_home)
        store = SessionStore(orders.work)
        pairs = PairFiles(orders.backend_home or default_home())
        session = Session(scene, store, self._backend.connect, pairs=pairs)
        state = self._server.state
        state.update(_start_state(orders.user))
        views = Views(self._server, app, slice_overlay, surfaces_overlay)
        self.desk = Desk(state, session, scene, views, Display(scene), Notices(state))
        self._make_panels(app, Worklist(orders.patients or _empty(orders.work), store), store)
        for panel in self._panels:
            state.update(panel.start_state())
        self._bind()
        self._due: set[int] = set()
        self._tasks: list[asyncio.Task[Any]] = []
        self._hear_no_more = session.subscribe(self._heard)
        self._page = build_page(self._server, views.layout)

    def run(self, tell_port: Callable[[int], None]) -> None:
        """Serves until standard input closes. `tell_port` hears the port once requests are taken."""
        server = self._server
        server.controller.on_server_bind.add(self._guard)
        server.controller.on_server_ready.add(lambda **_: self._ready(tell_port))
        server.start(
            port=0,
            host="127.0.0.1",
            timeout=0,
            open_browser=False,
            show_connection_info=False,
            disable_logging=True,
        )
        self._end()

    def _guard(self, bound: Any) -> None:
        """Lets in the door alone, and adds the one address of our own."""
        bound.app.middlewares.append(key_guard(self._orders.key))
        packed = ExportZip(lambda: self._exporting.last, lambda: self.desk.busy("Packing the files…"))
        bound.app.router.add_get(EXPORT_ADDRESS, packed.answer, allow_head=False)

    def _make_panels(self, app: SlicerApp, worklist: Worklist, store: SessionStore) -> None:
        desk, connect = self.desk, self._backend.connect
        self._contouring = ContouringPanel(desk, connect)
        self._worklist = WorklistPanel(
            desk, worklist, lambda: ContourQueue(store, connect, self._contouring.chosen())
        )
        self._slices = SlicesPanel(desk)
        self._effort = EffortPanel(desk)
        self._editing = EditingPanel(desk, Editor(app, desk.scene, desk.views.pace))
        physicist, fixing = PhysicistPanel(desk, connect, worklist), FixPanel(desk)
        second = SecondPanel(desk)
        self._exporting = ExportPanel(desk, self._orders.work / EXPORTS)
        components = ComponentsPanel(desk)
        components.on_visibility = self._editing.put_down_unseen
        self._panels: tuple[Panel, ...] = (
            self._worklist,
            self._contouring,
            self._slices,
            components,
            self._effort,
            second,
            self._editing,
            fixing,
            ReviewPanel(desk, self._slices.go_to_slice, self._editing.choose_to_look),
            self._exporting,
            physicist,
        )
        self._contouring.on_capabilities = _each(physicist.show, fixing.offer, second.offer)
        self._slices.on_moved = fixing.draw
        fixing.pointing.on_placing = lambda: self._editing.use_tool("none")
        self._editing.on_choosing = self._refresh_all

    def _bind(self) -> None:
        guarded = self.desk.notices.guarded
        for panel in self._panels:
            for name, handler in panel.triggers().items():
                self._server.controller.trigger(name)(guarded(handler))
            for key, handler in panel.watched().items():
                self._server.state.change(key)(_of_value(key, guarded(handler)))
        self._server.state.change("panel")(lambda **_: guarded(self._refresh_all)())

    def _heard(self, event: Event) -> None:
        if isinstance(event, PatientOpened):
            self._editing.opened()
            self._slices.opened()
            new = self.desk.session.phase is Phase.NEW
            self._server.state.panel = "contouring" if new else "components"
        elif isinstance(event, PatientClosed):  # an unfinished stroke ends here, not in the next patient
            self._editing.use_tool("none")
        elif isinstance(event, ContoursArrived) and self._server.state.panel == "contouring":
            self._server.state.panel = "components"
        elif isinstance(event, Saved | SaveFailed):
            self._show_saved(event)
        elif isinstance(event, Told):
            self.desk.notices.tell(event.text, "warning")
        first = not self._due
        self._due |= {n for n, panel in enumerate(self._panels) if panel.heard(event)}
        if first and self._due:
            asyncio.get_running_loop().call_soon(self.desk.notices.guarded(self._refresh_due))

    def _refresh_due(self) -> None:
        due, self._due = self._due, set()
        with self._server.state:
            for number in sorted(due):
                self._panels[number].refresh()

    def _refresh_all(self) -> None:
        with self._server.state:
            for panel in self._panels:
                panel.refresh()

    def _show_saved(self, event: Saved | SaveFailed) -> None:
        if isinstance(event, SaveFailed):
            self._server.state.saved = {"text": str(event.error), "failed": True}
            return
        at = self.desk.session.saving.last_saved
        text = f"Saved {at.astimezone():%H:%M:%S}" if at else "Saved"
        self._server.state.saved = {"text": text, "failed": False}

    def _ready(self, tell_port: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._poll())]
        self._end_with_door()
        with self._server.state:
            self._worklist.refresh()
        self._tasks.append(loop.create_task(self.desk.notices.guarded(self._contouring.ask_backend)()))
        tell_port(self._server.port)

    async def _poll(self) -> None:
        polled = self.desk.notices.guarded(self._poll_once)
        while True:
            await asyncio.sleep(POLL_S)
            polled()

    def _poll_once(self) -> None:
        with self._server.state:
            self.desk.session.poll()
            self._worklist.poll()

    def _end_with_door(self) -> None:
        """The door closes our standard input when it ends, however it ends. A thread of its own waits
        for that, which nothing waits for: a signal ends this process too."""
        loop = asyncio.get_running_loop()

        def wait() -> None:
            sys.stdin.read()
            asyncio.run_coroutine_threadsafe(self._server.stop(), loop)

        threading.Thread(target=wait, name="door", daemon=True).start()

    def _end(self) -> None:
        """Saves and closes. The event loop has ended, so nobody is told of that."""
        self._hear_no_more()
        for task in self._tasks:
            task.cancel()
        try:
            self.desk.session.end()
        except AmlartError as error:
            LOG.error("the session did not end tidily: %s", type(error).__name__)


def _of_value(key: str, handler: Callable[[Any], Any]) -> Callable[..., Any]:
    """A handler of trame's changes, which come by name, as one of the new value."""

    def changed(**values: Any) -> Any:
        return handler(values[key])

    return changed


def _each(*listeners: Callable[[T], None]) -> Callable[[T], None]:
    def call(value: T) -> None:
        for listener in listeners:
            listener(value)

    return call


def _start_state(user: str) -> dict[str, Any]:
    return {
        "trame__title": "AmlartContour workstation",
        "theme": "dark",
        "panel": "worklist",
        "panels": RAIL,
        "busy": "",
        "user": f"User: {user}",
        "saved": {"text": "", "failed": False},
        "help_visible": False,
    }


def _empty(work: Path) -> Path:
    """The folder of patients where none was given."""
    folder = work / "patients"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _python() -> Path:
    from pathlib import Path

    return Path(sys.executable)
