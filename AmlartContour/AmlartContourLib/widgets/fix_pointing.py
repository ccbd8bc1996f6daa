"""Pointing for "fix here" in Slicer: its buttons, Slicer's markups, and what they make so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.prompt import PromptKind
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.scene.pointers import Placed, Pointers
from AmlartContourLib.session.pointing import Mark, Pointed, Reach
from AmlartContourLib.widgets.panel import Panel


class FixPointing:
    """`pointed` and `reach` make the prompt. `changed` is called when another kind is placed."""

    def __init__(self, panel: Panel, pointers: Pointers) -> None:
        self._ui = panel.ui
        self._tell = panel.desk.tell
        self._pointers = pointers
        self._seen: tuple[Any, ...] = ()
        self._kind = PromptKind.POINT
        self._kinds: tuple[PromptKind, ...] = ()
        self.pointed = Pointed()
        self.on_placing: Callable[[], None] = lambda: None
        panel.on("clicked()", self._ui.pointButton, self._point)
        panel.on("clicked()", self._ui.boxButton, self._box)
        panel.on("clicked()", self._ui.scribbleButton, self._scribble)
        panel.on("clicked()", self._ui.lassoButton, self._lasso)
        panel.on("clicked()", self._ui.clearButton, self.clear)

    @property
    def reach(self) -> Reach:
        """How far a change may reach."""
        return Reach(self._ui.inSliceSpin.value, self._ui.acrossSpin.value)

    def begin(self) -> None:
        """Waits for what was pointed with last."""
        self._place(self._kind)

    def stop(self) -> None:
        """The mouse is the views' again."""
        self._pointers.stop()

    def clear(self) -> None:
        """Nothing is pointed at."""
        self._pointers.clear()

    def remove(self) -> None:
        """Lets go of the scene."""
        self._pointers.remove()
        self.pointed, self._seen = Pointed(), ()

    def look(self, geometry: Geometry) -> bool:
        """Takes what was placed since the last look; True where that changed anything."""
        placed = self._pointers.placed()
        seen = tuple((one.kind, one.belongs, one.points_lps.tobytes()) for one in placed)
        if seen == self._seen:
            return False
        self._seen = seen
        self.pointed = self._taken(placed, geometry)
        return True

    def show(self, kinds: Sequence[PromptKind], *, free: bool) -> None:
        """The buttons. `free`: an engine can be asked now."""
        self._kinds = tuple(kinds)
        buttons = {
            PromptKind.POINT: self._ui.pointButton,
            PromptKind.BOX: self._ui.boxButton,
            PromptKind.SCRIBBLE: self._ui.scribbleButton,
            PromptKind.LASSO: self._ui.lassoButton,
        }
        for kind, button in buttons.items():
            button.setVisible(kind in kinds)
            button.enabled = free
        self._ui.belongsBox.enabled = free
        self._ui.clearButton.enabled = free and bool(self.pointed.marks)
        self._ui.marksLabel.text = self._words()
        if not free:
            self.stop()

    def _words(self) -> str:
        count = len(self.pointed.marks)
        if not count:
            return _("Nothing is pointed at yet.")
        words = _("Marks: {n}.") if self.pointed.is_enough else _("Marks: {n}; one that belongs is needed.")
        return words.format(n=count)

    def _taken(self, placed: Sequence[Placed], geometry: Geometry) -> Pointed:
        """What lies on the scan; what does not is told."""
        found = Pointed()
        for one in placed:
            try:
                found = found.added(Mark.at(one.kind, one.points_lps, geometry, belongs=one.belongs))
            except AmlartError as error:
                self._tell(str(error))
        return found

    def _place(self, kind: PromptKind) -> None:
        self._kind = kind if kind in self._kinds else next(iter(self._kinds), kind)
        self.on_placing()
        self._pointers.place(self._kind, self._ui.belongsBox.currentIndex == 0)

    def _point(self) -> None:
        self._place(PromptKind.POINT)

    def _box(self) -> None:
        self._place(PromptKind.BOX)

    def _scribble(self) -> None:
        self._place(PromptKind.SCRIBBLE)

    def _lasso(self) -> None:
        self._place(PromptKind.LASSO)
