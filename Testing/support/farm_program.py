"""Jobs on a Ray cluster of this machine, run by a test in a process of its own.

    python farm_program.py FOLDER

Prints JSON: what three jobs gave, one of which was killed at its first try; what a refused job told; and
whether somebody without the cluster's token could join it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile
from inference_backend.cluster.farm import farm


def square(folder: Path, number: int) -> tuple[int, int]:
    """The square, and the process that found it; number 2 kills its process the first time."""
    mark = folder / f"tried-{number}"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number, os.getpid()


def refuse() -> tuple[int, int]:
    """What a broken case does."""
    raise DamagedFile("case-007 is cut off.", kept="The others are kept.", advice="Copy it again.")


def stranger_joins(address: str) -> bool:
    """Whether a program that has no token becomes part of the cluster."""
    join = f"import ray; ray.init(address={address!r})"
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    done = subprocess.run([sys.executable, "-c", join], env=environment, capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with farm("local") as cluster:
        found = cluster.run([partial(square, place, n) for n in (1, 2, 3)])
        try:
            cluster.run([refuse])
        except DamagedFile as error:
            told = [error.what, error.kept, error.advice]
        import ray

        joined = stranger_joins(ray.get_runtime_context().gcs_address)
    elsewhere = os.getpid() not in {process for _, process in found}
    answer = {"squares": [n for n, _ in found], "elsewhere": elsewhere, "told": told, "joined": joined}
    print(json.dumps(answer))  # noqa: T201
