"""A backend on this machine, in its own process: found if it runs, started if not, ended when asked.

Found means: the private file that a running backend writes names an address, and the service that answers
there is the very one that wrote the file. So a port that another program took over is never mistaken for it.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.causes import explained
from AmlartContourLib.client.connection import Timeouts
from AmlartContourLib.client.processes import Apart, end_tree, own_environment, start_apart, wait_until_gone
from AmlartContourLib.contract.errors import AmlartError, BackendProblem, BackendRefused
from AmlartContourLib.contract.home import RunningBackend, default_home, read_local_token, read_running
from AmlartContourLib.contract.problems import Cause

LOG_NAME = "backend.log"
QUICK = Timeouts(connect_s=2.0, answer_s=4.0)
LOOK_S = 0.1
TOLD_BYTES = 4096


def serve_command(python: Path, devices: Sequence[str] = ()) -> tuple[str, ...]:
    """The command that serves, in the environment of a Python that has the backend installed. `devices`, such
    as cuda:0: one worker each; none named: the processor."""
    named = (word for device in devices for word in ("--device", device))
    return (str(python), "-m", "inference_backend.server", *named)


class LocalBackend:
    """The backend of one folder. Calls from several threads take turns."""

    def __init__(
        self,
        command: Sequence[str],
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        start_s: float = 60.0,
    ) -> None:
        self._command = tuple(command)
        self._home = home or default_home()
        self._environment = environment
        self._start_s = start_s
        self._process: Apart | None = None
        self._one_at_a_time = threading.Lock()

    def find(self) -> BackendAddress | None:
        """The backend that runs in the folder, or None."""
        running = read_running(self._home)
        return self._address(running) if running and self._is_it(running) else None

    def ensure(self) -> BackendAddress:
        """The backend that runs, else a new one. BackendUnreachable with NOT_STARTED, and its last words."""
        with self._one_at_a_time:
            return self.find() or self._start()

    def connect(self) -> BackendClient:
        """A client of the backend, which is started if need be: what a worker asks for again and again."""
        return BackendClient(self.ensure())

    def stop(self, wait_s: float = 10.0) -> bool:
        """Asks the backend to end, waits, then ends its process tree. False where it is not ours to end: it
        was started by hand. A job that runs is interrupted, and can be resumed after the next start."""
        with self._one_at_a_time:
            return self._stop(wait_s)

    def _stop(self, wait_s: float) -> bool:
        running = read_running(self._home)
        if running is None or not self._is_it(running):
            self._reap(wait_s)
            return True
        client = BackendClient(self._address(running), QUICK)
        try:
            client.shutdown()
        except BackendRefused:
            return False
        except BackendProblem:
            pass  # it fell silent since it was asked who it is; what follows ends it
        finally:
            client.close()
        if not wait_until_gone(running.pid, wait_s):
            end_tree(running.pid)
            wait_until_gone(running.pid, wait_s)
        self._reap(wait_s)
        return True

    def _start(self) -> BackendAddress:
        self._reap(0.0)
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._process = start_apart(
                (*self._command, "--home", str(self._home)),
                self._home / LOG_NAME,
                self._environment if self._environment is not None else own_environment(),
            )
        except OSError as error:
            raise explained(Cause.NOT_STARTED, "", f"{error.strerror}.") from error
        until = time.monotonic() + self._start_s
        while time.monotonic() < until:
            found = self.find()
            if found is not None:
                return found
            if self._process.poll() is not None:
                raise explained(Cause.NOT_STARTED, "", self._last_words())
            time.sleep(LOOK_S)
        self._reap(0.0)
        raise explained(Cause.NOT_STARTED, "", f"It gave no answer within {self._start_s:.0f} s.")

    def _is_it(self, running: RunningBackend) -> bool:
        try:
            client = BackendClient(self._address(running), QUICK)
        except AmlartError:
            return False
        try:
            return client.health().instance == running.instance
        except AmlartError:
            return False
        finally:
            client.close()

    def _address(self, running: RunningBackend) -> BackendAddress:
        return BackendAddress(running.url, read_local_token(self._home) or "")

    def _reap(self, wait_s: float) -> None:
        """Takes note of the end of a process that was started here, and ends it if it does not end."""
        if self._process is None:
            return
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            end_tree(self._process.pid)
            self._process.wait()
        self._process = None

    def _last_words(self) -> str:
        """The last line that the backend wrote for the user, which never holds patient data."""
        with (self._home / LOG_NAME).open("rb") as log:
            text = log.read()[-TOLD_BYTES:].decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        refused = [line for line in lines if line.startswith("Refused:")]
        return (refused or lines or ["It said nothing."])[-1]
