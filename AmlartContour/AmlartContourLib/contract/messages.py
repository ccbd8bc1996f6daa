"""What client and backend say to each other, version 1: one frozen dataclass for each message.

Times are seconds since 1970 (UTC), durations seconds, sizes bytes, fractions 0 to 1. Unknown is None, never
0. Nothing here names a patient: a job knows a scan by the hash of its voxels and grid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.problems import Problem
from AmlartContourLib.contract.prompt import Prompt, PromptKind
from AmlartContourLib.contract.strict_json import Message

SERVICE = "amlart-contour-backend"
PROTOCOL = 1
SERVICE_HEADER = "X-Amlart-Service"  # on every answer: "amlart-contour-backend/1"
FRAME_TYPE = "application/vnd.amlart.frame"
EVENTS_TYPE = "text/event-stream"

SHA256 = r"^[0-9a-f]{64}$"
JOB_ID = r"^[0-9a-f]{32}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MAX_WANTED = 256


class Priority(Enum):
    """Which jobs go first. Within one priority the clients take turns."""

    URGENT = "urgent"
    NORMAL = "normal"
    BACKGROUND = "background"


class JobState(Enum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"

    @property
    def has_ended(self) -> bool:
        """True when nothing more will happen to the job unless it is resumed."""
        return self not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def can_resume(self) -> bool:
        """True when one call puts the job back into the queue."""
        return self in (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


class GpuNeed(Enum):
    """How much an engine gains from a GPU."""

    NOT_USED = "not used"
    USEFUL = "useful"
    ADVISED = "advised"


@dataclass(frozen=True)
class Health(Message):
    """Who answers. The only message without a token, so that no token is ever shown to a wrong service."""

    service: str
    protocol: int
    instance: str


@dataclass(frozen=True)
class Version(Message):
    """Which version answers."""

    software: str
    protocol: int
    python: str


@dataclass(frozen=True)
class EngineInfo(Message):
    """What an engine gives and needs.

    `needs_context`: contours it cannot do without; `uses_context`: contours it uses where they are given.
    `devices`: kinds it runs on, best first. `memory_bytes`: what it takes when loaded; `working_bytes`: what
    it takes at most beside that while it works, where that does not depend on the scan; `size_bytes`: its
    files. `gpu`: ADVISED where a CPU takes many minutes. An engine that cannot
    run here says the reason and the one command that mends it. `prompts`: what a prompt may be made of, by
    which it puts one contour right; empty where it takes none.
    """

    id: str
    title: str
    version: str
    gives: tuple[str, ...]
    needs_context: tuple[str, ...]
    uses_context: tuple[str, ...]
    licence: str
    intended_use: str
    devices: tuple[str, ...]
    memory_bytes: int | None
    available: bool
    reason: str = ""
    mend: str = ""
    prompts: tuple[PromptKind, ...] = ()
    size_bytes: int | None = None
    working_bytes: int | None = None
    gpu: GpuNeed = GpuNeed.NOT_USED

    @property
    def takes_prompts(self) -> bool:
        """True where it puts a contour right by a prompt."""
        return bool(self.prompts)


@dataclass(frozen=True)
class DeviceState(Message):
    """One device, what it runs (a job of the asking user, or only that it is busy), and the engines it keeps
    loaded."""

    name: str
    busy: bool
    job: str | None
    loaded: tuple[str, ...]


@dataclass(frozen=True)
class WireLimits(Message):
    """What this backend takes. A request beyond it is refused, so a client can say so before it sends."""

    upload_bytes: int
    voxels: int
    structures: int
    jobs_waiting: int
    job_seconds: float
    retention_seconds: float


@dataclass(frozen=True)
class Capabilities(Message):
    """Engines, those that cannot run here among them; devices; limits; what waits."""

    engines: tuple[EngineInfo, ...]
    devices: tuple[DeviceState, ...]
    limits: WireLimits
    jobs_waiting: int


@dataclass(frozen=True)
class UploadState(Message):
    """An upload that is here: the hash of its content, its kind (ct or contours) and when it will go."""

    sha256: str
    kind: str
    raw_bytes: int
    expires_at: float


@dataclass(frozen=True)
class JobRequest(Message):
    """What to contour.

    `scan` and `context` are content hashes of uploads; `wanted` holds catalogue ids (empty: all that the
    engine gives); `client` names who shares the queue (a workstation, a batch run). `prompt`: not a whole
    contour but one put right where it says; `wanted` then names its structure alone.
    """

    engine: str
    scan: str
    wanted: tuple[str, ...] = ()
    context: str | None = None
    priority: Priority = Priority.NORMAL
    client: str = "default"
    prompt: Prompt | None = None

    def __post_init__(self) -> None:
        for name in (self.engine, self.client, *self.wanted):
            if not re.fullmatch(NAME, name):
                raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        for digest in (self.scan, self.context):
            if digest is not None and not re.fullmatch(SHA256, digest):
                raise ValueError("a content hash has 64 hexadecimal digits")
        if len(self.wanted) > MAX_WANTED or len(set(self.wanted)) < len(self.wanted):
            raise ValueError(f"wanted holds up to {MAX_WANTED} structures, each once")
        if self.prompt is not None and self.wanted != (self.prompt.structure,):
            raise ValueError("a prompt goes with its own structure alone")


@dataclass(frozen=True)
class Estimate(Message):
    """What a job will take, from runs measured on this machine. None, and a sentence why, where none was.

    `seconds_low` and `seconds_high` span the measured runs. `waits_seconds` is the time until the job starts.
    """

    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    memory_bytes: int | None
    memory_free_bytes: int
    waits_seconds: float | None
    measured_runs: int
    note: str


@dataclass(frozen=True)
class JobStatus(Message):
    """A job as it stands. `position`: 1 is the next to start, while it waits. `attempts`: times started."""

    job: str
    state: JobState
    engine: str
    wanted: tuple[str, ...]
    priority: Priority
    client: str
    stage: str
    fraction: float
    seconds_left: float | None
    position: int | None
    device: str | None
    attempts: int
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    expires_at: float | None
    result_bytes: int | None
    problem: Problem | None


@dataclass(frozen=True)
class JobList(Message):
    """The asking user's jobs, newest first."""

    jobs: tuple[JobStatus, ...]


@dataclass(frozen=True)
class PurgeRequest(Message):
    """Remove the asking user's ended jobs that ended at least that long ago (only `jobs`, where any are
    named), and all uploads that no job needs any more."""

    older_than_seconds: float = 0.0
    jobs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(re.fullmatch(JOB_ID, job) for job in self.jobs):
            raise ValueError("a job's id has 32 hexadecimal digits")
        if not 0 <= self.older_than_seconds <= 1e9:
            raise ValueError("older_than_seconds is not between 0 and 1e9")


@dataclass(frozen=True)
class PurgeReport(Message):
    """What was removed."""

    jobs: int
    uploads: int
    freed_bytes: int


@dataclass(frozen=True)
class Accepted(Message):
    """What was asked will be done."""

    accepted: bool = True
