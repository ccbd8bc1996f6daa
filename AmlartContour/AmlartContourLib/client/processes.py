"""Starting a program apart from this one, and ending it with everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LOOK_S = 0.05
SLICERS_OWN = ("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Apart(subprocess.Popen[bytes]):
    """A process that may outlive this program: nobody need wait for it."""

    def __del__(self, *_: object) -> None:
        """Does not warn that it still runs, which is what it is for."""


def _group_of_its_own() -> dict[str, Any]:
    """What Popen needs on this system to start a program apart from the caller's group."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def start_apart(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Apart:
    """Starts a program in a group of its own; what it writes goes to a private log. OSError if it cannot."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    descriptor = os.open(log, flags, 0o600)
    try:
        return Apart(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=dict(environment),
            **_group_of_its_own(),
        )
    finally:
        os.close(descriptor)


def own_environment() -> dict[str, str]:
    """This process's environment without what Slicer sets for its own Python, which breaks any other."""
    environment = dict(os.environ)
    if "SLICER_HOME" in environment:
        for name in SLICERS_OWN:
            environment.pop(name, None)
    return environment


def is_running(pid: int) -> bool:
    """True while a process of that id is there."""
    if sys.platform == "win32":
        listed = subprocess.run(
            ["tasklist", "/FI", f"PID eq {pid}", "/NH"], capture_output=True, check=False, timeout=10
        )
        return str(pid).encode() in listed.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_dead_child(pid)


def wait_until_gone(pid: int, timeout_s: float) -> bool:
    """Waits for a process to end; False where it did not in time."""
    until = time.monotonic() + timeout_s
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_S)
    return True


def end_tree(pid: int) -> None:
    """Ends a process and, where it leads a group of its own, the whole group."""
    if sys.platform == "win32":
        command = ["taskkill", "/PID", str(pid), "/T", "/F"]
        subprocess.run(command, capture_output=True, check=False, timeout=10)
        return
    with suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def _is_dead_child(pid: int) -> bool:
    """True where it is a child of this process that has ended; takes note of its end."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
