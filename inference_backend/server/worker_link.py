"""The backend's end of a worker process: starts it, sends orders, hears reports, measures it, ends it.

Whoever waits for a report can be woken by `poke`. A worker that has gone is heard of as `Signal.GONE`, after
everything it had told; sending to it then does nothing.
"""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from enum import Enum, auto

import psutil

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.strict_json import from_json, to_json
from inference_backend.server.orders import Ask, Order, Report, Task

LOG = logging.getLogger(__name__)
END_S = 2.0


class Signal(Enum):
    """What can be heard instead of a report."""

    SILENCE = auto()
    POKE = auto()
    GONE = auto()


class WorkerLink:
    """One worker process."""

    def __init__(self, device: str, memory_bytes: int) -> None:
        command = [sys.executable, "-P", "-m", "inference_backend.server.worker", device, str(memory_bytes)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._heard: queue.SimpleQueue[Report | Signal] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=f"reports of {device}", daemon=True)
        self._reader.start()

    def exit_code(self) -> int | None:
        """How the process ended, once its output has; None where it does not end after all."""
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return None

    def contour(self, task: Task) -> None:
        """Orders a task."""
        self._send(Order(Ask.CONTOUR, task.job, task))

    def cancel(self, job: str) -> None:
        """Asks the worker to stop a task."""
        self._send(Order(Ask.CANCEL, job))

    def hear(self, timeout_s: float) -> Report | Signal:
        """The next report or signal; SILENCE after the timeout."""
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return Signal.SILENCE

    def poke(self) -> None:
        """Wakes whoever hears."""
        self._heard.put(Signal.POKE)

    def memory_bytes(self) -> int:
        """What the process takes now; 0 when it has gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def end(self) -> None:
        """Ends the process and whatever it started, and waits until it has gone."""
        tree = self._tree()
        with suppress(OSError):
            self._process.kill()
        for process in tree:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()
        self._reader.join(END_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _tree(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self._process.pid).children(recursive=True))
        except psutil.Error:
            return []

    def _send(self, order: Order) -> None:
        stream = self._process.stdin
        if stream is not None:
            with suppress(OSError, ValueError):  # it has gone, which the reader tells
                stream.write(to_json(order) + "\n")
                stream.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        for line in stream or ():
            try:
                self._heard.put(from_json(Report, line))
            except DamagedFile:
                LOG.error("a worker sent a line that is no report")
        self._heard.put(Signal.GONE)
