"""Folders and files that only this user can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import require_private

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def private_folder(path: Path) -> Path:
    """Makes the folder, closed to others. BadSetting where it is there and open to others, or no folder."""
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        require_private(path.stat(), f"The folder {path.name}")
    except OSError as error:
        raise BadSetting(f"The folder {path.name} cannot be used: {error.strerror}.") from error
    return path


def write_private(path: Path, content: bytes) -> None:
    """Writes a file, all or nothing, readable by this user only. BadSetting where the disk does not take
    it."""
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with open(descriptor, "wb", buffering=0) as file:
            _write_all(file, content)
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise BadSetting(
            f"The file {path.name} cannot be written: {error.strerror}.",
            kept="What was there before is kept.",
            advice="Free some space, or see who may write there.",
        ) from error


def _write_all(file: IO[bytes], content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
