"""What the device threads share: stores, files, live progress, engines, and the jobs to be cancelled."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frame_header import Kind
from AmlartContourLib.contract.messages import JobState, PurgeReport
from AmlartContourLib.contract.problems import Code, Problem
from inference_backend.engines.registry import Registry
from inference_backend.server.database import Database, disk_full
from inference_backend.server.files import FileStore
from inference_backend.server.job_store import Job, JobStore
from inference_backend.server.live import LiveJobs
from inference_backend.server.orders import Task
from inference_backend.server.run_store import Forecast, RunStore
from inference_backend.server.settings import Settings
from inference_backend.server.upload_store import Upload, UploadStore

T = TypeVar("T")


class Cancels:
    """Running jobs that shall stop. Filled by requests, emptied by the device threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: set[str] = set()

    def add(self, job: str) -> None:
        """A job shall stop."""
        with self._lock:
            self._jobs.add(job)

    def discard(self, job: str) -> None:
        """A job has ended."""
        with self._lock:
            self._jobs.discard(job)

    def __contains__(self, job: object) -> bool:
        with self._lock:
            return job in self._jobs


class Workshop:
    """Everything one backend works with. Opening it tidies up what the last process left."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        limits = settings.limits
        self.files = FileStore(settings.home, limits.free_disk_bytes, limits.stored_bytes)
        self.database = Database(settings.home / "backend.sqlite")
        self.jobs = JobStore(self.database)
        self.uploads = UploadStore(self.database)
        self.runs = RunStore(self.database)
        self.live = LiveJobs()
        self.cancels = Cancels()
        self.memory_bytes = settings.memory_bytes or int(psutil.virtual_memory().total) // 2
        self.interrupted = self.with_spare(self.jobs.interrupt_running)
        missing = self.files.sweep(self.uploads.all_hashes(), self.jobs.with_result())
        self.uploads.drop(missing)
        self.files.keep_spare()
        self.jobs.lose_results(
            {job for job in self.jobs.with_result() if not self.files.result(job).exists()}
        )

    def close(self) -> None:
        """Lets go of the database."""
        self.database.close()

    def with_spare(self, work: Callable[[], T]) -> T:
        """Does what must be done on a full disk too: gives up the spare file where there is no room."""
        try:
            return work()
        except BackendRefused as error:
            if error.code != Code.DISK_FULL.value:
                raise
            self.files.give_spare()
            return work()

    def remove_ended(
        self, before: float, owner: str | None = None, only: tuple[str, ...] = ()
    ) -> PurgeReport:
        """Removes jobs that ended before a time (a user's, or everybody's), their results, and uploads last
        used before it that no job needs."""
        jobs = self.with_spare(lambda: self.jobs.expire(before, owner, only))
        uploads = self.with_spare(lambda: self.uploads.drop_unneeded(before))
        freed = self.files.remove([*map(self.files.result, jobs), *map(self.files.upload, uploads)])
        self.files.keep_spare()
        return PurgeReport(len(jobs), len(uploads), freed)

    def require_room(self, wanted_bytes: int) -> None:
        """DISK_FULL unless so many bytes can be stored; uploads that no job needs go first if they must."""
        if not self.files.has_room(wanted_bytes):
            unneeded = self.uploads.drop_unneeded(time.time())
            self.files.remove(map(self.files.upload, unneeded))
        if not self.files.has_room(wanted_bytes):
            raise disk_full()

    def not_for(self, device: str) -> set[str]:
        """Ids of the engines that another of this backend's devices runs better, or this one cannot run."""
        kinds = {name.partition(":")[0] for name in self.settings.devices}
        own = device.partition(":")[0]
        infos = (info for info in self.registry.infos() if info.available)
        return {info.id for info in infos if next((k for k in info.devices if k in kinds), own) != own}

    def task_of(self, job: Job) -> Task | None:
        """What a worker needs to know, or None where the engine or an upload has gone."""
        request = job.request
        info, place = self.registry.info(request.engine), self.registry.place(request.engine)
        scan, context = self.inputs(job)
        if info is None or not info.available or place is None or scan is None:
            return None
        if request.context is not None and context is None:
            return None
        return Task(
            job=job.id,
            place=place,
            engine=request.engine,
            scan=str(self.files.upload(scan.sha256)),
            scan_sha256=scan.sha256,
            context=str(self.files.upload(context.sha256)) if context else None,
            context_sha256=context.sha256 if context else None,
            wanted=request.wanted or info.gives,
            result=str(self.files.result_part(job.id)),
            prompt=request.prompt,
        )

    def inputs(self, job: Job) -> tuple[Upload | None, Upload | None]:
        """The scan and the context contours of a job, as far as they are there."""
        request = job.request
        scan = self.uploads.get(request.scan, Kind.CT)
        context = self.uploads.get(request.context, Kind.CONTOURS) if request.context else None
        return scan, context

    def forecast(self, engine: str, device: str, voxels: int) -> Forecast | None:
        """What a run of this engine will take on a device, from measured runs."""
        info = self.registry.info(engine)
        return self.runs.forecast(engine, info.version, device, voxels) if info else None

    def settle(self, job: Job, state: JobState, problem: Problem | None) -> None:
        """Writes down how a job ended, its result in place first. BackendRefused where the disk is full; then
        it can be called again."""
        size = None
        if state is JobState.DONE:
            part, result = self.files.result_part(job.id), self.files.result(job.id)
            if part.exists():
                os.replace(part, result)
            size = result.stat().st_size
        else:
            self.files.remove([self.files.result_part(job.id)])
        self.jobs.end(job.id, state, problem, size)

    def note_run(self, job: Job, device: str, seconds: float, peak_bytes: int) -> None:
        """Remembers what a job took; a prompt's says nothing of whole contours."""
        scan, _ = self.inputs(job)
        info = self.registry.info(job.request.engine)
        if scan and info and job.request.prompt is None:
            self.runs.add(info.id, info.version, device, scan.voxels, seconds, peak_bytes)
