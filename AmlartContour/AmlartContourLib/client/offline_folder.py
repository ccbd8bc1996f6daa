"""The folder from which the backend is installed where there is no network: wheels, their hashes, checksums.

It is packed on a computer with a network, by the pip of the Python that runs this, and read by
`client.install`. `requirements.txt` names every wheel with its hash; `SHA256SUMS` covers every file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from AmlartContourLib.client.install import INSTALLER, PYTHON_VERSION, REQUIREMENTS, SUMS
from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.fingerprint import sha256_of

EXTRA = "models"


def pack_offline(
    source: Path, folder: Path, platforms: Sequence[str] = (), pip: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Packs the backend of `source` (its own folder, or a wheel of it) and what it needs; gives the files.

    `platforms` are pip's names of the computer that it is for, such as win_amd64; without any it is for
    computers like this one. `pip` are further options of pip, such as a package index. The folder appears
    complete or not at all. BadSetting where there is nothing to pack, AmlartError with pip's last words.
    """
    if not source.is_file() and not (source / "pyproject.toml").is_file():
        raise BadSetting(
            f"There is no backend to pack at {source}.", advice="Name its own folder, or a wheel of it."
        )

    def fill(unfinished: Path) -> None:
        wheel = source
        if source.is_dir():
            _pip("wheel", "--no-deps", "--wheel-dir", str(unfinished), *pip, str(source))
            (wheel,) = unfinished.glob("*.whl")
        target = [part for name in platforms for part in ("--platform", name)]
        _pip(
            *("download", "--only-binary=:all:", "--dest", str(unfinished)),
            *("--python-version", PYTHON_VERSION, *target, *pip),
            *(f"{wheel}[{EXTRA}]", INSTALLER),
        )
        wheels = sorted(unfinished.glob("*.whl"))
        (unfinished / REQUIREMENTS).write_text("".join(_lines(wheels)), encoding="utf-8")
        packed = sorted(unfinished.iterdir())
        sums = "".join(f"{sha256_of(path)}  {path.name}\n" for path in packed)
        (unfinished / SUMS).write_text(sums, encoding="utf-8")

    return tuple(sorted(write_folder(folder, fill, IfExists.REFUSE).iterdir()))


def _lines(wheels: Iterable[Path]) -> Iterable[str]:
    """A requirement for each wheel, by its name as PEP 427 has it: name, version, build and platform."""
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        yield f"{name}=={version} --hash=sha256:{sha256_of(wheel)}\n"


def _pip(*arguments: str) -> None:
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise AmlartError(
            f"Packing did not succeed: {last}", kept="No folder was written.", advice="Look at the network."
        )
