"""How long the window's event loop stood still: what a clinician feels as a frozen window.

Between two beats of a timer, `wall_ms` counts all time, other programs' among it; `busy_ms` counts the
processor time of the window's own thread, so it says the same on a busy machine as on an idle one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6 import QtCore

BEAT_MS = 2


@dataclass(frozen=True)
class Gap:
    """The time between two beats."""

    wall_ms: float
    busy_ms: float


class EventLoop:
    """A timer that beats every 2 ms while it is entered."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._last = (0.0, 0.0)
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> EventLoop:
        self._last = _now()
        self._timer.start(BEAT_MS)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()

    @property
    def longest_busy_ms(self) -> float:
        """The longest time that the window's own work took without a beat."""
        return max((gap.busy_ms for gap in self.gaps), default=0.0)

    @property
    def longest_wall_ms(self) -> float:
        """The longest time without a beat."""
        return max((gap.wall_ms for gap in self.gaps), default=0.0)

    def _beat(self) -> None:
        now = _now()
        self.gaps.append(Gap(*((b - a) * 1000.0 for a, b in zip(self._last, now, strict=True))))
        self._last = now


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()
