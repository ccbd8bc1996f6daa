"""The worklist: a folder of patients, DICOM or NIfTI, with where each stands by its saved session.

A patient is a subfolder that holds a CT, or a NIfTI file in the folder itself. Nothing of a CT is read for
the list: files are told by their names and their first bytes. `entry_id` is opaque, so no path ever
comes back from a browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from AmlartContourLib.contract.effort import ExpectedEffort, Interval
from AmlartContourLib.contract.errors import AmlartError, InputRefused
from AmlartContourLib.session.patient import PatientSource
from AmlartContourLib.session.record import Phase, Record
from AmlartContourLib.session.store import SessionStore

NIFTI = (".nii", ".nii.gz")
CT_NAMES = ("ct", "image", "scan", "volume")
CONTOUR_NAMES = ("organs", "masks", "contours", "segmentations", "labels", "truth")
DICOM_NAMES = ("dicom", "ct", "series")
DICM_AT, DICM = 128, b"DICM"
UNREADABLE = "cannot be read"  # the kind of a folder that the list cannot look into
MOST_LOOKED_AT = 20  # files of a folder opened to see whether they are DICOM


class SortBy(Enum):
    """What the list is sorted by."""

    NAME = "name"
    PHASE = "phase"
    EXPECTED = "expected"


@dataclass(frozen=True)
class ExpectedWorst:
    """The structure of which most of the surface is expected to need editing, and how much. Where the engine
    withheld its estimate there is none, and `withheld` says why."""

    structure_id: str
    fraction: Interval | None
    withheld: str = ""


@dataclass(frozen=True)
class WorklistRow:
    """One patient: its opaque id, its name, the kind of its CT, where it stands, a remark, and the editing
    that its engine expected; None where no engine said anything."""

    entry_id: str
    name: str
    kind: str
    phase: Phase
    note: str = ""
    expected: ExpectedWorst | None = None


class Worklist:
    """The patients of one folder."""

    def __init__(self, folder: Path, store: SessionStore) -> None:
        self._folder = folder
        self._store = store
        self._sources: dict[str, tuple[PatientSource, str]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Looks into the folder again. InputRefused where it is not there."""
        if not self._folder.is_dir():
            raise InputRefused("The folder of patients is not there.", advice="Check the folder's name.")
        found = [
            _patient_at(path) for path in sorted(self._folder.iterdir()) if not path.name.startswith(".")
        ]
        self._sources = {source.key: (source, kind) for source, kind in filter(None, found)}

    def rows(self, search: str = "", sort: SortBy = SortBy.NAME) -> tuple[WorklistRow, ...]:
        """The patients whose name, or state in words, holds `search`, sorted."""
        wanted = search.strip().casefold()
        rows = [
            row
            for row in map(self._row, self._sources)
            if wanted in row.name.casefold() or wanted in row.phase.value
        ]
        phases = list(Phase)
        if sort is SortBy.PHASE:
            rows.sort(key=lambda row: (phases.index(row.phase), row.name.casefold()))
        elif sort is SortBy.EXPECTED:
            rows.sort(key=lambda row: (-_fraction(row), row.name.casefold()))
        else:
            rows.sort(key=lambda row: row.name.casefold())
        return tuple(rows)

    def records(self) -> tuple[Record, ...]:
        """The saved sessions of the list, without voxels; those that cannot be read are left out."""
        return tuple(self._store.records(self._sources))

    def source(self, entry_id: str) -> PatientSource:
        """Where a patient's files lie. InputRefused for an id that is none of the list's."""
        if entry_id not in self._sources:
            raise InputRefused("That patient is not on the worklist.", advice="Look at the list again.")
        return self._sources[entry_id][0]

    def after(self, entry_id: str) -> str | None:
        """The next patient by name; None at the end."""
        return self._beside(entry_id, 1)

    def before(self, entry_id: str) -> str | None:
        """The patient before by name; None at the start."""
        return self._beside(entry_id, -1)

    def _beside(self, entry_id: str, step: int) -> str | None:
        ids = [row.entry_id for row in self.rows()]
        place = ids.index(entry_id) + step if entry_id in ids else -1
        return ids[place] if 0 <= place < len(ids) else None

    def _row(self, key: str) -> WorklistRow:
        source, kind = self._sources[key]
        try:
            summary = self._store.summary(key)
        except AmlartError as error:
            return WorklistRow(key, source.name, kind, Phase.NEW, error.what)
        note = "New contours are here." if summary.has_arrived else ""
        return WorklistRow(key, source.name, kind, summary.phase, note, _worst(summary.expected))


def _worst(expected: ExpectedEffort | None) -> ExpectedWorst | None:
    """The structure with the largest expected share to redraw."""
    if expected is None:
        return None
    if expected.withheld:
        return ExpectedWorst("", None, expected.withheld)
    known = [(one.fraction_to_redraw, one.structure) for one in expected.structures]
    given = [(fraction, structure) for fraction, structure in known if fraction is not None]
    if not given:
        return None
    fraction, structure = max(given, key=lambda pair: pair[0].expected)
    return ExpectedWorst(structure, fraction)


def _fraction(row: WorklistRow) -> float:
    """What is sorted by; patients without an estimate come last."""
    return row.expected.fraction.expected if row.expected and row.expected.fraction else -1.0


def _patient_at(path: Path) -> tuple[PatientSource, str] | None:
    """A patient, if there is one. A folder that cannot be looked into may hold one, so it is listed as such;
    what is neither file nor folder, as a link that leads nowhere, is left out."""
    try:
        if path.is_file():
            return (PatientSource.at(path, name=_stem(path)), "NIfTI") if _is_nifti(path) else None
        ct, kind = _ct_in(path) if path.is_dir() else (None, "")
        return (PatientSource.at(ct, _contours_in(path, ct), path.name), kind) if ct else None
    except OSError:
        return PatientSource.at(path, name=path.name), UNREADABLE


def _ct_in(folder: Path) -> tuple[Path | None, str]:
    """The CT of a patient's folder: a NIfTI file that is named as one or the only one, else DICOM."""
    volumes = sorted(p for p in folder.iterdir() if p.is_file() and _is_nifti(p))
    named = [p for p in volumes if _stem(p).casefold() in CT_NAMES or _stem(p).endswith("_0000")]
    if named or len(volumes) == 1:
        return (named or volumes)[0], "NIfTI"
    inner = [folder / name for name in DICOM_NAMES if (folder / name).is_dir()]
    below = sorted(p for p in folder.iterdir() if p.is_dir() and p not in inner)
    for place in (folder, *inner, *below):
        if _holds_dicom(place):
            return place, "DICOM"
    return None, ""


def _contours_in(folder: Path, ct: Path) -> tuple[Path, ...]:
    """The first folder of contours beside the CT, by its usual name. An empty one holds none yet."""
    places = [folder / name for name in CONTOUR_NAMES]
    return next(((p,) for p in places if p.is_dir() and p != ct and any(p.iterdir())), ())


def _holds_dicom(folder: Path) -> bool:
    files = (p for p in sorted(folder.iterdir()) if p.is_file())
    return any(_is_dicom(path) for path, _ in zip(files, range(MOST_LOOKED_AT), strict=False))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(DICM_AT)
            return file.read(len(DICM)) == DICM
    except OSError:
        return False


def _is_nifti(path: Path) -> bool:
    return path.name.endswith(NIFTI)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
