"""One job from scan to contours, through whatever happens on the way: a cut connection, a restarted backend.

The job's id is chosen here and its upload is known by its hash, so every step can be repeated without doing
anything twice. A job that the backend's death interrupted is resumed; only what cannot pass by itself ends
it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import (
    AmlartError,
    BackendProblem,
    BackendRefused,
    BackendUnreachable,
    Cancelled,
    DamagedFile,
    JobFailed,
    NothingToContour,
)
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.contract.messages import JobRequest, JobState, JobStatus, Priority
from AmlartContourLib.contract.problems import Cause, Code
from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.wire import context_frame, ct_frame

PASSING = (Cause.REFUSED, Cause.TIMEOUT, Cause.LOST, Cause.BUSY, Cause.NO_ROUTE)
PASSING_CAUSES = frozenset(cause.value for cause in PASSING)
PASSING_CODES = frozenset(c.value for c in (Code.BUSY, Code.UPLOAD_MISSING, Code.TOO_MANY))
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 3.0


class Phase(Enum):
    """What a job is at, as the user sees it."""

    PREPARING = "Preparing the scan"
    SENDING = "Sending the scan"
    WAITING = "Waiting in the queue"
    CONTOURING = "Contouring"
    FETCHING = "Fetching the contours"
    RECONNECTING = "Looking for the backend"


@dataclass(frozen=True)
class JobProgress:
    """Phase, the backend's own words for the stage, fraction of the phase, seconds left (None: unknown), and
    the place in the queue while it waits."""

    phase: Phase
    stage: str
    fraction: float
    seconds_left: float | None = None
    position: int | None = None


@dataclass(frozen=True, eq=False)
class ContourTask:
    """What to contour: HU as int16 [k, j, i] on a geometry, contours that go with it, and what is asked for.

    `wanted`: catalogue ids, empty for all that the engine gives. `client` shares the queue with the others.
    `prompt`: puts the one wanted structure right where it says; its contour as it is now goes in `context`.
    """

    hu_kji: NDArray[np.int16]
    geometry: Geometry
    engine: str
    wanted: tuple[str, ...] = ()
    context: StructureSet | None = None
    priority: Priority = Priority.NORMAL
    client: str = "default"
    prompt: Prompt | None = None


@dataclass(frozen=True)
class Patience:
    """How long to look for a lost backend, and how often to resume a job that its death interrupted."""

    lost_s: float = 60.0
    resumes: int = 3


Connect = Callable[[], BackendClient]
"""Gives a client of the backend, starting it if that is the caller's to do. May raise BackendUnreachable."""


