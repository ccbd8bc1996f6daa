"""Asks a backend every few seconds whether it is there: so a lost one is noticed without a job, and a backend
that was started for this program knows that the program still is."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.diagnosis import check_connection

EVERY_S = 10.0


class Heartbeat:
    """Checks a backend until it is stopped. `poll` gives the changes; it belongs to the drawing thread.

    `find` gives the address, which changes when a local backend was restarted, or None where none runs.
    """

    def __init__(self, find: Callable[[], BackendAddress | None], every_s: float = EVERY_S) -> None:
        self._find = find
        self._every_s = every_s
        self._changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def poll(self) -> list[bool]:
        """True for each time the backend came (back), False for each time it was lost, oldest first."""
        changes = []
        while not self._changes.empty():
            changes.append(self._changes.get())
        return changes

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ends the thread."""
        self._ended.set()
        self._thread.join(timeout_s)

    def _beat(self) -> None:
        there: bool | None = None
        while not self._ended.is_set():
            address = self._find()
            now = address is not None and check_connection(address).ok
            if now != there:
                there = now
                self._changes.put(now)
            self._ended.wait(self._every_s)
