"""The worker thread of one session: one job at a time, off the thread that draws.

Events wait in a queue until the drawing thread takes them with `poll`; nothing here calls back into it, so
windows and scenes stay on their own thread. `start`, `cancel`, `poll` and `close` belong to that thread.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass

from AmlartContourLib.client.job_run import Connect, ContourTask, JobProgress, JobRun, Patience
from AmlartContourLib.contract.errors import AmlartError, BackendProblem, Cancelled
from AmlartContourLib.contract.problems import Code, refusal
from AmlartContourLib.domain.contours import Contours

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progressed:
    """The job got further."""

    job: str
    progress: JobProgress


@dataclass(frozen=True)
class Finished:
    """The job is done."""

    job: str
    contours: Contours


@dataclass(frozen=True)
class Failed:
    """The job ended without contours; the error has the words for the user."""

    job: str
    error: AmlartError


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled."""

    job: str


Event = Progressed | Finished | Failed | Stopped


class Worker:
    """Runs jobs one after another for one session."""

    def __init__(self, connect: Connect, patience: Patience | None = None) -> None:
        self._connect = connect
        self._patience = patience
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._run: JobRun | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, task: ContourTask) -> str:
        """Starts a job and gives its id. BackendRefused with BUSY while another runs."""
        if self.busy:
            raise refusal(Code.BUSY, "A job runs already.", advice="Wait for it, or cancel it.")
        told = _Told(self._events)
        run = JobRun(task, self._connect, told.progress, self._patience)
        told.job = run.job
        self._run = run
        self._thread = threading.Thread(target=self._work, args=(run,), name="contouring", daemon=True)
        self._thread.start()
        return run.job

    def cancel(self) -> None:
        """Stops the running job, if any; `Stopped` comes soon."""
        if self._run is not None and self.busy:
            self._run.cancel()

    def poll(self) -> list[Event]:
        """The events since the last call, oldest first. Never waits. A job that ended, and with it its scan,
        is let go of."""
        if not self.busy:
            self._run = None
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return events

    def close(self, timeout_s: float = 3.0) -> bool:
        """Cancels what runs and waits; False where the thread did not end in time (it will by itself)."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.busy

    def _work(self, run: JobRun) -> None:
        try:
            self._events.put(Finished(run.job, run.run()))
        except Cancelled:
            self._events.put(Stopped(run.job))
        except AmlartError as error:
            self._events.put(Failed(run.job, error))
        except Exception as error:  # the thread's boundary: the session must hear of every end
            LOG.error("contouring failed: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            what = f"Something unexpected happened while talking to the backend ({type(error).__name__})."
            self._events.put(Failed(run.job, BackendProblem(what, kept="The scan is as it was.")))


class _Told:
    """Puts the progress of one job into the queue, under its id."""

    def __init__(self, events: queue.SimpleQueue[Event]) -> None:
        self._events = events
        self.job = ""

    def progress(self, progress: JobProgress) -> None:
        self._events.put(Progressed(self.job, progress))
