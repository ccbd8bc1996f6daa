"""The lock that keeps a second process out of a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from AmlartContourLib.contract.errors import AmlartError


class FolderLock:
    """Held until `release`; the system lets go of it when the process ends, however it ends.

    Raises `refusal`, the caller's own words, where another process holds it.
    """

    def __init__(self, folder: Path, refusal: AmlartError) -> None:
        self._file: IO[bytes] = open(folder / "lock", "a+b")  # noqa: SIM115 - open as long as the lock is held
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise refusal from error

    def release(self) -> None:
        """Lets another process in."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
