"""Saving by itself: what changed reaches the disk within a minute, and no hand waits for it.

A save takes the case's immutable values at a moment and writes them on a thread of its own; one that fails is
tried again. `EVERY_S` leaves room for the writing, so that nothing older than 60 s is lost. The state in the
scene follows within a second or two, because Slicer writes a .mrb without telling anybody before.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from datetime import datetime

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.session.case import Case
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import Saved as SavedEvent
from AmlartContourLib.session.events import SaveFailed
from AmlartContourLib.session.rest import with_rest
from AmlartContourLib.session.store import Saved, SessionStore

EVERY_S = 20.0
RETRY_S = 5.0
IN_SCENE_EVERY_S = 1.0


@dataclass(frozen=True)
class _Done:
    key: str
    version: int
    error: AmlartError | None


class Saving:
    """Keeps the open case on the disk."""

    def __init__(self, core: Core, store: SessionStore) -> None:
        self._core = core
        self._store = store
        self._thread: threading.Thread | None = None
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._saved_version = 0
        self._unsaved_since_s: float | None = None
        self._wait_s = EVERY_S
        self._in_scene = -1
        self._in_scene_at_s = 0.0
        self.last_saved: datetime | None = None

    @property
    def due(self) -> bool:
        """True while something is not on the disk yet."""
        case = self._core.case_or_none
        return case is not None and case.version != self._saved_version

    def opened(self, *, saved: bool) -> None:
        """A case was opened; `saved` where the disk already holds all of it."""
        self._saved_version = self._core.case.version if saved else -1
        self._unsaved_since_s = None
        self._wait_s = EVERY_S
        self._in_scene = self._core.case.version

    def poll(self) -> None:
        """Takes the end of a save, and starts one where it is time."""
        self._take_done()
        self._keep_in_scene()
        if not self.due:
            self._unsaved_since_s = None
            return
        now = self._core.clocks.steady_s()
        if self._unsaved_since_s is None:
            self._unsaved_since_s = now
        if now - self._unsaved_since_s >= self._wait_s and not self._busy:
            self._start()

    def save_now(self) -> None:
        """Saves and waits for the disk. ExportFailed where it could not be written."""
        self.finish()
        case = self._core.case
        self._store.save(case.patient.key, self._values(case))
        self._noted(case.version)

    def finish(self) -> None:
        """Waits for a save that is under way."""
        if self._thread is not None:
            self._thread.join()
        self._take_done()

    @property
    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _keep_in_scene(self) -> None:
        """Not while contours still wait to be shown: a scene written then is known to be incomplete."""
        case, now = self._core.case_or_none, self._core.clocks.steady_s()
        if case is None or case.version == self._in_scene or not self._core.backlog.is_empty:
            return
        if now - self._in_scene_at_s < IN_SCENE_EVERY_S:
            return
        self._in_scene, self._in_scene_at_s = case.version, now
        self._core.keep_state()

    def _start(self) -> None:
        case = self._core.case
        values, key, version = self._values(case), case.patient.key, case.version
        self._thread = threading.Thread(
            target=self._work, args=(key, version, values), name="saving", daemon=True
        )
        self._unsaved_since_s = self._core.clocks.steady_s()
        self._thread.start()

    def _work(self, key: str, version: int, values: Saved) -> None:
        try:
            self._store.save(key, values)
        except AmlartError as error:
            self._done.put(_Done(key, version, error))
        except OSError as error:  # the thread's boundary: the session must hear of every end
            told = AmlartError(
                f"The session was not saved: {error.strerror}.", kept="It is open and goes on."
            )
            self._done.put(_Done(key, version, told))
        else:
            self._done.put(_Done(key, version, None))

    def _take_done(self) -> None:
        while not self._done.empty():
            done = self._done.get_nowait()
            case = self._core.case_or_none
            if case is None or case.patient.key != done.key:
                continue
            if done.error is None:
                self._noted(done.version)
            else:
                self._wait_s = RETRY_S
                self._core.tell(SaveFailed(done.error))

    def _noted(self, version: int) -> None:
        self._saved_version = version
        self._unsaved_since_s = None
        self._wait_s = EVERY_S
        self.last_saved = self._core.clocks.now()
        self._core.tell(SavedEvent())

    def _values(self, case: Case) -> Saved:
        return Saved(self._core.parameters(), with_rest(case.drawn), case.kept)
