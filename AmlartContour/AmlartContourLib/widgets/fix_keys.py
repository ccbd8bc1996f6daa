"""The keys of "fix here": Ctrl+Shift+F begins; while a proposal waits, Return accepts and Escape rejects it.

While one waits, keys of Slicer's segment editor that are the same do nothing: two of the same key would fire
neither. In a field that is typed into, Return stays that field's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import qt

BEGIN, ACCEPT, REJECT = ("Ctrl+Shift+F",), ("Return", "Enter"), ("Esc",)
TYPED = ("QLineEdit", "QAbstractSpinBox")


class FixKeys:
    """The shortcuts, on a window of the module while it is at the front."""

    def __init__(
        self, begin: Callable[[], None], accept: Callable[[], None], reject: Callable[[], None]
    ) -> None:
        self._acts = {BEGIN: begin, ACCEPT: accept, REJECT: reject}
        self._window: Any = None
        self._always: list[Any] = []
        self._waiting: list[Any] = []
        self._others: list[Any] = []

    def enter(self, window: Any) -> None:
        """The module came to the front."""
        self.leave()
        self._window = window
        for keys, act in self._acts.items():
            for key in keys:
                shortcut = qt.QShortcut(qt.QKeySequence(key), window)
                for signal in ("activated()", "activatedAmbiguously()"):
                    shortcut.connect(signal, partial(self._pressed, act))
                (self._always if keys is BEGIN else self._waiting).append(shortcut)
        self.wait(False)

    def leave(self) -> None:
        """It went to the back: no key of it works."""
        self.wait(False)
        for shortcut in (*self._always, *self._waiting):
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._always, self._waiting, self._window = [], [], None

    def wait(self, on: bool) -> None:
        """Whether a proposal waits for a decision."""
        for shortcut in self._waiting:
            shortcut.setEnabled(on)
        if not on:
            for other in self._others:
                other.setEnabled(True)
            self._others = []
        elif self._window is not None and not self._others:
            mine = [shortcut.key.toString() for shortcut in self._waiting]
            self._others = [
                child
                for child in self._window.children()
                if child.inherits("QShortcut")
                and child.enabled
                and child.key.toString() in mine
                and not any(child is one or child == one for one in self._waiting)
            ]
            for other in self._others:
                other.setEnabled(False)

    def _pressed(self, act: Callable[[], None]) -> None:
        focused = self._window.window().focusWidget() if self._window is not None else None
        if focused is None or not focused.hasFocus() or not any(map(focused.inherits, TYPED)):
            act()
