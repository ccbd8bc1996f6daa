"""Uploads and results as files. Their names are made from hashes and job ids that were checked, never from a
path that someone sent. A file is written under another name and put in place only when it is whole."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import JOB_ID, SHA256
from inference_backend.server.private_files import PRIVATE_FILE, private_folder, write_private

LOG = logging.getLogger(__name__)
PART = ".part"
FRAME = ".frame"
SPARE = "spare"
SPARE_BYTES = 4 << 20


class FileStore:
    """The files of one backend's folder.

    Beside them lies a spare file of no content. It is given up where the disk is so full that not even a
    removal could be written down.
    """

    def __init__(self, home: Path, free_disk_bytes: int, stored_bytes: int) -> None:
        self._spare = home / SPARE
        self._uploads = private_folder(home / "uploads")
        self._results = private_folder(home / "results")
        self._free_disk_bytes = free_disk_bytes
        self._stored_bytes = stored_bytes

    def upload(self, sha256: str) -> Path:
        """Where an upload lies."""
        return self._uploads / (_checked(sha256, SHA256) + FRAME)

    def result(self, job_id: str) -> Path:
        """Where a job's result lies."""
        return self._results / (_checked(job_id, JOB_ID) + FRAME)

    def result_part(self, job_id: str) -> Path:
        """Where a worker writes a job's result."""
        return self._results / (_checked(job_id, JOB_ID) + PART)

    def new_part(self) -> tuple[Path, IO[bytes]]:
        """A new private file for an upload that comes in."""
        path = self._uploads / (secrets.token_hex(16) + PART)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        return path, open(descriptor, "wb")

    def has_room(self, wanted_bytes: int) -> bool:
        """True when so many bytes fit into what is free and into what the backend may fill."""
        free = shutil.disk_usage(self._uploads).free - self._free_disk_bytes
        return wanted_bytes <= min(free, self._stored_bytes - self.used_bytes())

    def used_bytes(self) -> int:
        """What all files take."""
        return sum(_size(path) for folder in (self._uploads, self._results) for path in folder.iterdir())

    def remove(self, paths: Iterable[Path]) -> int:
        """Removes files; bytes that became free. One that is gone already is no error, and one that the
        system holds (Windows, while it is sent) goes at the next start."""
        freed = 0
        for path in paths:
            size = _size(path)
            with suppress(OSError):
                path.unlink(missing_ok=True)
                freed += size
        return freed

    def keep_spare(self) -> None:
        """Lays the spare file aside; where there is no room for it, it is for the next call."""
        if _size(self._spare) == SPARE_BYTES:
            return
        try:
            write_private(self._spare, os.urandom(SPARE_BYTES))  # zeros would take no room on some disks
        except BadSetting:
            LOG.warning("there is no room for the spare file")

    def give_spare(self) -> None:
        """Makes room for what must be written on a full disk."""
        self.remove([self._spare])

    def sweep(self, uploads: set[str], results: set[str]) -> set[str]:
        """At the start: removes files nobody knows of, half-written ones among them. Gives the hashes of
        uploads whose file is missing."""
        known = {self.upload(sha256) for sha256 in uploads} | {self.result(job) for job in results}
        here = {path for folder in (self._uploads, self._results) for path in folder.iterdir()}
        self.remove(here - known)
        return {sha256 for sha256 in uploads if self.upload(sha256) not in here}


def _checked(name: str, pattern: str) -> str:
    if not re.fullmatch(pattern, name):
        raise ValueError("a name that was not checked")
    return name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
