"""What a user can ask of the backend, apart from HTTP: submit, look, cancel, resume, fetch, remove, estimate.

A user sees and changes only their own jobs; another's job is "not found". Every method may be called from any
thread.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from AmlartContourLib.contract.frame_header import Grid, Kind
from AmlartContourLib.contract.messages import (
    EngineInfo,
    Estimate,
    JobRequest,
    JobState,
    JobStatus,
    PurgeReport,
    PurgeRequest,
    UploadState,
)
from AmlartContourLib.contract.problems import Code, refusal
from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.exchange.wire import geometry_of
from inference_backend.server.crew import Crew
from inference_backend.server.job_problems import RESULT_GONE
from inference_backend.server.job_store import Job
from inference_backend.server.run_store import Forecast
from inference_backend.server.turns import RANK
from inference_backend.server.upload_store import Upload
from inference_backend.server.workshop import Workshop

SEND_AGAIN = "Send it (again), then submit the job."


class Desk:
    """The backend's use cases."""

    def __init__(self, shop: Workshop, crew: Crew) -> None:
        self._shop = shop
        self._crew = crew

    def upload(self, sha256: str, kind: Kind) -> UploadState:
        """An upload that is here; it is held until its client has had time to submit. UPLOAD_MISSING else."""
        upload = self._shop.uploads.get(sha256, kind, hold=True)
        if upload is None:
            raise refusal(Code.UPLOAD_MISSING, "There is no such upload here.", advice=SEND_AGAIN)
        expires = upload.last_used_at + self._shop.settings.retention_s
        return UploadState(upload.sha256, upload.kind.value, upload.raw_bytes, expires)

    def submit(self, owner: str, job_id: str, request: JobRequest) -> JobStatus:
        """Queues a job under an id that the client chose; the same call again finds the same job."""
        jobs, limits = self._shop.jobs, self._shop.settings.limits
        if jobs.get(job_id) is None:
            self._inputs(request)
            jobs.add(job_id, owner, request, limits.jobs_waiting, limits.jobs_waiting_of_one_client)
            self._crew.wake()
            self._shop.live.ring_all()
        job = jobs.get(job_id)
        if (
            job is None
            or job.owner != owner
            or (job.state is not JobState.EXPIRED and job.request != request)
        ):
            raise refusal(Code.CONFLICT, "Another job has this id.", advice="Choose a new random id.")
        return self.status(owner, job_id)

    def status(self, owner: str, job_id: str) -> JobStatus:
        """A job as it stands. NOT_FOUND, or EXPIRED for a job whose data are gone."""
        job = self._own(owner, job_id)
        return self._status(job, self._positions() if job.state is JobState.QUEUED else {})

    def statuses(self, owner: str, most: int) -> tuple[JobStatus, ...]:
        """The user's jobs, newest first."""
        positions = self._positions()
        return tuple(self._status(job, positions) for job in self._shop.jobs.of_owner(owner, most))

    def cancel(self, owner: str, job_id: str) -> JobStatus:
        """Stops a job that waits or runs; one that has ended stays as it is."""
        job = self._own(owner, job_id)
        if self._shop.jobs.cancel_waiting(job_id):
            self._shop.live.ring_all()
        elif not job.state.has_ended:
            self._crew.cancel(job_id)
        return self.status(owner, job_id)

    def resume(self, owner: str, job_id: str) -> JobStatus:
        """Puts an interrupted, failed or cancelled job back into the queue."""
        job = self._own(owner, job_id)
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            return self.status(owner, job_id)
        if not job.state.can_resume:
            raise refusal(Code.CONFLICT, f"The job is {job.state.value}; there is nothing to resume.")
        self._inputs(job.request)
        self._shop.cancels.discard(job_id)  # a cancel that came too late for the run before
        self._shop.jobs.resume(job_id)
        self._crew.wake()
        self._shop.live.ring_all()
        return self.status(owner, job_id)

    def result(self, owner: str, job_id: str) -> Path:
        """The file of a job's result. NOT_READY where the job is not done."""
        job = self._own(owner, job_id)
        if job.state is not JobState.DONE:
            raise refusal(
                Code.NOT_READY,
                f"The job is {job.state.value}; it has no result.",
                advice="Ask for its status, which says why."
                if job.state.has_ended
                else "Wait until it is done.",
            )
        result = self._shop.files.result(job_id)
        if not result.exists():
            self._shop.jobs.lose_results({job_id})
            raise refusal(Code.NOT_READY, RESULT_GONE.what, kept=RESULT_GONE.kept, advice=RESULT_GONE.advice)
        return result

    def purge(self, owner: str, request: PurgeRequest) -> PurgeReport:
        """Removes the user's ended jobs with their results, and every upload that no job needs."""
        before = time.time() - request.older_than_seconds
        report = self._shop.remove_ended(before, owner, request.jobs)
        self._shop.live.ring_all()
        return report

    def estimate(self, owner: str, request: JobRequest) -> Estimate:
        """What a job will take, from runs measured on this machine."""
        info, scan = self._inputs(request)
        forecast = self._forecast(info, scan)
        free = int(psutil.virtual_memory().available)
        waits = self._waits_s(request)
        if forecast is None:
            note = "No run of this engine was measured on this machine yet."
            return Estimate(None, None, None, None, free, waits, 0, note)
        note = f"From {forecast.runs} measured runs on this machine, scaled to the size of the scan."
        if forecast.peak_bytes > free:
            note += " It needs more memory than is free now."
        spans = (forecast.seconds, forecast.seconds_low, forecast.seconds_high)
        return Estimate(*spans, forecast.peak_bytes, free, waits, forecast.runs, note)

    def _own(self, owner: str, job_id: str) -> Job:
        job = self._shop.jobs.get(job_id)
        if job is None or job.owner != owner:
            raise refusal(Code.NOT_FOUND, "There is no such job.", advice="`amlart jobs list` shows yours.")
        if job.state is JobState.EXPIRED:
            raise refusal(Code.EXPIRED, "The job's data were removed.", advice="Send the scan again.")
        return job

    def _inputs(self, request: JobRequest) -> tuple[EngineInfo, Upload]:
        """The engine and the scan of a request, if it can be run."""
        info = self._engine(request)
        scan = self._shop.uploads.get(request.scan, Kind.CT)
        if scan is None:
            raise refusal(Code.UPLOAD_MISSING, "The scan is not here.", advice=SEND_AGAIN)
        there: tuple[str, ...] = ()
        if request.context is not None:
            context = self._shop.uploads.get(request.context, Kind.CONTOURS)
            if context is None:
                raise refusal(
                    Code.UPLOAD_MISSING, "The contours for the scan are not here.", advice=SEND_AGAIN
                )
            _require_same_grid(scan.grid, context.grid)
            there = context.structures
        missing = sorted(set(info.needs_context) - set(there))
        if missing:
            what = f"The engine {info.id} needs contours of {', '.join(missing)}."
            raise refusal(Code.REFUSED_INPUT, what, advice="Send them along with the scan.")
        return info, scan

    def _engine(self, request: JobRequest) -> EngineInfo:
        info = self._shop.registry.info(request.engine)
        if info is None:
            raise refusal(Code.REFUSED_INPUT, f"There is no engine {request.engine!r} here.")
        if not info.available:
            raise refusal(Code.ENGINE_UNAVAILABLE, f"{info.title}: {info.reason}", advice=info.mend)
        kinds = {name.partition(":")[0] for name in self._shop.settings.devices}
        if not kinds & set(info.devices):
            what = f"{info.title} runs on {', '.join(info.devices)}; this backend has none of them."
            raise refusal(Code.ENGINE_UNAVAILABLE, what, advice="Start it with another --device.")
        if request.prompt is not None:
            _require_takes(info, request.prompt)
        unknown = sorted(set(request.wanted) - set(info.gives))
        if unknown:
            what = f"The engine {info.id} does not give {', '.join(unknown)}."
            raise refusal(Code.REFUSED_INPUT, what, advice=f"It gives {', '.join(info.gives)}.")
        return info

    def _forecast(self, info: EngineInfo, scan: Upload) -> Forecast | None:
        devices = (
            d for kind in info.devices for d in self._shop.settings.devices if d.partition(":")[0] == kind
        )
        found = (self._shop.forecast(info.id, device, scan.voxels) for device in devices)
        return next((forecast for forecast in found if forecast), None)

    def _waits_s(self, request: JobRequest) -> float | None:
        """Seconds until a job submitted now starts; None where a job before it was never measured."""
        waiting = [j for j in self._shop.jobs.waiting() if RANK[j.request.priority] <= RANK[request.priority]]
        times = [*self._crew.seconds_left(), *(self._run_s(job) for job in waiting)]
        if len(times) < len(self._shop.settings.devices):
            return 0.0
        known = [seconds for seconds in times if seconds is not None]
        return sum(known) / len(self._shop.settings.devices) if len(known) == len(times) else None

    def _run_s(self, job: Job) -> float | None:
        info, (scan, _) = self._shop.registry.info(job.request.engine), self._shop.inputs(job)
        forecast = self._forecast(info, scan) if info and scan else None
        return forecast.seconds if forecast else None

    def _positions(self) -> dict[str, int]:
        return {job.id: place for place, job in enumerate(self._shop.jobs.waiting(), start=1)}

    def _status(self, job: Job, positions: dict[str, int]) -> JobStatus:
        live = self._shop.live.progress(job.id) if job.state is JobState.RUNNING else None
        done = job.state is JobState.DONE
        expires = job.ended_at + self._shop.settings.retention_s if job.ended_at else None
        return JobStatus(
            job=job.id,
            state=job.state,
            engine=job.request.engine,
            wanted=job.request.wanted,
            priority=job.request.priority,
            client=job.request.client,
            stage=live.stage if live else job.state.value,
            fraction=live.fraction if live else float(done),
            seconds_left=live.seconds_left if live else (0.0 if done else None),
            position=positions.get(job.id),
            device=job.device,
            attempts=job.attempts,
            submitted_at=job.submitted_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            expires_at=expires,
            result_bytes=job.result_bytes,
            problem=job.problem,
        )


def _require_takes(info: EngineInfo, prompt: Prompt) -> None:
    if not info.takes_prompts:
        what = f"{info.title} takes no prompts."
        raise refusal(Code.REFUSED_INPUT, what, advice="`amlart engines` lists those that do.")
    beyond = sorted(kind.value for kind in prompt.kinds - set(info.prompts))
    if beyond:
        takes = ", ".join(kind.value for kind in info.prompts)
        what = f"{info.title} takes no prompt of the kind {', '.join(beyond)}."
        raise refusal(Code.REFUSED_INPUT, what, advice=f"It takes {takes}.")


def _require_same_grid(scan: Grid, context: Grid) -> None:
    if not geometry_of(scan).same_as(geometry_of(context)):
        raise refusal(
            Code.REFUSED_INPUT,
            "The contours lie on another grid than the scan.",
            advice="Resample them to the scan, or choose the contours that belong to it.",
        )
