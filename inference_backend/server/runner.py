"""One device's thread: takes the next job, watches its worker, writes down how the job ended.

It alone starts, orders and ends the device's worker. A cancel takes effect within the grace time: the engine
is asked first, then the worker is ended, which always frees the device.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.messages import JobState
from AmlartContourLib.contract.problems import Problem
from inference_backend.server.job_problems import (
    GONE,
    INTERRUPTED,
    TOO_LONG,
    no_sign_of_life,
    unexpected,
    worker_died,
)
from inference_backend.server.job_store import Job
from inference_backend.server.orders import Report, Task, Tell
from inference_backend.server.worker_link import Signal, WorkerLink
from inference_backend.server.workshop import Workshop

LOG = logging.getLogger(__name__)
IDLE_S = 5.0
LOOK_S = 0.2
AGAIN_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a job ended; `keep_worker` is false where its worker must go."""

    state: JobState
    problem: Problem | None = None
    keep_worker: bool = True


class DeviceRunner(threading.Thread):
    """Runs jobs on one device until it is stopped."""

    def __init__(self, device: str, shop: Workshop) -> None:
        super().__init__(name=f"device {device}", daemon=True)
        self.device = device
        self._shop = shop
        self._link: WorkerLink | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.current: str | None = None
        self.loaded: tuple[str, ...] = ()

    def wake(self) -> None:
        """Something may have changed: a new job, a cancel."""
        self._wake.set()
        link = self._link
        if link is not None:
            link.poke()

    def stop(self) -> None:
        """Interrupts the running job, ends the worker and then the thread."""
        self._stopping.set()
        self.wake()

    def run(self) -> None:
        """The thread."""
        while not self._stopping.is_set():
            job = self._claim()
            if job is None:
                self._wake.wait(IDLE_S)
                self._wake.clear()
                continue
            self.current = job.id
            self._run(job)
            self.current = None
        self._end_worker()

    def _claim(self) -> Job | None:
        try:
            return self._shop.jobs.claim(self.device, self._shop.not_for(self.device))
        except (
            Exception
        ) as error:  # the thread's boundary: a full disk, say, must not stop the device for good
            LOG.error("no job can be started: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            return None

    def _run(self, job: Job) -> None:
        started = time.monotonic()
        peak = _Peak()
        try:
            task = self._shop.task_of(job)
            self._shop.live.start(job.id, self._forecast_s(job))
            outcome = self._watch(job, task, peak) if task else Outcome(JobState.FAILED, GONE)
        except Exception as error:  # the thread's boundary: one job's fault must not stop the device
            LOG.error("a job failed in the backend: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            outcome = Outcome(JobState.FAILED, unexpected(error), keep_worker=False)
        if not outcome.keep_worker:
            self._end_worker()
        self._persist(job, outcome, time.monotonic() - started, peak.bytes)
        self._shop.cancels.discard(job.id)
        self._shop.live.end(job.id)

    def _forecast_s(self, job: Job) -> float | None:
        scan, _ = self._shop.inputs(job)
        forecast = self._shop.forecast(job.request.engine, self.device, scan.voxels) if scan else None
        return forecast.seconds if forecast else None

    def _watch(self, job: Job, task: Task, peak: _Peak) -> Outcome:
        """Until the job has ended, one way or another."""
        if self._link is None:
            self._link = WorkerLink(self.device, self._shop.memory_bytes)
        link, settings = self._link, self._shop.settings
        link.contour(task)
        start = last_sign = time.monotonic()
        told: float | None = None
        while True:
            grace_left = told + settings.cancel_grace_s - time.monotonic() if told is not None else LOOK_S
            heard = link.hear(max(min(LOOK_S, grace_left), 0.0))
            now = time.monotonic()
            peak.look(link, now)
            if isinstance(heard, Report):
                last_sign = now
                ended = self._take(job, heard)
                if ended is not None:
                    return ended
            elif heard is Signal.GONE:
                problem = worker_died(link.exit_code(), peak.bytes)
                return Outcome(JobState.FAILED, problem, keep_worker=False)
            if self._stopping.is_set():
                return Outcome(JobState.INTERRUPTED, INTERRUPTED, keep_worker=False)
            if told is None and job.id in self._shop.cancels:
                told = now
                link.cancel(job.id)
            if told is not None and now - told >= settings.cancel_grace_s:
                return Outcome(JobState.CANCELLED, keep_worker=False)
            if now - last_sign > settings.sign_of_life_s:
                problem = no_sign_of_life(now - last_sign, peak.bytes)
                return Outcome(JobState.FAILED, problem, keep_worker=False)
            if now - start > settings.limits.job_seconds:
                return Outcome(JobState.FAILED, TOO_LONG, keep_worker=False)

    def _take(self, job: Job, report: Report) -> Outcome | None:
        """What a report means for the job; None while it goes on."""
        if report.job != job.id:
            return None
        if report.tell is Tell.PROGRESS:
            self._shop.live.update(job.id, report.fraction, report.stage)
            return None
        self.loaded = report.loaded
        if report.tell is Tell.DONE:
            return Outcome(JobState.DONE)
        if report.tell is Tell.CANCELLED:
            return Outcome(JobState.CANCELLED)
        return Outcome(JobState.FAILED, report.problem)

    def _persist(self, job: Job, outcome: Outcome, seconds: float, peak_bytes: int) -> None:
        """Writes the outcome down; on a full disk it waits for room, because an outcome must not be lost."""
        while True:
            try:
                self._shop.settle(job, outcome.state, outcome.problem)
                break
            except AmlartError as error:
                LOG.error("a job's end cannot be written down yet: %s", error.what)
                if self._stopping.wait(AGAIN_S):
                    return  # it stays "running" and is found interrupted at the next start
        if outcome.state is JobState.DONE:
            with suppress(AmlartError):  # a measurement is not worth failing for
                self._shop.note_run(job, self.device, seconds, peak_bytes)

    def _end_worker(self) -> None:
        if self._link is not None:
            self._link.end()
            self._link = None
            self.loaded = ()


class _Peak:
    """The most memory seen."""

    def __init__(self) -> None:
        self.bytes = 0
        self._next = 0.0

    def look(self, link: WorkerLink, now: float) -> None:
        if now >= self._next:
            self._next = now + LOOK_S
            self.bytes = max(self.bytes, link.memory_bytes())
