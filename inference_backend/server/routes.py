"""The routes of version 1. Each only translates: from HTTP to the desk and back.

No route takes a path, a file name or a URL. What a caller names is a content hash or a job's id.
"""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.security import HTTPBearer
from starlette.requests import ClientDisconnect

from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frame_header import Kind
from AmlartContourLib.contract.messages import (
    EVENTS_TYPE,
    FRAME_TYPE,
    JOB_ID,
    PROTOCOL,
    SERVICE,
    SHA256,
    Accepted,
    Capabilities,
    Estimate,
    Health,
    JobList,
    JobRequest,
    JobState,
    JobStatus,
    PurgeReport,
    PurgeRequest,
    UploadState,
    Version,
)
from AmlartContourLib.contract.problems import Code, Problem, refusal
from AmlartContourLib.contract.version import VERSION
from inference_backend.server.backend import Backend
from inference_backend.server.events import require_place, status_events
from inference_backend.server.receiving import Receiver, drain

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": "Refused; the body says why."}
    for status in (400, 401, 403, 404, 408, 409, 410, 411, 413, 422, 429, 503, 507)
}
FRAME_BODY = {
    "requestBody": {
        "required": True,
        "content": {FRAME_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
FRAME_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {FRAME_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
ONE_EVENT = {
    "type": "object",
    "description": "One event of the stream.",
    "properties": {
        "event": {"const": "status"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobStatus"},
        },
    },
    "required": ["event", "data"],
}
EVENTS_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {EVENTS_TYPE: {"schema": ONE_EVENT}}}}

Hash = Annotated[str, Path(pattern=SHA256, description="SHA-256 of the content, in hexadecimal")]
JobId = Annotated[str, Path(pattern=JOB_ID, description="128 random bits, in hexadecimal")]
bearer = HTTPBearer(auto_error=False, description="The gate checks it; this declares it.")
open_routes = APIRouter(prefix="/v1", responses=REFUSALS)
routes = APIRouter(prefix="/v1", responses=REFUSALS, dependencies=[Depends(bearer)])


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


def _owner(request: Request) -> str:
    owner: str = request.state.owner
    return owner


Here = Annotated[Backend, Depends(_backend)]
Owner = Annotated[str, Depends(_owner)]


@open_routes.get("/health")
def health(backend: Here) -> Health:
    """Who answers. Needs no token."""
    return Health(SERVICE, PROTOCOL, backend.instance)


@routes.get("/version")
def software_version() -> Version:
    """Which version answers."""
    return Version(VERSION, PROTOCOL, platform.python_version())


@routes.get("/capabilities")
def capabilities(backend: Here, owner: Owner) -> Capabilities:
    """Engines (those that cannot run here with the reason), devices, limits."""
    own = {job.job for job in backend.desk.statuses(owner, 1000)}
    return Capabilities(
        engines=backend.shop.registry.infos(),
        devices=backend.crew.states(own),
        limits=backend.shop.settings.wire_limits,
        jobs_waiting=backend.shop.jobs.count(JobState.QUEUED),
    )


@routes.get("/scans/{sha256}")
def find_scan(sha256: Hash, backend: Here) -> UploadState:
    """Whether a scan is here, so that it need not be sent."""
    return backend.desk.upload(sha256, Kind.CT)


@routes.get("/contours/{sha256}")
def find_contours(sha256: Hash, backend: Here) -> UploadState:
    """Whether contours to go with a scan are here."""
    return backend.desk.upload(sha256, Kind.CONTOURS)


@routes.put("/scans/{sha256}", openapi_extra=FRAME_BODY)
async def send_scan(sha256: Hash, request: Request, backend: Here) -> UploadState:
    """Send a scan: a frame of kind ct, with the content hash it is named by."""
    return await _receive(backend, request, Kind.CT, sha256)


@routes.put("/contours/{sha256}", openapi_extra=FRAME_BODY)
async def send_contours(sha256: Hash, request: Request, backend: Here) -> UploadState:
    """Send contours to go with a scan: a frame of kind contours."""
    return await _receive(backend, request, Kind.CONTOURS, sha256)


@routes.post("/estimate")
def estimate(wanted: JobRequest, backend: Here, owner: Owner) -> Estimate:
    """Time and memory a job will take, from runs measured on this machine; null where none was."""
    return backend.desk.estimate(owner, wanted)


@routes.get("/jobs")
def list_jobs(backend: Here, owner: Owner, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> JobList:
    """The caller's jobs, newest first."""
    return JobList(backend.desk.statuses(owner, most))


@routes.put("/jobs/{job}")
def submit_job(job: JobId, wanted: JobRequest, backend: Here, owner: Owner) -> JobStatus:
    """Queue a job under a random id of the caller's choice. Repeating the call changes nothing."""
    return backend.desk.submit(owner, job, wanted)


@routes.get("/jobs/{job}")
def job_status(job: JobId, backend: Here, owner: Owner) -> JobStatus:
    """A job as it stands."""
    return backend.desk.status(owner, job)


@routes.get("/jobs/{job}/events", response_class=StreamingResponse, responses=EVENTS_ANSWER)
async def job_events(job: JobId, backend: Here, owner: Owner) -> StreamingResponse:
    """Server-sent events: the job's status whenever it changes, until it has ended."""
    require_place(backend.shop.live, backend.shop.settings.limits.streams_at_once)
    backend.desk.status(owner, job)
    stream = status_events(backend.shop.live, job, lambda: backend.desk.status(owner, job))
    return StreamingResponse(stream, media_type=EVENTS_TYPE)


@routes.post("/jobs/{job}/cancel")
def cancel_job(job: JobId, backend: Here, owner: Owner) -> JobStatus:
    """Stop a job within a second. One that has ended stays as it is."""
    return backend.desk.cancel(owner, job)


@routes.post("/jobs/{job}/resume")
def resume_job(job: JobId, backend: Here, owner: Owner) -> JobStatus:
    """Put an interrupted, failed or cancelled job back into the queue."""
    return backend.desk.resume(owner, job)


@routes.get("/jobs/{job}/result", response_class=FileResponse, responses=FRAME_ANSWER)
def job_result(job: JobId, backend: Here, owner: Owner) -> FileResponse:
    """The contours of a job that is done: a frame of kind contours."""
    return FileResponse(backend.desk.result(owner, job), media_type=FRAME_TYPE)


@routes.post("/purge")
def purge(wanted: PurgeRequest, backend: Here, owner: Owner) -> PurgeReport:
    """Remove the caller's ended jobs with their results, and uploads that no job needs."""
    return backend.desk.purge(owner, wanted)


@routes.post("/shutdown", status_code=202)
def shutdown(backend: Here) -> Accepted:
    """End a backend that a program started for itself. Others end with Ctrl-C or a signal."""
    if not backend.shop.settings.managed:
        raise refusal(Code.FORBIDDEN, "This backend was not started by a program; end it where it runs.")
    backend.ask_to_end()
    return Accepted()


@routes.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Response:
    """This interface, as OpenAPI."""
    return Response(request.app.state.openapi_json, media_type="application/json")


async def _receive(backend: Backend, request: Request, kind: Kind, sha256: str) -> UploadState:
    pieces = _pieces(request)
    with backend.upload_place():
        try:
            await Receiver(backend.shop, kind, sha256).receive(pieces)
        except BackendRefused:
            await drain(pieces)
            raise
    return backend.desk.upload(sha256, kind)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        return  # what came is not whole, which the receiver says
