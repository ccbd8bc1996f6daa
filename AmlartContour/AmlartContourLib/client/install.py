"""Installing the backend on this computer: in an environment of its own, never in Slicer's Python.

`uv` (https://docs.astral.sh/uv) makes the environment with a Python of its own and installs the backend
with the build of torch for the GPU that is found. Each step leaves what it finished, so a run that was
stopped goes on where it was. Offline, everything comes from a folder whose SHA256SUMS every file must
match.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.client.processes import end_tree, own_environment
from AmlartContourLib.client.site import ENVIRONMENT, environment_python
from AmlartContourLib.contract.errors import AmlartError, BadSetting, Cancelled, DamagedFile
from AmlartContourLib.exchange.fingerprint import sha256_of

PYTHON_VERSION = "3.12"
PYTHONS = ">=3.11,<3.14"  # those that the backend runs on, where 3.12 cannot be had
LINES_LOOKED_AT = 12  # the end of a program's output, in which it says why it failed
SUMS, REQUIREMENTS = "SHA256SUMS", "requirements.txt"
INSTALLER = "uv>=0.8"
INSTALLING = "Installing the backend"
KEPT = "What was installed so far is kept."
Progress = Callable[[float, str], None]
"""Takes the fraction that is done and what is being done, or a line of a program's output."""


@dataclass(frozen=True)
class Plan:
    """What to install where. `source` is the backend's own folder (pyproject.toml in it); `offline` a folder
    with everything, in place of the network; `proxy` a URL such as http://proxy:3128."""

    home: Path
    source: Path | None = None
    offline: Path | None = None
    proxy: str = ""
    uv: Path | None = None

    @property
    def tools(self) -> Path:
        """Where `uv` is put."""
        return self.home / "tools"


@dataclass(frozen=True)
class Step:
    """One command: what it does in words, what is there once it is done (None: always run), and another
    command for where the first does not succeed."""

    words: str
    command: tuple[str, ...]
    makes: Path | None = None
    otherwise: tuple[str, ...] = ()