class JobRun:
    """One job. `run` blocks, and belongs on a worker thread; `cancel` may be called from any thread."""

    def __init__(
        self,
        task: ContourTask,
        connect: Connect,
        report: Callable[[JobProgress], None] = lambda _: None,
        patience: Patience | None = None,
    ) -> None:
        self.job = secrets.token_hex(16)
        self._task = task
        self._connect = connect
        self._report = report
        self._patience = patience or Patience()
        self._cancelled = threading.Event()
        self._submitted = False
        self._resumes_left = self._patience.resumes
        self._sends_left = 3
        self._lost_since: float | None = None
        self._address: BackendAddress | None = None
        self._scan: Frame | None = None
        self._context: Frame | None = None

    def cancel(self) -> None:
        """Stops the job: `run` raises Cancelled soon, within about a second where the backend answers. The
        request to the backend goes out at once, on a connection of its own."""
        self._cancelled.set()
        threading.Thread(target=self._ask_to_cancel, name="cancel", daemon=True).start()

    def run(self) -> Contours:
        """The contours. Raises Cancelled; JobFailed, or NothingToContour, with the engine's reason;
        BackendRefused; or BackendUnreachable once patience is at its end."""
        self._tell(Phase.PREPARING, "", 0.0)
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return self._attempt()
            except BackendUnreachable as error:
                self._require_patience(error, error.cause in PASSING_CAUSES)
            except BackendRefused as error:
                self._sends_left -= error.code == Code.UPLOAD_MISSING.value
                self._require_patience(error, error.code in PASSING_CODES and self._sends_left > 0)
            if self._lost_since is None:
                wait_s = FIRST_WAIT_S
            self._tell(Phase.RECONNECTING, "", 0.0)
            self._cancelled.wait(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _attempt(self) -> Contours:
        """The whole way, from wherever the job stands by now."""
        self._check()
        client = self._connect()
        self._address = client.address
        try:
            status = self._stand(client)
            while True:
                status = self._follow(client, status)
                if status.state is JobState.DONE:
                    return self._fetch(client)
                if status.state is not JobState.INTERRUPTED or self._resumes_left == 0:
                    raise _ended(status)
                self._resumes_left -= 1
                status = client.resume(self.job)
        finally:
            client.close()

    def _stand(self, client: BackendClient) -> JobStatus:
        """The job's status; sends and submits it first where the backend does not know it."""
        if self._submitted:
            try:
                return client.status(self.job)
            except BackendRefused as error:
                if error.code != Code.NOT_FOUND.value:
                    raise
        scan, context = self._frames()
        for frame in filter(None, (scan, context)):
            client.send(frame, self._sent)
        task = self._task
        request = JobRequest(
            engine=task.engine,
            scan=scan.sha256,
            wanted=task.wanted,
            context=context.sha256 if context else None,
            priority=task.priority,
            client=task.client,
            prompt=task.prompt,
        )
        self._check()
        status = client.submit(self.job, request)
        self._submitted = True
        if self._cancelled.is_set():  # asked between the check and the answer, too early for the backend
            client.cancel(self.job)
        return status

    def _frames(self) -> tuple[Frame, Frame | None]:
        """Made once, because a scan is hashed for it. The scan goes uncompressed: zlib saves a third of a CT
        at 27 MB/s, which only pays on a network slower than 80 Mbit/s (measured on a real CT)."""
        if self._scan is None:
            self._scan = ct_frame(self._task.hu_kji, self._task.geometry)
            if self._task.context is not None:
                self._context = context_frame(self._task.context)
        return self._scan, self._context

    def _follow(self, client: BackendClient, status: JobStatus) -> JobStatus:
        """Until the job has ended. BackendUnreachable where the backend went away first."""
        self._lost_since = None
        if not status.state.has_ended:
            for status in client.follow(self.job):
                self._lost_since = None
                if status.state is JobState.QUEUED:
                    self._tell(Phase.WAITING, "", 0.0, None, status.position)
                elif status.state is JobState.RUNNING:
                    self._tell(Phase.CONTOURING, status.stage, status.fraction, status.seconds_left)
        if not status.state.has_ended:
            status = client.status(self.job)
        if not status.state.has_ended:
            raise BackendUnreachable("The backend stopped telling of the job.", Cause.LOST.value)
        return status

    def _fetch(self, client: BackendClient) -> Contours:
        self._tell(Phase.FETCHING, "", 0.0)
        contours = client.result(self.job)
        if not contours.masks.geometry.same_as(self._task.geometry):
            raise DamagedFile(
                "The backend's contours lie on another grid than the scan.",
                kept="They were not used.",
                advice="Report this: it must not happen.",
            )
        return contours

    def _sent(self, done: int, length: int) -> None:
        self._check()
        self._lost_since = None
        self._tell(Phase.SENDING, "", done / max(length, 1))

    def _tell(
        self,
        phase: Phase,
        stage: str,
        fraction: float,
        seconds_left: float | None = None,
        position: int | None = None,
    ) -> None:
        self._report(JobProgress(phase, stage, fraction, seconds_left, position))

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("The job was cancelled.", kept="The scan is as it was.")

    def _require_patience(self, error: BackendUnreachable | BackendRefused, passing: bool) -> None:
        self._check()
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if not passing or now - self._lost_since > self._patience.lost_s:
            raise error

    def _ask_to_cancel(self) -> None:
        if self._address is None:
            return
        client = BackendClient(self._address)
        with suppress(BackendProblem):  # gone, or not submitted yet: `run` then stops, or cancels, by itself
            client.cancel(self.job)
        client.close()


def _ended(status: JobStatus) -> AmlartError:
    if status.state is JobState.CANCELLED:
        return Cancelled("The job was cancelled.", kept="The scan is as it was.")
    problem = status.problem
    if problem is None:
        return JobFailed(f"The job is {status.state.value}, and the backend does not say why.")
    kind = NothingToContour if problem.code == Code.NOTHING_TO_CONTOUR.value else JobFailed
    return kind(problem.what, kept=problem.kept, advice=problem.advice)
