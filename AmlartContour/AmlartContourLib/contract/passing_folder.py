"""Folders in the system's temporary folder that pass: each goes with its user, or after it.

A process that is killed cannot tidy up. So every folder holds a lock, which the system lets go of however the
process ends, and whoever makes the next folder of a kind takes away those of this kind that nobody holds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.folder_lock import FolderLock

PREFIX = "amlart-"
YOUNG_S = 60.0  # so long a folder may be without its lock, between the two calls that make it


@contextmanager
def passing_folder(kind: str) -> Iterator[Path]:
    """A new private folder `amlart-<kind>-…`, gone again afterwards; those of processes that were killed go
    now."""
    _sweep(kind)
    outer = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-"))
    lock = _lock(outer)
    inner = outer / "in"
    inner.mkdir()
    try:
        yield inner
    finally:
        lock.release()
        shutil.rmtree(outer, ignore_errors=True)


def _lock(folder: Path) -> FolderLock:
    return FolderLock(folder, AmlartError(f"{folder.name} is in use."))


def _sweep(kind: str) -> None:
    """Takes away this user's folders of a kind that are held by no process."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}{kind}-*"):
        with suppress(OSError, AmlartError):  # another process sweeps it at the same time, or holds it
            if _is_own(folder) and time.time() - folder.stat().st_mtime > YOUNG_S:
                _lock(folder).release()
                shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    told = folder.lstat()
    return folder.is_dir() and not folder.is_symlink() and told.st_uid == _user(told)


def _user(told: os.stat_result) -> int:
    """This user's id; Windows, whose temporary folders are private, has none."""
    return os.getuid() if hasattr(os, "getuid") else told.st_uid
