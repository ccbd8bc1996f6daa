"""SHA-256 of files and folders, to say later which input gave which output without keeping either's name."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hash of a file's content; of a folder, over the relative names and the content of all its files.

    A folder's hash does not depend on where it lies or in which order its files are listed.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{_of_file(file)}\n".encode())
        return digest.hexdigest()
    return _of_file(path)


def _of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
