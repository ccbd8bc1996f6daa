"""The series of a folder of DICOM files, found by their headers alone.

Invariants: every file is looked at whatever its name; what is no DICOM image is left out with a word, what
should be DICOM and cannot be read is refused. A series' description is for the user's eyes, never for a log.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import InputRefused, NotCt, SeveralSeries, TooLarge
from AmlartContourLib.exchange.dicom_file import DicomFile, Role, read_header
from AmlartContourLib.exchange.dicom_values import text
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom

Progress = Callable[[float], None]
NOT_SCANNED = ("dicomdir", "thumbs.db", "desktop.ini")
NAMES_SHOWN = 3


@dataclass(frozen=True)
class SeriesSummary:
    """One series for the user to choose. `description` is the scanner's free text without the patient's name
    and number; show it, do not log it."""

    uid: str
    modality: str
    slices: int
    description: str = field(repr=False)

    @property
    def line(self) -> str:
        """For a list of choices."""
        count = "1 slice" if self.slices == 1 else f"{self.slices} slices"
        return f"{self.modality or 'unknown'}, {count}, {self.description or 'no description'}"


@dataclass(frozen=True)
class DicomFolder:
    """The DICOM files of a folder by series UID, and the names of the other files."""

    series: dict[str, tuple[DicomFile, ...]]
    others: tuple[str, ...]

    def summaries(self) -> tuple[SeriesSummary, ...]:
        """All series that hold images, CT first."""
        found = [
            SeriesSummary(uid, files[0].modality, len(images), description_without_patient(files[0].header))
            for uid, files in self.series.items()
            if (images := [f for f in files if f.role is not Role.OTHER])
        ]
        return tuple(sorted(found, key=lambda s: (s.modality != "CT", -s.slices, s.uid)))

    def ct_series(self) -> dict[str, tuple[DicomFile, ...]]:
        """The series with at least one CT slice; a series of localisers or screen captures is none."""
        return {
            uid: files
            for uid, files in self.series.items()
            if any(f.modality == "CT" and f.role is Role.SLICE for f in files)
        }


def list_series(folder: Path, limits: Limits = Limits()) -> tuple[SeriesSummary, ...]:  # noqa: B008 (frozen)
    """All image series of a folder, its subfolders included. Raises as `scan_folder`."""
    with quiet_pydicom():
        return scan_folder(folder, limits).summaries()


def scan_folder(
    folder: Path, limits: Limits, *, progress: Progress | None = None, recursive: bool = True
) -> DicomFolder:
    """Reads every file's header. Raises InputRefused where the folder cannot be listed, TooLarge over the
    limit of files or bytes, DamagedFile for what should be DICOM and cannot be read."""
    paths = _files_in(folder, limits, recursive)
    series: dict[str, list[DicomFile]] = {}
    others: list[str] = []
    for done, path in enumerate(paths, start=1):
        file = None if path.name.lower() in NOT_SCANNED else read_header(path, limits)
        if file is None:
            others.append(path.name)
        else:
            series.setdefault(file.series_uid, []).append(file)
        if progress is not None:
            progress(done / len(paths))
    return DicomFolder({uid: tuple(files) for uid, files in series.items()}, tuple(others))


def choose_series(folder: DicomFolder, series_uid: str | None) -> tuple[tuple[DicomFile, ...], list[str]]:
    """The files of the wanted CT series, or of the only one, and findings on what was left out.

    Raises NotCt where there is no CT series or the wanted one is none, SeveralSeries where one must be
    chosen, and InputRefused where the wanted one is not there.
    """
    candidates = folder.ct_series()
    if series_uid is not None and series_uid not in candidates:
        raise _cannot_choose(folder, series_uid)
    if not candidates:
        raise _no_ct(folder)
    if series_uid is None and len(candidates) > 1:
        choices = tuple((s.uid, s.line) for s in folder.summaries() if s.uid in candidates)
        raise SeveralSeries(
            f"The folder holds {len(candidates)} CT series.",
            choices,
            advice="Choose the planning CT by its series UID.",
        )
    uid = series_uid if series_uid is not None else next(iter(candidates))
    return candidates[uid], _left_out(folder, uid)


def names_of(files: Iterable[str]) -> str:
    """The first few names of files, for a message, and how many more there are."""
    names = list(files)
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


def description_without_patient(header: Dataset) -> str:
    """SeriesDescription on one line; words that are part of the patient's name or number are taken out."""
    description = " ".join(text(header, "SeriesDescription").split())[:64]
    identity = f"{text(header, 'PatientName')} {text(header, 'PatientID')}"
    for word in sorted(re.split(r"[\^=\s\\]+", identity), key=len, reverse=True):
        if len(word) >= 3:
            description = re.sub(re.escape(word), "...", description, flags=re.IGNORECASE)
    return description


def _files_in(folder: Path, limits: Limits, recursive: bool) -> list[Path]:
    """Sorted; hidden files (such as ._x of macOS) are none."""

    def refuse(_error: OSError) -> None:
        raise InputRefused(
            "A folder of the scan cannot be opened.", advice="Check its path and who may read it."
        )

    found: list[Path] = []
    for place, subfolders, names in os.walk(folder, onerror=refuse):
        if not recursive:
            subfolders.clear()
        paths = (Path(place, name) for name in names if not name.startswith("."))
        found.extend(path for path in paths if path.is_file())
        if len(found) > limits.files:
            raise TooLarge(
                f"The folder holds more than {limits.files} files.",
                kept="Nothing was read.",
                advice="Choose the folder of the one series.",
            )
    return sorted(found)


def _cannot_choose(folder: DicomFolder, series_uid: str) -> InputRefused:
    if series_uid in folder.series:
        modality = folder.series[series_uid][0].modality or "unknown"
        return NotCt(
            f"The chosen series holds no CT slices (modality {modality}).", advice="Choose a CT series."
        )
    return InputRefused(
        "The chosen series is not in the folder.", advice="List the series of the folder and choose one."
    )


def _no_ct(folder: DicomFolder) -> InputRefused:
    if not folder.series:
        nifti = [name for name in folder.others if name.lower().endswith((".nii", ".nii.gz"))]
        advice = f"Choose the file itself: {names_of(nifti)}." if nifti else "Choose the folder of the CT."
        return InputRefused("The folder holds no DICOM file.", advice=advice)
    kinds = sorted({f.modality or "unknown" for files in folder.series.values() for f in files})
    roles = {f.role for files in folder.series.values() for f in files if f.modality == "CT"}
    if roles:
        found = " and ".join(sorted(f"{role.value} images" for role in roles))
        return NotCt(f"The folder's CT files are only {found}.", advice="Choose the series with the slices.")
    return NotCt(
        f"The folder holds no CT images (modality {', '.join(kinds)}).",
        advice="Choose the planning CT; contours are drawn on CT only.",
    )


def _left_out(folder: DicomFolder, uid: str) -> list[str]:
    """A sentence for other files and one for other series, where there are any."""
    findings = []
    if folder.others:
        count = len(folder.others)
        files = "1 file that is no DICOM" if count == 1 else f"{count} files that are no DICOM"
        findings.append(f"{files} left out: {names_of(folder.others)}.")
    kinds = Counter(
        f.modality or "unknown modality" for key, files in folder.series.items() if key != uid for f in files
    )
    if kinds:
        listed = ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items()))
        findings.append(f"DICOM files of other series were left out: {listed}.")
    return findings
