"""One backend as a whole: opened from settings and a registry of engines, started, ended."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.messages import JobState
from AmlartContourLib.contract.problems import Code, refusal
from inference_backend.engines.registry import Registry
from inference_backend.server.crew import Crew
from inference_backend.server.desk import Desk
from inference_backend.server.settings import Settings
from inference_backend.server.workshop import Workshop

LOG = logging.getLogger(__name__)
FORGET_S = 30 * 24 * 3600.0


class Backend:
    """Stores, devices and desk of one process. `ask_to_end` is set by whoever serves it."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.instance = secrets.token_hex(8)
        self.shop = Workshop(settings, registry)
        self.crew = Crew(self.shop)
        self.desk = Desk(self.shop, self.crew)
        self.ask_to_end: Callable[[], None] = lambda: None
        self.idle_since: Callable[[], float] = time.monotonic
        self._uploads = threading.BoundedSemaphore(settings.limits.uploads_at_once)
        self._ended = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the devices and the housekeeping."""
        self.crew.start()
        self._housekeeper.start()

    def end(self) -> None:
        """Interrupts what runs and lets go of everything."""
        self._ended.set()
        self.shop.live.close()
        self.crew.stop()
        self._housekeeper.join()
        self.shop.close()

    @contextmanager
    def upload_place(self) -> Iterator[None]:
        """A place among the uploads at once. BUSY where all are taken."""
        if not self._uploads.acquire(blocking=False):
            raise refusal(Code.BUSY, "Too many uploads at once.", advice="Try again in a moment.")
        try:
            yield
        finally:
            self._uploads.release()

    def _keep_house(self) -> None:
        while not self._ended.wait(self.shop.settings.housekeeping_s):
            try:
                self.remove_old()
            except (AmlartError, OSError, sqlite3.Error) as error:  # a full disk must not stop it for good
                LOG.error("housekeeping failed: %s", type(error).__name__)
            if self._is_forsaken():
                LOG.info("nobody asks and nothing runs: ending")
                self.ask_to_end()

    def remove_old(self) -> None:
        """Removes jobs, results and uploads that are older than the retention time."""
        now = time.time()
        self.shop.remove_ended(now - self.shop.settings.retention_s)
        self.shop.jobs.forget_expired(now - FORGET_S)

    def _is_forsaken(self) -> bool:
        settings = self.shop.settings
        if not settings.managed or time.monotonic() - self.idle_since() < settings.idle_stop_s:
            return False
        busy = self.crew.busy or self.shop.live.watchers or self.shop.jobs.count(JobState.QUEUED)
        return not busy
