"""What running jobs are doing at this moment, and the bells that wake those who watch.

Kept in memory only: a restart loses progress, never a job. The lock here is held for a few lines at a time,
never while the database is asked.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

EARLY = 0.05  # below this fraction, measured runs tell the time left better than the progress does


@dataclass(frozen=True)
class Progress:
    """Stage in words, fraction 0 to 1, seconds left or None while unknown."""

    stage: str
    fraction: float
    seconds_left: float | None


@dataclass(frozen=True)
class _Running:
    stage: str
    fraction: float
    started: float
    forecast_s: float | None


class LiveJobs:
    """Progress of running jobs, and who wants to hear of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._bells: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """True when the backend is about to end; watchers leave."""
        return self._closed

    @property
    def watchers(self) -> int:
        """How many watch now."""
        with self._lock:
            return sum(len(bells) for bells in self._bells.values())

    def start(self, job: str, forecast_s: float | None) -> None:
        """A job starts; the others in the queue move up."""
        with self._lock:
            self._running[job] = _Running("Starting", 0.0, time.monotonic(), forecast_s)
        self.ring_all()

    def update(self, job: str, fraction: float, stage: str) -> None:
        """A job got further. The fraction never falls."""
        with self._lock:
            running = self._running.get(job)
            if running is None:
                return
            further = max(running.fraction, min(max(fraction, 0.0), 1.0))
            self._running[job] = replace(running, stage=stage, fraction=further)
        self._ring(job)

    def end(self, job: str) -> None:
        """A job no longer runs."""
        with self._lock:
            self._running.pop(job, None)
        self.ring_all()

    def progress(self, job: str) -> Progress | None:
        """What a running job is doing, or None where it does not run."""
        with self._lock:
            running = self._running.get(job)
        if running is None:
            return None
        return Progress(running.stage, running.fraction, _seconds_left(running))

    @contextmanager
    def watch(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something about a job changes. For use in an event loop."""
        bell = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._bells.setdefault(job, set()).add(bell)
        try:
            yield bell[1]
        finally:
            with self._lock:
                self._bells[job].discard(bell)
                if not self._bells[job]:
                    del self._bells[job]

    def ring_all(self) -> None:
        """Everybody looks again: a state or a place in the queue changed."""
        with self._lock:
            jobs = list(self._bells)
        for job in jobs:
            self._ring(job)

    def close(self) -> None:
        """Sends all watchers away."""
        self._closed = True
        self.ring_all()

    def _ring(self, job: str) -> None:
        with self._lock:
            bells = list(self._bells.get(job, ()))
        for loop, event in bells:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


def _seconds_left(running: _Running) -> float | None:
    spent = time.monotonic() - running.started
    if running.fraction > EARLY:
        return spent * (1 - running.fraction) / running.fraction
    if running.forecast_s is not None:
        return max(running.forecast_s - spent, 0.0)
    return None
