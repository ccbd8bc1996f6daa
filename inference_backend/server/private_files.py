"""Folders and files that only this user can read, and the lock that keeps a second backend out of one."""

from __future__ import annotations

import os
import sys
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


def write_private(path: Path, text: str) -> None:
    """Writes a small file, all or nothing, readable by this user only."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


class FolderLock:
    """Held while a backend uses a folder; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = open(folder / "lock", "a+b")  # noqa: SIM115 - open as long as the lock is held
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise BadSetting(
                "Another backend already uses this folder.",
                kept="It was left running.",
                advice="Use that one (`amlart jobs list` shows its jobs), or give another --home.",
            ) from error

    def release(self) -> None:
        """Lets another backend in."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
