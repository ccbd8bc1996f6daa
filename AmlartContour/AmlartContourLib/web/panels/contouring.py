"""Contouring: which engine, one button, how far it is, how long it still takes, and stopping it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.session.events import (
    ContouringEnded,
    ContoursArrived,
    Event,
    PatientOpened,
    ProgressChanged,
)
from AmlartContourLib.web.desk import Desk

NOT_RUNNING = {"running": False, "can_stop": False, "phase": "", "stage": "", "percent": 0, "left": ""}
SHOWING = "Showing the contours"


class ContouringPanel:
    """Panel "Contour"."""

    def __init__(self, desk: Desk, connect: Connect) -> None:
        self._desk = desk
        self._connect = connect
        self._engines: dict[str, EngineInfo] = {}
        self.on_capabilities: Callable[[Capabilities], None] = lambda _: None

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "engines": [],
            "engine": "",
            "progress": dict(NOT_RUNNING),
            "backend": {"text": "The backend was not asked yet.", "there": False},
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {
            "start_contouring": self.start,
            "cancel_contouring": self.cancel,
            "ask_backend": self.ask_backend,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        if isinstance(event, ContouringEnded):
            if event.error is not None:
                self._desk.notices.refuse(event.error)
            else:
                self._desk.notices.tell("Contouring was stopped. Nothing was changed.", "info")
        if isinstance(event, ContoursArrived) and (
            event.ids or event.kept
        ):  # in a blind look they are neither
            kept = (
                f" {len(event.kept)} that were drawn, edited or read from files stayed as they were."
                if event.kept
                else ""
            )
            self._desk.notices.tell(f"{len(event.ids)} contours arrived.{kept} Please review every one.")
        return isinstance(event, ProgressChanged | ContouringEnded | ContoursArrived | PatientOpened)

    async def ask_backend(self) -> None:
        """Which engines there are; starts this machine's own backend where none runs."""
        state = self._desk.state
        state.backend = {"text": "Looking for the backend…", "there": False}
        state.flush()
        try:
            found = await self._desk.beside(_ask, self._connect)
        except AmlartError as error:
            state.backend = {"text": f"No backend: {error}", "there": False}
            raise
        self._engines = {info.id: info for info in found.engines}
        state.engines = [_row(info) for info in found.engines]
        usable = [info.id for info in found.engines if info.available]
        if state.engine not in usable:
            state.engine = usable[0] if usable else ""
        state.backend = {"text": f"Backend ready, {len(usable)} engines", "there": True}
        self.on_capabilities(found)

    async def start(self) -> None:
        """Contours the open patient."""
        if not self._engines:
            await self.ask_backend()
        self._desk.session.contouring.start(self.chosen())

    def chosen(self) -> EngineInfo:
        """The engine that is chosen. BadSetting where none can be."""
        engine = self._engines.get(str(self._desk.state.engine))
        if engine is None:
            raise BadSetting("No engine is available.", advice="See below which command makes one available.")
        return engine

    def cancel(self) -> None:
        """Stops the running job."""
        self._desk.session.contouring.cancel()

    def refresh(self) -> None:
        """See `Panel`. A percentage of 0 is one that is not known."""
        session, contouring = self._desk.session, self._desk.session.contouring
        now = contouring.progress
        shown = dict(NOT_RUNNING, running=contouring.running, can_stop=contouring.running)
        if contouring.running:
            whose = "" if contouring.is_for_this_patient else "Another patient: "
            shown["phase"] = whose + (now.phase.value if now else "Starting")
        elif session.is_catching_up:
            shown |= {"running": True, "phase": SHOWING}
        if now:
            place = f"Place {now.position} in the queue" if now.position else ""
            shown |= {
                "stage": now.stage or place,
                "percent": round(now.fraction * 100),
                "left": "" if now.seconds_left is None else f"about {_duration(now.seconds_left)} left",
            }
        self._desk.state.progress = shown


def _ask(connect: Connect) -> Capabilities:
    client = connect()
    try:
        return client.capabilities()
    finally:
        client.close()


def _row(info: EngineInfo) -> dict[str, Any]:
    needs = f" Needs contours of {', '.join(info.needs_context)}." if info.needs_context else ""
    text = f"{info.intended_use} Gives {len(info.gives)} structures.{needs}"
    if not info.available:
        text = " ".join(part for part in (info.reason, info.mend) if part)
    return {"id": info.id, "name": info.title, "available": info.available, "text": text}


def _duration(seconds: float) -> str:
    return f"{max(round(seconds), 1)} s" if seconds < 90 else f"{round(seconds / 60)} min"
