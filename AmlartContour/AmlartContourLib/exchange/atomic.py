"""Writing all or nothing: a folder or a file appears under its final name complete, or not at all.

Order: everything goes to a hidden sibling of the target on the same disk, is flushed to the disk, and is then
renamed, which the file system does in one step. A crash before that leaves only the sibling, whose name says
that it is unfinished; nothing under a final name is ever half written.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from AmlartContourLib.contract.errors import ExportFailed

UNFINISHED = ".unfinished-"
LAST_VERSION = 999
TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class IfExists(Enum):
    """What to do where the target is already there. Nothing is replaced unless the caller says so."""

    REFUSE = "refuse"
    VERSION = "write beside it, as name-2, name-3 and so on"
    REPLACE = "replace"


def write_folder(target: Path, fill: Callable[[Path], None], if_exists: IfExists = IfExists.REFUSE) -> Path:
    """Calls `fill` with an empty folder, then makes that folder appear as `target`; returns its final path.

    An empty folder at `target` counts as absent. Raises ExportFailed, with nothing left behind, where the
    target is there and may not be replaced, the disk is full, or writing is not permitted. Any error of
    `fill` itself is passed on after its files are removed.
    """
    if if_exists is IfExists.REFUSE and _occupied(target):
        raise _occupied_error(target)
    unfinished = _unfinished(target)
    try:
        unfinished.mkdir(parents=True)
        fill(unfinished)
        _flush_tree(unfinished)
        final = _place(unfinished, target, if_exists)
        _flush(target.parent)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return final


def write_file(target: Path, content: bytes, *, replace: bool = False) -> None:
    """Makes one file appear complete. ExportFailed as `write_folder`; `replace` permits overwriting."""
    if target.exists() and not replace:
        raise _occupied_error(target)
    unfinished = _unfinished(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        _remove_file(unfinished)


def _unfinished(target: Path) -> Path:
    return target.with_name(f".{target.name}{UNFINISHED}{secrets.token_hex(4)}")


def _occupied(target: Path) -> bool:
    if target.is_dir() and not target.is_symlink():
        return any(target.iterdir())
    return target.exists() or target.is_symlink()


def _place(unfinished: Path, target: Path, if_exists: IfExists) -> Path:
    """Renames the folder to the first candidate that is free, also where someone else was quicker."""
    if if_exists is IfExists.REPLACE and _occupied(target):
        return _replace(unfinished, target)
    for candidate in _candidates(target, if_exists):
        try:
            if candidate.is_dir():
                candidate.rmdir()  # an empty one; Windows does not rename over it
            return unfinished.rename(candidate)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
    raise _occupied_error(target)


def _candidates(target: Path, if_exists: IfExists) -> Iterator[Path]:
    yield target
    if if_exists is IfExists.VERSION:
        for number in range(2, LAST_VERSION + 1):
            yield target.with_name(f"{target.name}-{number}")


def _replace(unfinished: Path, target: Path) -> Path:
    """The old one is set aside, and comes back if the new one cannot take its place."""
    aside = _unfinished(target)
    target.rename(aside)
    try:
        unfinished.rename(target)
    except OSError:
        aside.rename(target)
        raise
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        _remove_file(aside)
    return target


def _flush_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _flush(path)


def _flush(path: Path) -> None:
    """To the disk itself. Folders cannot be opened on Windows, where the rename is enough."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # it stays behind under its unfinished name; the error that led here is the one to show


def _occupied_error(target: Path) -> ExportFailed:
    return ExportFailed(
        f"{target.name} is already there and is not empty.",
        kept="Nothing was changed.",
        advice="Choose another name, or say that it may be replaced.",
    )


def _failed(target: Path, error: OSError) -> ExportFailed:
    if error.errno in FULL:
        what, advice = (
            "the disk is full, or a limit on file size is reached",
            "Free some space and try again.",
        )
    elif error.errno in FORBIDDEN:
        what, advice = "writing is not permitted there", "Choose a folder that you may write to."
    else:
        what, advice = (error.strerror or "the file system refused").lower(), "Choose another folder."
    return ExportFailed(
        f"{target.name} was not written: {what}.",
        kept="Nothing is left under that name, and what was there before is unchanged.",
        advice=advice,
    )
