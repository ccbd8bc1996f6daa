"""Contouring the whole worklist in the background, one patient after another, while others are worked on.

The queue has a thread of its own: it reads a CT, contours it with background priority through the backend,
and keeps the result for when its patient is opened. One that fails does not stop the rest, and one who was
contoured or worked on since the queue began is left as she is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from AmlartContourLib.client.job_run import Connect, ContourTask, JobRun
from AmlartContourLib.contract.errors import AmlartError, Cancelled
from AmlartContourLib.contract.messages import EngineInfo, Priority
from AmlartContourLib.session.patient import PatientSource, read_patient
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.store import SessionStore

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueState:
    """How far the queue is: keys of patients that wait, the one that is contoured now, those that are done,
    those left as they are, and those that failed with the error in words."""

    waiting: tuple[str, ...] = ()
    current: str | None = None
    done: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()


class ContourQueue:
    """One run over a list of patients."""

    def __init__(self, store: SessionStore, connect: Connect, engine: EngineInfo) -> None:
        self._store = store
        self._connect = connect
        self._engine = engine
        self._lock = threading.Lock()  # guards the state and the running job
        self._state = QueueState()
        self._sources: dict[str, PatientSource] = {}
        self._stopped = threading.Event()
        self._run: JobRun | None = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> QueueState:
        """How far it is. May be asked from any thread."""
        with self._lock:
            return self._state

    @property
    def busy(self) -> bool:
        """True while it works."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, sources: Iterable[PatientSource]) -> None:
        """Contours these patients, in order. Does nothing while it is busy."""
        if self.busy:
            return
        self._stopped.clear()
        self._sources = {source.key: source for source in sources}
        self._state = QueueState(waiting=tuple(self._sources))
        self._thread = threading.Thread(target=self._work, name="contour queue", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Stops after the running job is cancelled; True where it ended in time."""
        self._stopped.set()
        with self._lock:
            run = self._run
        if run is not None:
            run.cancel()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.busy

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                if not self._state.waiting:
                    return
                key, *rest = self._state.waiting
                self._state = replace(self._state, waiting=tuple(rest), current=key)
            problem = self._contour(self._sources[key]) if self._is_new(key) else ""
            with self._lock:
                state = replace(self._state, current=None)
                if problem is None:
                    self._state = replace(state, done=(*state.done, key))
                elif problem:
                    self._state = replace(state, failed=(*state.failed, (key, problem)))
                else:
                    self._state = replace(state, left=(*state.left, key))

    def _is_new(self, key: str) -> bool:
        """False where her contours came or were worked on meanwhile: new ones would take the place of those,
        and an approval with them. What cannot be read is left to whoever opens it."""
        try:
            summary = self._store.summary(key)
        except AmlartError:
            return False
        return summary.phase is Phase.NEW and not summary.has_arrived

    def _contour(self, source: PatientSource) -> str | None:
        """Contours one patient; the error in words where it could not be."""
        try:
            files = read_patient(source)
            wanted = {*self._engine.needs_context, *self._engine.uses_context}
            context = files.came_in.only(i for i in files.came_in.ids if i in wanted)
            task = ContourTask(
                hu_kji=files.scan.hu_kji,
                geometry=files.scan.geometry,
                engine=self._engine.id,
                context=context if len(context) else None,
                priority=Priority.BACKGROUND,
                client="worklist",
            )
            run = JobRun(task, self._connect)
            with self._lock:
                self._run = run
            if self._stopped.is_set():  # while the CT was read
                return "Cancelled."
            self._store.put_arrived(source.key, run.run())
        except Cancelled:
            return "Cancelled."
        except AmlartError as error:
            return str(error)
        except Exception as error:  # the thread's boundary: one patient must not stop the others
            LOG.error("a patient of the worklist failed: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            return f"An unexpected fault: {type(error).__name__}."
        finally:
            with self._lock:
                self._run = None
        return None
