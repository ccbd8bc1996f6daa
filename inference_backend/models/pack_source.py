"""Where trained nnU-Net folders lie in what a user gives: a folder, or a zip that is unpacked with care.

A trained folder holds plans.json, dataset.json and fold_0, fold_1 and so on. Of a zip only such files and
texts of licences are taken; one entry that climbs out of its folder, or is a link, refuses the whole.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge
from AmlartContourLib.contract.passing_folder import passing_folder

PLANS, DATASET, CHECKPOINT = "plans.json", "dataset.json", "checkpoint_final.pth"
WANTED = (PLANS, DATASET, CHECKPOINT)
LICENCE_NAME = re.compile(r"^licen[cs]e(\.txt|\.md)?$", re.IGNORECASE)
DEPTH = 4  # folders above a trained one: results, data set, trainer
MAX_ENTRIES = 100_000
MAX_UNPACKED = 64 << 30
CHUNK = 1 << 20


@dataclass(frozen=True)
class TrainedFolder:
    """A trained folder, the checkpoints of its folds in order, and the name of its data set."""

    folder: Path
    checkpoints: tuple[Path, ...]
    dataset_name: str


@contextmanager
def opened(source: Path, wanted: Collection[str] = WANTED) -> Iterator[Path]:
    """The folder to look in: the source itself, or the files of a zip that have one of the wanted names or
    are texts of licences, gone again afterwards."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise InputRefused(f"{source.name} is neither a folder nor a zip.", advice="Check the path.")
    with passing_folder("model") as place:
        _unpack(source, place, wanted)
        yield place


def trained_folders(root: Path, only_folds: tuple[str, ...] = ()) -> tuple[TrainedFolder, ...]:
    """Every trained folder below a folder, or it itself, by name. InputRefused where there is none, where a
    data set was trained in several ways, or a fold is not finished."""
    places = sorted(path.parent for depth in range(DEPTH) for path in root.glob("*/" * depth + PLANS))
    found = [_trained(place, only_folds) for place in places if (place / DATASET).is_file()]
    if not found:
        raise InputRefused(
            "There is no trained nnU-Net v2 folder: none with plans.json, dataset.json and fold_0.",
            advice="Choose the folder named after trainer, plans and configuration, or one above it.",
        )
    names = [one.dataset_name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        ways = ", ".join(one.folder.name for one in found if one.dataset_name in twice)
        raise InputRefused(
            f"{twice[0]} was trained in several ways: {ways}.", advice="Give the folder of the one to use."
        )
    return tuple(found)


def licence_text(root: Path) -> bytes | None:
    """The text of a licence that lies with the folders, or None."""
    for depth in range(DEPTH):
        for path in sorted(root.glob("*/" * depth + "*")):
            if LICENCE_NAME.match(path.name) and path.is_file() and path.stat().st_size <= CHUNK:
                return path.read_bytes()
    return None


def _trained(folder: Path, only_folds: tuple[str, ...]) -> TrainedFolder:
    folds = sorted(path for path in folder.glob("fold_*") if path.is_dir())
    if only_folds:
        folds = [folder / f"fold_{name}" for name in only_folds]
    elif len(folds) > 1:
        folds = [path for path in folds if path.name != "fold_all"]  # as nnU-Net does unless it is asked for
    if not folds:
        raise InputRefused(f"{folder.name} has no fold_0, fold_1 and so on.", advice="Copy it again.")
    for path in folds:
        if not (path / CHECKPOINT).is_file():
            raise InputRefused(
                f"{path.name} of {folder.name} has no {CHECKPOINT}: its training is not finished.",
                advice="Finish the training, or name the folds to use after --folds.",
            )
    named = folder.parent.name if folder.parent.name.startswith("Dataset") else folder.name
    return TrainedFolder(folder, tuple(path / CHECKPOINT for path in folds), named)


def _unpack(source: Path, place: Path, wanted: Collection[str]) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            _require_harmless(entries, source.name)
            left = MAX_UNPACKED
            for entry in entries:
                name = PurePosixPath(entry.filename).name
                if not entry.is_dir() and (name in wanted or LICENCE_NAME.match(name)):
                    left = _write(archive, entry, place.joinpath(*PurePosixPath(entry.filename).parts), left)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise DamagedFile(
            f"{source.name} is no zip that can be unpacked.", advice="Copy it again."
        ) from error


def _require_harmless(entries: list[zipfile.ZipInfo], name: str) -> None:
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise TooLarge(f"{name} holds more than {MAX_UNPACKED >> 30} GB or {MAX_ENTRIES} files.")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        climbs = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename
        if climbs or stat.S_ISLNK(entry.external_attr >> 16):
            raise DamagedFile(
                f"{name} holds a file that would lie outside its folder, or a link.",
                kept="Nothing of it was unpacked.",
                advice="Get it again from where it was published.",
            )


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Unpacks one file; gives how many bytes are left to write. TooLarge where it is longer than it says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise TooLarge("The zip holds more than it says.")
            target.write(chunk)
    return left
