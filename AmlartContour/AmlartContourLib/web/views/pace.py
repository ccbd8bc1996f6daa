"""When the views are drawn again: after what the hand does, and after what the page is told of it.

Drawing a slice takes 30 to 60 ms without a graphics card (measured), on the one event loop that also takes
the mouse's events; and the page sends its next event only once the one before is answered. If every event of
a stroke drew every view, as the scene asks for, letting go of the button would wait for all these pictures.
So a picture waits a moment for the next event, the views beside the hand's wait until it rests, and while
`held` all wait. They are drawn one at a time, the page's events in between. None is left out: each view that
the scene changed is drawn in the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

from trame_slicer.views import AbstractView, ScheduledRenderStrategy

SOON_S = 0.005  # what is told to the page in the same turn goes first
GLANCE_S = 0.003  # an event that came while another view was drawn takes its turn within this
SETTLE_S = 0.04  # within this the page's next event comes, if the hand goes on
LONGEST_S = 0.1  # a hand that goes on sees the view it works in drawn again after this
REST_S = 0.15  # after this the hand rests
PRESSED_REST_S = 1.0  # and with the button down after this
FIRST = 1.0  # priority of an observer: before the tools
MOVE, PRESS, RELEASE = "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"


class Pace:
    """The pace of all views of one workstation. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._draw: dict[str, Callable[[], None]] = {}
        self._due_since_s: dict[str, float] = {}
        self._in_hand = ""
        self._hand_s = -inf
        self._pressed = False
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    def take(self, view: AbstractView, draw: Callable[[], None]) -> None:
        """Paces a view from now on. `draw` draws it at once."""
        name = view.get_singleton_tag()
        self._draw[name] = draw
        view.set_scheduled_render(_Paced(lambda: self.due(name)))
        for event in (MOVE, PRESS, RELEASE):
            view.interactor().AddObserver(event, lambda _, event: self.hand_in(name, event), FIRST)

    def hand_in(self, name: str, event: str = MOVE) -> None:
        """The mouse did something in a view. The hand counts as moving until that is dealt with."""
        self._in_hand = name
        if event != MOVE:
            self._pressed = event == PRESS
        self._moved()
        with suppress(RuntimeError):  # no event loop runs yet
            asyncio.get_running_loop().call_soon(self._moved)

    def due(self, name: str) -> None:
        """A view is to be drawn again. Where no event loop runs yet, it is drawn as soon as one does."""
        now_s = _now_s()
        self._due_since_s.setdefault(name, now_s)
        self._look_in(self._time_for(name) - now_s)

    def hold(self) -> None:
        """No view is drawn until `let_go`."""
        self._held = True

    def let_go(self) -> None:
        """Views are drawn again."""
        self._held = False
        self._due_since_s = dict.fromkeys(self._due_since_s, _now_s())
        self._look_in(SOON_S)

    def _time_for(self, name: str) -> float:
        """When a view is to be drawn, if nothing more happens."""
        since_s = self._due_since_s[name] + SOON_S
        if name == self._in_hand:
            return max(since_s, min(self._hand_s + SETTLE_S, since_s + LONGEST_S))
        return max(since_s, self._hand_s + (PRESSED_REST_S if self._pressed else REST_S))

    def _moved(self) -> None:
        self._hand_s = _now_s()

    def _look(self) -> None:
        """Lets the page's events that wait already go first."""
        self._timer = asyncio.get_running_loop().call_later(GLANCE_S, self._draw_next)

    def _draw_next(self) -> None:
        """Draws the view whose time came first, and looks again for the next."""
        self._timer = None
        if self._held or not self._due_since_s:
            return
        name, now_s = min(self._due_since_s, key=self._time_for), _now_s()
        if self._time_for(name) <= now_s:
            del self._due_since_s[name]
            self._draw[name]()
        if self._due_since_s:
            self._look_in(min(map(self._time_for, self._due_since_s)) - now_s)

    def _look_in(self, wait_s: float) -> None:
        """Looks then, unless it is to look sooner already."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._draw_all()
            return
        at_s = loop.time() + max(wait_s, 0.0)
        if self._timer is not None:
            if self._timer.when() <= at_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._look)

    def _draw_all(self) -> None:
        for name in tuple(self._due_since_s):
            del self._due_since_s[name]
            self._draw[name]()


def _now_s() -> float:
    """The event loop's time, which is the steady clock's."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class _Paced(ScheduledRenderStrategy):  # type: ignore[misc]  # trame-slicer has no types
    """What a view calls when the scene wants it drawn."""

    def __init__(self, due: Callable[[], None]) -> None:
        super().__init__()
        self._due = due

    def schedule_render(self) -> None:
        self._due()
