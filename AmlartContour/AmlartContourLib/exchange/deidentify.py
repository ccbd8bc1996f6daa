"""A folder of DICOM patients or NIfTI cases, written anew without the patients, with a report.

    OUT/case-001/CT_0001.dcm ... RTSTRUCT_001.dcm        or  OUT/case-001/ct.nii.gz ...
    OUT/report.csv                                        what was taken out, by case; never a value

Only CT images and RTSTRUCT are written; pictures that may hold text burned into their pixels (captures,
secondary images, files that say so) and everything else are left out and counted. Marks on a CT itself are
warned of. This software cannot see whether a face or an ornament tells who somebody is.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.exchange.atomic import write_file, write_folder
from AmlartContourLib.exchange.deidentify_dicom import NewIdentity, Removed, without_patient
from AmlartContourLib.exchange.deidentify_nifti import without_texts
from AmlartContourLib.exchange.dicom_file import DicomFile, Role
from AmlartContourLib.exchange.dicom_folder import scan_folder
from AmlartContourLib.exchange.dicom_values import PARSE_ERRORS, text
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.nifti_in import is_nifti
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom

REPORT = "report.csv"
MARK_HU = 1000  # brighter than any couch; in the margin of a slice there is air
MARGIN = 0.08  # of each side
LEAST_MARK_PIXELS = 8
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class CaseRemoved:
    """What happened to one case."""

    name: str
    written: int
    removed: Removed
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Deidentified:
    """All cases, and the new name of each old one (patient ID, or name of the file's folder)."""

    cases: tuple[CaseRemoved, ...]
    names: Mapping[str, str] = field(repr=False)


def deidentify_folder(source: Path, target: Path, report: Report) -> Deidentified:
    """Writes `target`, which must not be there. InputRefused where the source holds neither DICOM nor NIfTI;
    errors of the readers for files that are damaged; ExportFailed as `atomic.write_folder`."""
    with quiet_pydicom():
        patients = _patients(source)
    nifti = sorted(p for p in source.rglob("*") if p.is_file() and is_nifti(p))
    if not patients and not nifti:
        raise InputRefused("The folder holds neither DICOM nor NIfTI files.", advice="Check the path.")
    cases: list[CaseRemoved] = []
    names: dict[str, str] = {}
    groups: dict[str, list[Path]] = {}
    for path in nifti:
        groups.setdefault(path.parent.name, []).append(path)
    total = len(patients) + len(groups)

    def started(folder: Path, old: str) -> Path:
        place = folder / f"case-{len(cases) + 1:03d}"
        report(len(cases) / total, place.name)
        place.mkdir()
        names[old] = place.name
        return place

    def fill(folder: Path) -> None:
        secret = secrets.token_bytes(32)
        for old, files in patients.items():
            place = started(folder, old)
            cases.append(_dicom(files, place, NewIdentity(place.name, secret)))
        for old, paths in groups.items():
            cases.append(_nifti(paths, started(folder, old)))
        write_file(folder / REPORT, _csv(cases))

    write_folder(target, fill)
    return Deidentified(tuple(cases), names)


def _patients(source: Path) -> dict[str, list[DicomFile]]:
    """Files by patient ID: what a folder is called says nothing."""
    found: dict[str, list[DicomFile]] = {}
    for files in scan_folder(source, Limits()).series.values():
        for file in files:
            found.setdefault(text(file.header, "PatientID"), []).append(file)
    return dict(sorted(found.items()))


@quiet_pydicom()
def _dicom(files: list[DicomFile], folder: Path, identity: NewIdentity) -> CaseRemoved:
    removed, left_out, counts = Removed(), Counter[str](), Counter[str]()
    marked: list[str] = []
    for file in files:
        why = _left_out(file)
        if why:
            left_out[why] += 1
            continue
        kind = "RTSTRUCT" if file.modality == "RTSTRUCT" else "CT"
        counts[kind] += 1
        name = f"{kind}_{counts[kind]:04d}.dcm"
        source = pydicom.dcmread(file.path)
        if kind == "CT" and _has_marks(source):
            marked.append(name)
        _write(folder / name, without_patient(source, identity, removed), source)
    warnings = tuple(_warnings(marked, removed))
    return CaseRemoved(identity.pseudonym, sum(counts.values()), removed, left_out, warnings)


def _left_out(file: DicomFile) -> str:
    if file.modality == "RTSTRUCT":
        return ""
    if file.role is not Role.SLICE:
        return f"{file.modality or 'unknown'} {file.role.value}"
    if text(file.header, "BurnedInAnnotation").upper() == "YES":
        return "text burned into the picture"
    return "" if file.modality == "CT" else f"{file.modality or 'unknown'} image"


def _has_marks(source: Dataset) -> bool:
    """Bright pixels in the margin of a slice, where a CT shows air: text burned in, or metal of the couch."""
    try:
        stored = source.pixel_array
        hu = stored * float(source.get("RescaleSlope", 1)) + float(source.get("RescaleIntercept", 0))
    except PARSE_ERRORS:
        return False
    rows, columns = (max(int(n * MARGIN), 1) for n in hu.shape[-2:])
    margin = np.ones(hu.shape[-2:], dtype=bool)
    margin[rows:-rows, columns:-columns] = False
    return int(np.count_nonzero((hu > MARK_HU) & margin)) >= LEAST_MARK_PIXELS


def _warnings(marked: list[str], removed: Removed) -> Iterator[str]:
    if marked:
        first = ", ".join(marked[:3])
        yield f"{len(marked)} slices have bright marks in their margin; look for text: {first}."
    if removed.names_changed:
        yield f"{removed.names_changed} structure names held a part of the patient's name or number."


def _write(path: Path, cleaned: Dataset, source: Dataset) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    cleaned.file_meta = meta
    cleaned.save_as(path, enforce_file_format=True)


def _nifti(paths: list[Path], folder: Path) -> CaseRemoved:
    """File names of structures stay, as they tell the structure; that of a CT is kept too: look at it."""
    removed = Removed()
    for path in paths:
        for text_field in without_texts(path, folder / path.name):
            removed.elements[f"NIfTI {text_field}"] += 1
    warning = "File names were kept: look whether one names a patient."
    return CaseRemoved(folder.name, len(paths), removed, {}, (warning,))


def _csv(cases: list[CaseRemoved]) -> bytes:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(("case", "what", "count"))
    for case in cases:
        writer.writerow((case.name, "files written", case.written))
        writer.writerow((case.name, "private elements removed", case.removed.private))
        writer.writerows(
            (case.name, f"removed: {word}", n) for word, n in sorted(case.removed.elements.items())
        )
        writer.writerows((case.name, f"file left out: {why}", n) for why, n in sorted(case.left_out.items()))
        writer.writerows((case.name, f"look at this: {warning}", 1) for warning in case.warnings)
    return content.getvalue().encode()
