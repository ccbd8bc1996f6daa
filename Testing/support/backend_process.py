"""Real backend processes for tests: started, asked, killed, started again on the same folder."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.connection import Timeouts
from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.contract.home import read_local_token, read_running
from AmlartContourLib.contract.messages import JobRequest, JobState, JobStatus
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.wire import ct_frame
from support.shapes import grid

TESTING = Path(__file__).resolve().parents[1]
START_S = 120.0  # a machine that others keep busy starts Python slowly
PATIENT = Timeouts(connect_s=5.0, answer_s=30.0, upload_s=60.0, events_s=15.0)


def environment() -> dict[str, str]:
    """For processes that must find the test engine."""
    paths = [str(TESTING), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "error::ResourceWarning"}


@dataclass
class BackendProcess:
    """A backend in its own process, on a folder that outlives it."""

    home: Path
    settings: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    verify: Path | None = None

    def start(self) -> BackendProcess:
        """Starts it and waits until it answers."""
        given = {"port": 0, **self.settings, "home": str(self.home)}
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            command = [sys.executable, "-m", "support.tile_server", json.dumps(given)]
            self.process = subprocess.Popen(command, env=environment(), stderr=log, stdout=log)
        try:
            wait_for(self.answers, START_S, "the backend answers")
        except AssertionError:
            self.kill()
            raise
        return self

    def answers(self) -> bool:
        """True when it answers under its own process id."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        running = read_running(self.home)
        if running is None or running.pid != self.process.pid:
            return False
        client = self.client()
        try:
            return client.health().instance == running.instance
        except AmlartError:
            return False
        finally:
            client.close()

    def log(self) -> str:
        """What it wrote."""
        return (self.home.parent / f"{self.home.name}.log").read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        running = read_running(self.home)
        assert running is not None
        return running.url

    @property
    def token(self) -> str:
        return read_local_token(self.home) or ""

    def address(self, **other: Any) -> BackendAddress:
        """How to reach it, or what a test puts in place of that."""
        return BackendAddress(**{"url": self.url, "token": self.token, "ca_file": self.verify, **other})

    def client(self, timeouts: Timeouts = PATIENT) -> BackendClient:
        return BackendClient(self.address(), timeouts)

    def kill(self) -> None:
        """Ends it as a power cut would, without its workers."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ends it as Ctrl-C would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        assert self.process is not None
        return list(psutil.Process(self.process.pid).children(recursive=True))


def wait_for(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Waits until something is true and gives it."""
    until = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < until, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def scan(size_ijk: tuple[int, int, int] = (40, 36, 28), seed: int = 0) -> tuple[np.ndarray, Geometry]:
    """A noisy CT on an oblique grid of non-square pixels."""
    geometry = grid(size_ijk, direction="oblique")
    noise = np.random.default_rng(seed).normal(0, 400, geometry.shape_kji)
    return noise.clip(-1024, 3000).astype(np.int16), geometry


def frame(seed: int = 0, size_ijk: tuple[int, int, int] = (40, 36, 28)) -> Frame:
    """That CT as a frame."""
    return ct_frame(*scan(size_ijk, seed))


def submit(client: BackendClient, /, engine: str = "tiles-plain", seed: int = 0, **request: Any) -> str:
    """Sends a scan and queues a job on it; the job's id."""
    sent = frame(seed)
    client.send(sent)
    job = secrets.token_hex(16)
    client.submit(job, JobRequest(engine=engine, scan=sent.sha256, **request))
    return job


def ended(client: BackendClient, job: str, seconds: float = 30) -> JobStatus:
    """Waits until a job has ended."""
    return wait_for(lambda: (s := client.status(job)).state.has_ended and s, seconds, "the job ends")


def running(client: BackendClient, job: str, fraction: float = 0.0, seconds: float = 20) -> JobStatus:
    """Waits until a job runs and has got so far."""

    def there() -> JobStatus | None:
        status = client.status(job)
        assert not status.state.has_ended, status
        return status if status.state is JobState.RUNNING and status.fraction >= fraction else None

    return wait_for(there, seconds, "the job runs")


def is_gone(process: psutil.Process) -> bool:
    """True when a process has ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
