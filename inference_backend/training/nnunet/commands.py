"""Calling nnU-Net's own commands: in the interpreter that has it, with its folders inside the run's.

Everything a command prints goes to a log file; its last words are told where it fails. A command ends with
this program, however this program ends.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting, ExportFailed, InputRefused

PYTHON = "AMLART_NNUNET_PYTHON"
INSIDE = Path(__file__).parent / "inside"
RAW, PREPROCESSED, RESULTS, LOGS = "raw", "preprocessed", "results", "logs"
FULL = "No space left on device"
LAST_LINES = 40


def nnunet_python() -> str:
    """The interpreter that has nnU-Net. BadSetting where none is told and this one has none."""
    told = os.environ.get(PYTHON)
    if told:
        if not Path(told).is_file():
            raise BadSetting(f"{PYTHON} names no interpreter.", advice="Give the path of its python.")
        return told
    if importlib.util.find_spec("nnunetv2") is None:
        raise BadSetting(
            "nnU-Net is not installed.",
            kept="Nothing was written.",
            advice=f"pip install 'amlart-contour[nnunet]', or set {PYTHON} to a python that has nnunetv2.",
        )
    return sys.executable


@dataclass(frozen=True)
class NnUNet:
    """nnU-Net in a run's folder. `processes`: how many it may start; 0 works without where it can.
    `results`: the folder for what it trains. `settings`: further environment."""

    run: Path
    processes: int
    python: str = field(default_factory=nnunet_python)
    results: str = RESULTS
    settings: Mapping[str, str] = field(default_factory=dict)

    def call(self, log: str, told: Callable[[str], None], command: str, *words: object) -> None:
        """Runs one command to its end; `told` gets each line. InputRefused where it fails, ExportFailed where
        the disk is full."""
        path = self.run / LOGS / f"{log}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        arguments = [self.python, str(INSIDE / "entry.py"), command, *map(str, words)]
        last: list[str] = []
        with path.open("a", encoding="utf-8") as file, self._started(arguments) as process:
            if process.stdout is None:
                raise InputRefused(f"{command} cannot be listened to.")
            for line in process.stdout:
                file.write(line)
                file.flush()
                last = [*last[1 - LAST_LINES :], line.strip()]
                told(line.rstrip())
            code = process.wait()
        if code:
            raise self._failed(command, code, last, path)

    @contextlib.contextmanager
    def _started(self, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment(),
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None and hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _environment(self) -> dict[str, str]:
        places = {"nnUNet_raw": RAW, "nnUNet_preprocessed": PREPROCESSED, "nnUNet_results": self.results}
        return {
            **os.environ,
            **{name: str((self.run / folder).resolve()) for name, folder in places.items()},
            "nnUNet_extTrainer": str(INSIDE),
            "PYTHONUNBUFFERED": "1",  # each line when it is said
            "nnUNet_def_n_proc": str(max(1, self.processes)),
            **self.settings,
        }

    def _failed(self, command: str, code: int, last: list[str], log: Path) -> Exception:
        kept = "What was finished is kept; the same command goes on."
        if any(FULL in line for line in last):
            return ExportFailed("The disk is full.", kept=kept, advice="Make room and run it again.")
        words = next((line for line in reversed(last) if line), "nothing was said")
        return InputRefused(
            f"{command} of nnU-Net ended with code {code}: {words}",
            kept=kept,
            advice=f"Read {LOGS}/{log.name} in the run's folder.",
        )
