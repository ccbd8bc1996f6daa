"""Folders and files that only this user can read."""

from __future__ import annotations

import os
from pathlib import Path

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
