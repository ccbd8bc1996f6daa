"""A workstation as users meet it: the command, its link, a real browser. Skips, saying so, without one."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_S = 120.0
LINK = re.compile(r"https?://\S+/enter\?token=\S+")


@dataclass(frozen=True)
class RunningWorkstation:
    """The door's process, its link, and the folder it keeps its work in."""

    process: subprocess.Popen[str]
    link: str
    home: Path

    @property
    def url(self) -> str:
        """Its address without the token."""
        return self.link.split("/enter")[0]

    @property
    def token(self) -> str:
        """The token of its own user."""
        return self.link.split("token=")[1]

    def stations(self) -> list[int]:
        """Process ids of the users' own processes."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in listed.stdout.splitlines() if "AmlartContourLib.web" in line]
        return [int(line.split()[0]) for line in lines]


@contextmanager
def running_workstation(patients: Path, home: Path, port: int = 0) -> Iterator[RunningWorkstation]:
    """Runs `amlart workstation` and waits for its link."""
    command = [sys.executable, "-m", "inference_backend.cli", "workstation", str(patients)]
    process = subprocess.Popen(
        [*command, "--home", str(home), "--port", str(port), "--no-open"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "400"},
    )
    told: queue.Queue[str] = queue.Queue()
    stderr = process.stderr
    assert stderr is not None

    def listen() -> None:
        for line in stderr:
            told.put(line)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        link = None
        while link is None:
            link = LINK.search(told.get(timeout=START_S))
        yield RunningWorkstation(process, link.group(0), home)
    finally:
        process.terminate()
        process.wait(30)
        listener.join(5)
        stderr.close()


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: sudo apt-get install chromium")
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()
