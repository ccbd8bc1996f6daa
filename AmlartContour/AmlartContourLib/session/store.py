"""Sessions on the disk: one private folder for each patient, whole at every moment.

    <home>/sessions/<key>/
        session.json        the record as text, and which frames hold the contours; written last, in one step
        <hash>.frame        contours (see `contract.frames`), named by their content
        arrived.frame       contours that came while the patient was not open
        lock                held by the process that has the patient open

Invariants: session.json names only frames that are complete; frames nobody names are removed after it. No CT
and no path of one is kept, only the hash of its voxels. No pickle: JSON and frames, read within limits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.contract.errors import AmlartError, BadSetting, DamagedFile
from AmlartContourLib.contract.folder_lock import FolderLock
from AmlartContourLib.contract.frame_header import PREFIX_BYTES, FrameLimits, header_length, parse_header
from AmlartContourLib.contract.frames import decode
from AmlartContourLib.contract.home import require_private
from AmlartContourLib.contract.strict_json import from_json, to_json
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.wire import contours_frame, contours_of
from AmlartContourLib.session.case import Kept, Snapshot
from AmlartContourLib.session.record import FORM, Phase, Record, expected_of, from_parameters, phase_of

SESSION, ARRIVED, FRAME = "session.json", "arrived.frame", ".frame"
MOST_BYTES = 1 << 26  # of session.json; an edit log of 100,000 entries takes about 20 MB


@dataclass(frozen=True)
class Saved:
    """All of a session: its record as text, the parts with the nodal rest, and what is kept beside."""

    parameters: Mapping[str, str]
    parts: StructureSet
    kept: Kept


@dataclass(frozen=True)
class Summary:
    """What a worklist shows of a saved session. `expected`: what the engine said of editing to come, that of
    contours which arrived last before that of the session; None where it said nothing."""

    phase: Phase
    has_arrived: bool
    expected: ExpectedEffort | None = None


@dataclass(frozen=True)
class _SnapshotFile:
    name: str
    at: str
    frame: str


@dataclass(frozen=True)
class _SessionFile:
    form: str
    parameters: Mapping[str, str]
    parts: str
    originals: str
    withheld: str | None = None
    snapshots: tuple[_SnapshotFile, ...] = ()
    second: str | None = None

    @property
    def frames(self) -> set[str]:
        """Names of the frames it needs."""
        named = {self.parts, self.originals, *(s.frame for s in self.snapshots)}
        return {f"{name}{FRAME}" for name in (*named, *filter(None, [self.withheld, self.second]))}


class SessionStore:
    """The saved sessions of one user. May be used by several threads on different patients at once."""

    def __init__(self, home: Path) -> None:
        self._root = home / "sessions"
        self._written: dict[tuple[str, int], tuple[object, str]] = {}

    def hold(self, key: str) -> FolderLock:
        """Keeps other processes from opening the patient. BadSetting where one has it open."""
        refusal = BadSetting(
            "This patient is open in another window or program.",
            kept="Nothing was opened here.",
            advice="Go on there, or close it there first.",
        )
        return FolderLock(self._folder(key), refusal)

    def let_go(self) -> None:
        """The patient was closed: of what was written nothing stays in memory."""
        self._written = {}

    def save(self, key: str, saved: Saved) -> None:
        """Writes a session. ExportFailed, with the one before kept, where it cannot be written."""
        folder = self._folder(key)
        kept = saved.kept
        snapshots = (
            _SnapshotFile(s.name, s.at, self._frame(key, folder, s.contours)) for s in kept.snapshots
        )
        file = _SessionFile(
            form=FORM,
            parameters=saved.parameters,
            parts=self._frame(key, folder, saved.parts),
            originals=self._frame(key, folder, kept.originals),
            withheld=self._frame(key, folder, kept.withheld) if kept.withheld else None,
            snapshots=tuple(snapshots),
            second=self._frame(key, folder, kept.second) if kept.second else None,
        )
        _write(folder / SESSION, to_json(file).encode())
        now = {id(one) for one in (saved.parts, kept.originals, kept.withheld, kept.second)}
        now |= {id(snapshot.contours) for snapshot in kept.snapshots}
        self._written = {k: v for k, v in self._written.items() if k[0] == key and k[1] in now}
        for path in folder.glob(f"*{FRAME}"):
            if path.name not in {*file.frames, ARRIVED}:
                path.unlink(missing_ok=True)

    def load(self, key: str) -> Saved | None:
        """The session as it was saved last; None where there is none. DamagedFile where it cannot be read."""
        folder = self._path(key)
        file = _read_session(folder)
        if file is None:
            return None
        parts, originals = (_read_frame(folder / f"{n}{FRAME}").masks for n in (file.parts, file.originals))
        withheld = _read_frame(folder / f"{file.withheld}{FRAME}") if file.withheld else None
        second = _read_frame(folder / f"{file.second}{FRAME}") if file.second else None
        snapshots = tuple(
            Snapshot(s.name, s.at, _read_frame(folder / f"{s.frame}{FRAME}").masks) for s in file.snapshots
        )
        return Saved(file.parameters, parts, Kept(originals, withheld, snapshots, second))

    def summary(self, key: str) -> Summary:
        """Where a patient stands by what is saved. DamagedFile where it cannot be read."""
        folder = self._path(key)
        file = _read_session(folder)
        arrived = (folder / ARRIVED).is_file()
        expected = _expected_of_frame(folder / ARRIVED) if arrived else None
        if file is None:
            return Summary(Phase.READY if arrived else Phase.NEW, arrived, expected)
        return Summary(phase_of(file.parameters), arrived, expected or expected_of(file.parameters))

    def record(self, key: str) -> Record | None:
        """A saved session without its voxels; None where there is none. DamagedFile where unreadable."""
        file = _read_session(self._path(key))
        return from_parameters(file.parameters) if file else None

    def all_keys(self) -> tuple[str, ...]:
        """The keys of all patients of whom something is saved."""
        names = [path.name for path in self._root.iterdir()] if self._root.is_dir() else []
        return tuple(sorted(name for name in names if name.isalnum()))

    def records(self, keys: Iterable[str]) -> Iterator[Record]:
        """The saved sessions of these patients, without voxels; what cannot be read is left out."""
        for key in keys:
            with suppress(AmlartError):
                record = self.record(key)
                if record is not None:
                    yield record

    def put_arrived(self, key: str, contours: Contours) -> None:
        """Keeps contours for a patient that is not open. Those kept before are replaced."""
        _write(self._folder(key) / ARRIVED, contours_frame(contours).to_bytes())

    def has_arrived(self, key: str) -> bool:
        """True where contours are kept for the patient."""
        return (self._path(key) / ARRIVED).is_file()

    def arrived(self, key: str) -> Contours | None:
        """The contours kept for the patient, None where there are none. DamagedFile where unreadable."""
        path = self._path(key) / ARRIVED
        return _read_frame(path) if path.is_file() else None

    def drop_arrived(self, key: str) -> None:
        """Forgets them, once they are part of the session."""
        (self._path(key) / ARRIVED).unlink(missing_ok=True)

    def refuse_arrived(self, key: str) -> None:
        """Renames contours that could not be taken, so that they are not tried again and not lost."""
        path = self._path(key) / ARRIVED
        path.replace(path.with_name("refused.amlframe"))

    def set_aside(self, key: str) -> str:
        """Moves a session that cannot be used out of the way, so that nothing is lost; gives its new name."""
        aside = self._aside(key)
        self._path(key).rename(aside)
        return aside.name

    def copy_aside(self, key: str) -> str:
        """Keeps a copy of a session that another is about to replace; gives the copy's name."""
        aside = self._aside(key)
        copytree(self._path(key), aside)
        return aside.name

    def _aside(self, key: str) -> Path:
        number = 1
        while (aside := self._root / f"{key}.aside-{number}").exists():
            number += 1
        return aside

    def _frame(self, key: str, folder: Path, contours: StructureSet | Contours) -> str:
        """Writes a frame where it is not there yet and gives its hash. Values are immutable, so one that was
        written before is not packed again."""
        before = self._written.get((key, id(contours)))
        if before is not None and before[0] is contours and (folder / f"{before[1]}{FRAME}").is_file():
            return before[1]
        whole = contours if isinstance(contours, Contours) else Contours(contours)
        frame = contours_frame(whole)
        path = folder / f"{frame.sha256}{FRAME}"
        if not path.is_file():
            _write(path, frame.to_bytes())
        self._written = {k: v for k, v in self._written.items() if k[0] == key}
        self._written[(key, id(contours))] = (contours, frame.sha256)
        return frame.sha256

    def _path(self, key: str) -> Path:
        if not key.isalnum():
            raise DamagedFile("The patient's key is none of this software's.")
        return self._root / key

    def _folder(self, key: str) -> Path:
        """The patient's folder, made where it is missing, closed to other users."""
        path = self._path(key)
        for folder in (self._root, path):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_private(folder.stat(), folder.name)
        return path


def _write(path: Path, content: bytes) -> None:
    write_file(path, content, replace=True)
    os.chmod(path, 0o600)


def _read_session(folder: Path) -> _SessionFile | None:
    path = folder / SESSION
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        raise DamagedFile("The saved session is larger than one can be.", kept="It was left as it is.")
    return from_json(_SessionFile, path.read_bytes())


def _read_frame(path: Path) -> Contours:
    if not path.is_file():
        raise DamagedFile("Contours of the saved session are missing.", kept="The rest was left as it is.")
    header, arrays, _ = decode(path.read_bytes())
    return contours_of(header, arrays)


def _expected_of_frame(path: Path) -> ExpectedEffort | None:
    """What contours say of editing to come, from the frame's header alone."""
    limits = FrameLimits()
    with path.open("rb") as file:
        length = header_length(file.read(PREFIX_BYTES))
        limits.check_header_bytes(length)
        return parse_header(file.read(length), limits).about.expected
