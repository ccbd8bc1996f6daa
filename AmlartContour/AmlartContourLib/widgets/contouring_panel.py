"""Contouring: which model, start, progress, cancel, and the blind first look."""

from __future__ import annotations

from slicer.i18n import tr as _

from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.session.events import (
    ChoicesChanged,
    ContouringEnded,
    ContoursArrived,
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    ReviewChanged,
)
from AmlartContourLib.widgets.panel import Desk, Panel, silent


class ContouringPanel(Panel):
    """The panel of one job."""

    UI = "Contouring"
    FOLLOWS = (
        PatientOpened,
        PatientClosed,
        ProgressChanged,
        ContouringEnded,
        ContoursArrived,
        ReviewChanged,
        ChoicesChanged,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._engines: tuple[EngineInfo, ...] = ()
        self.on("clicked()", self.ui.contourButton, self._start)
        self.on("clicked()", self.ui.cancelButton, self.session.contouring.cancel)
        self.on("clicked()", self.ui.revealButton, self.session.review.reveal)
        self.on("currentTextChanged(QString)", self.ui.engineBox, self.refresh)
        self.on("clicked()", self.ui.blindCheck, self._blind)

    def offer(self, found: Capabilities) -> None:
        """The engines that a backend lists, those that can run first."""
        self._engines = tuple(sorted(found.engines, key=lambda engine: not engine.available))
        box = self.ui.engineBox
        with silent(box):
            box.clear()
            for engine in self._engines:
                box.addItem(engine.title)
        self.refresh()

    def heard(self, event: object) -> None:
        """Words for the end of a job."""
        if isinstance(event, ContouringEnded):
            self.desk.tell(str(event.error) if event.error else _("Contouring was cancelled."))
        elif isinstance(event, ContoursArrived) and event.ids:
            self.desk.tell(_("{n} contours are here.").format(n=len(event.ids)))

    def refresh(self) -> None:
        """Buttons, the engine's own words, and progress."""
        engine, running = self._engine(), self.session.contouring.running
        self.ui.engineLabel.text = _described(engine)
        usable = engine is not None and engine.available and self.desk.is_open
        self.ui.contourButton.enabled = usable and not running
        self.ui.cancelButton.enabled = running
        blind = self.desk.is_open and self.session.review.is_blind
        with silent(self.ui.blindCheck):
            self.ui.blindCheck.checked = blind
        self.ui.blindCheck.enabled = self.desk.is_open and not blind
        self.ui.revealButton.setVisible(blind)
        self._show_progress(running)

    def _show_progress(self, running: bool) -> None:
        self.ui.bar.setVisible(running)
        progress = self.session.contouring.progress
        if not running or progress is None:
            showing = _("Showing the contours.") if self.session.is_catching_up else ""
            self.ui.stageLabel.text = _("Starting.") if running else showing
            self.ui.bar.value = 0
            return
        self.ui.bar.value = int(progress.fraction * 1000)
        words = [progress.phase.value, progress.stage]
        if progress.position:
            words.append(_("place {n} in the queue").format(n=progress.position))
        if progress.seconds_left is not None:
            words.append(_("about {n} s left").format(n=round(progress.seconds_left)))
        self.ui.stageLabel.text = ": ".join(filter(None, words[:2])) + "".join(f", {w}" for w in words[2:])

    def _start(self) -> None:
        engine = self._engine()
        if engine is not None:
            self.session.contouring.start(engine)
            self.refresh()

    def _blind(self) -> None:
        if self.ui.blindCheck.checked:
            self.session.review.start_blind()
        self.refresh()

    def _engine(self) -> EngineInfo | None:
        index = self.ui.engineBox.currentIndex
        return self._engines[index] if 0 <= index < len(self._engines) else None


def _described(engine: EngineInfo | None) -> str:
    if engine is None:
        return _("No backend has answered yet.")
    if not engine.available:
        return f"{engine.reason} {engine.mend}"
    needs = _("Needs contours of: {names}.").format(names=", ".join(engine.needs_context))
    parts = [engine.intended_use, needs if engine.needs_context else "", engine.licence]
    return " ".join(filter(None, parts))