class Installation:
    """One installation. `run` blocks and belongs on a worker thread; `cancel` may be called from any."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def cancel(self) -> None:
        """Stops soon; what was finished stays."""
        self._cancelled.set()
        if self._process is not None and self._process.poll() is None:
            end_tree(self._process.pid)

    def run(self, progress: Progress) -> Path:
        """The Python of the environment. AmlartError with the last words of the step that failed, Cancelled,
        DamagedFile where the offline folder is not as it was packed."""
        if self._plan.offline is not None:
            progress(0.0, "Checking the offline folder")
            check_sums(self._plan.offline)
        todo = steps(self._plan)
        for number, step in enumerate(todo):
            if step.makes is None or not step.makes.is_file():
                self._run(step, number / len(todo), progress)
        progress(1.0, "The backend is installed.")
        return environment_python(self._plan.home)

    def _run(self, step: Step, fraction: float, progress: Progress) -> None:
        progress(fraction, step.words)
        told: list[str] = []
        for command in filter(None, (step.command, step.otherwise)):
            told += self._told_by(command, step, lambda line: progress(fraction, line))
            if self._process is not None and self._process.returncode == 0:
                return
        raise AmlartError(
            f"{step.words} did not succeed: {_reason(told)}",
            kept=KEPT,
            advice="Install again to go on from here. Behind a proxy, set it; without a network, use the"
            " offline folder.",
        )

    def _told_by(self, command: tuple[str, ...], step: Step, progress: Callable[[str], None]) -> deque[str]:
        """Runs a command to its end; gives the last lines it told. Cancelled where the installation was."""
        told: deque[str] = deque(maxlen=LINES_LOOKED_AT)
        if not self._cancelled.is_set():
            try:
                self._process = _started(command, self._plan)
            except OSError as error:
                raise AmlartError(f"{step.words}: the program does not start ({error.strerror}).") from error
            with self._process as process:
                for line in process.stdout or ():
                    if line.strip():
                        told.append(line.strip())
                        progress(told[-1])
        if self._cancelled.is_set():
            raise Cancelled("The installation was stopped.", kept=KEPT)
        return told


def steps(plan: Plan) -> tuple[Step, ...]:
    """The commands, in order. BadSetting where there is nothing to install from."""
    uv = plan.uv or _uv(plan)
    python = environment_python(plan.home)
    place = (str(plan.home / ENVIRONMENT), "--clear")  # of one that was left half-made
    make = (str(uv), "venv", "--python", PYTHON_VERSION, *place)
    # Where none can be fetched, one that is there will do; offline, the wheels are for 3.12.
    found = (str(uv), "venv", "--python", PYTHONS, *place, "--no-python-downloads")
    otherwise = found if plan.offline is None else ()
    made = Step("Making an environment of its own", make, python, otherwise)
    into = (str(uv), "pip", "install", "--python", str(python))
    if plan.offline is not None:
        packed = ("--no-index", "--find-links", str(plan.offline), "--require-hashes")
        install = Step(INSTALLING, (*into, *packed, "-r", str(plan.offline / REQUIREMENTS)))
    elif plan.source is not None:
        backend = f"{plan.source}[models]"
        # Where pytorch.org cannot be reached, the package index has a build of torch too, a larger one.
        install = Step(INSTALLING, (*into, "--torch-backend", "auto", backend), None, (*into, backend))
    else:
        raise BadSetting(
            "This extension holds no backend to install.", advice="Install from an offline folder instead."
        )
    check = (str(python), "-c", "import inference_backend.server")
    tool = () if plan.uv or uv.is_file() else (Step("Fetching the installer", _fetch_uv(plan), uv),)
    return (*tool, made, install, Step("Checking the backend", check))


def _reason(told: Iterable[str]) -> str:
    """The last line of a program, and the host that it spoke of: IT may have to allow it."""
    lines = list(told)
    hosts = [host for line in lines for host in re.findall(r"https?://([\w.-]+)", line)]
    last = lines[-1] if lines else "it said nothing."
    return f"{last} ({hosts[-1]})" if hosts and hosts[-1] not in last else last


def check_sums(folder: Path) -> None:
    """BadSetting where it is no offline folder, DamagedFile where a file is not what SHA256SUMS says."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            "That folder is no offline folder of the backend: it has no list of checksums.",
            advice="Choose the folder that holds SHA256SUMS.",
        ) from error
    pairs = [line.partition(" ") for line in lines if line.strip()]
    named = {name.strip().lstrip("*"): wanted for wanted, _space, name in pairs}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and p.name != SUMS):
        if named.pop(path.name, None) != sha256_of(path):
            raise DamagedFile(
                f"{path.name} of the offline folder is not the file that was packed.",
                kept="Nothing of it was used.",
                advice="Copy the offline folder again.",
            )
    if named:
        raise DamagedFile(f"Missing in the offline folder: {', '.join(sorted(named))}.")


def _uv(plan: Plan) -> Path:
    name = "uv.exe" if sys.platform == "win32" else "uv"
    if plan.offline is not None and (plan.offline / name).is_file():
        return plan.offline / name
    return plan.tools / "bin" / name


def _fetch_uv(plan: Plan) -> tuple[str, ...]:
    """By the pip that Slicer has, into a folder of ours: Slicer's own packages stay as they are."""
    python = shutil.which("PythonSlicer") or sys.executable
    source = ("--no-index", "--find-links", str(plan.offline)) if plan.offline else ()
    return (python, "-m", "pip", "install", *source, "--target", str(plan.tools), INSTALLER)


def _started(command: Sequence[str], plan: Plan) -> subprocess.Popen[str]:
    is_slicers = "pip" in command and "--target" in command
    environment = dict(os.environ) if is_slicers else own_environment()
    environment["UV_CACHE_DIR"] = str(plan.home / "cache")
    environment["UV_PYTHON_INSTALL_DIR"] = str(plan.home / "python")
    if plan.proxy:
        environment["HTTPS_PROXY"] = environment["HTTP_PROXY"] = plan.proxy
    plan.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=sys.platform != "win32",
    )
