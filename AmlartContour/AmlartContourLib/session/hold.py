"""One process at a time has a patient open; the system lets go of it when that process ends, in any way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from AmlartContourLib.contract.errors import BadSetting


class Hold:
    """Held until `release`, or the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = open(folder / "lock", "a+b")  # noqa: SIM115 - open as long as it is held
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise BadSetting(
                "This patient is open in another window or program.",
                kept="Nothing was opened here.",
                advice="Go on there, or close it there first.",
            ) from error

    def release(self) -> None:
        """Lets another process open the patient."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
