"""What a backend and its worker process say to each other: one JSON message a line, never a pickle.

The backend writes orders to the worker's input; the worker writes reports to its output. Arrays go through
files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.problems import Problem
from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.contract.strict_json import Message

SIGN_OF_LIFE_S = 1.0


class Ask(Enum):
    """What the backend asks of a worker."""

    CONTOUR = "contour"
    CANCEL = "cancel"


class Tell(Enum):
    """What a worker tells."""

    ALIVE = "alive"
    PROGRESS = "progress"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Task(Message):
    """A job for a worker: where the engine lives, which files to read, which file to write."""

    job: str
    place: str
    engine: str
    scan: str
    scan_sha256: str
    context: str | None
    context_sha256: str | None
    wanted: tuple[str, ...]
    result: str
    prompt: Prompt | None = None


@dataclass(frozen=True)
class Order(Message):
    """One line to a worker."""

    ask: Ask
    job: str
    task: Task | None = None


@dataclass(frozen=True)
class Report(Message):
    """One line from a worker. `loaded`: engines that it keeps. A report on a job names it."""

    tell: Tell
    job: str = ""
    fraction: float = 0.0
    stage: str = ""
    problem: Problem | None = None
    loaded: tuple[str, ...] = ()
