"""A workstation as users meet it: the command, its link, a real browser. Skips, saying so, without one."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.seen_scene import FILE_OF, SeenScene

START_S = 120.0
SCENE_S = 30.0
END_S = 120.0
SERVER = "inference_backend.server"
WATCHED = Path(__file__).with_name("watched_workstation.py")
STATION = re.compile(r"AmlartContourLib\.web|watched_station\.py")
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
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in children if STATION.search(" ".join(_command(child)))]

    def scene(self) -> SeenScene:
        """What the MRML scene of the one station holds now."""
        (pid,) = self.stations()
        file = _scene_file(self.home)
        file.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
        until = time.monotonic() + SCENE_S
        while not file.exists():
            assert time.monotonic() < until, "the station did not write its scene"
            time.sleep(0.05)
        return SeenScene.read(file)


def _command(process: psutil.Process) -> list[str]:
    """Its command line; empty where it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _end_backend(home: Path) -> None:
    """Ends the backend that a station started on this folder: it is made to outlive the workstation."""
    its = [p for p in psutil.process_iter() if (c := _command(p)) and SERVER in c and str(home) in c]
    for process in its:
        process.terminate()
    psutil.wait_procs(its, END_S)


def _watching(home: Path) -> dict[str, str]:
    return {FILE_OF: str(_scene_file(home)), "PYTHONPATH": str(WATCHED.parents[1])}


def _scene_file(home: Path) -> Path:
    return home.with_name(f"{home.name}-scene.npz")


@contextmanager
def running_workstation(
    patients: Path, home: Path, port: int = 0, *, watched: bool = False, options: tuple[str, ...] = ()
) -> Iterator[RunningWorkstation]:
    """Runs `amlart workstation` and waits for its link. `watched`: `scene` can be asked for."""
    program = [str(WATCHED)] if watched else ["-m", "inference_backend.cli", "workstation"]
    words = ("--home", str(home), "--port", str(port), "--no-open")
    process = subprocess.Popen(
        [sys.executable, *program, str(patients), *words, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "400", **(_watching(home) if watched else {})},
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
        process.wait(END_S)
        listener.join(5)
        stderr.close()
        _end_backend(home)


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
