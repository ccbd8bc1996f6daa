"""Writes labelled cases in the AMLART layout: nnU-Net data sets, or a folder for each patient.

Each file appears whole or not at all, and a case that is there is not written again, so writing a cohort goes
on where it was ended. Images are the same file in all seven data sets: linked where the disk can.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.volume_file import stem, volumes_in, write_volume
from inference_backend.dataset.layout import (
    CHANNEL,
    CT_STEM,
    DATASET_FILE,
    ENDING,
    NOTES_STEM,
    STRUCTURES,
    TEST_IMAGES,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Form,
    dataset_folders,
)
from inference_backend.dataset.spreadsheet import xlsx_of


def is_written(root: Path, form: Form, name: str, *, labelled: bool) -> bool:
    """True when the case's last file is there."""
    return _last_file(root, form, name, labelled=labelled).exists()


def write_case(root: Path, form: Form, name: str, scan: CtScan, structures: StructureSet | None) -> None:
    """One case, with labels of the seven structures where `structures` is given.

    A structure that the set holds is written, an empty one as zeros; one that it lacks gets no file.
    BadSetting for DICOM, which cohorts are read from only. ExportFailed as `volume_file.write_volume`.
    """
    if form is Form.NNUNET:
        _write_nnunet(root, name, scan, structures)
    elif form is Form.FOLDERS:
        _write_folder(root, name, scan, structures)
    else:
        raise BadSetting("Cohorts are written as nnunet or folders.")


def finish(root: Path, form: Form, comments: dict[str, str]) -> None:
    """The lists that go with the cases: dataset.json of each data set, and the notes."""
    rows = [("Patient", "Comment"), *sorted(comments.items())]
    write_file(root / f"{NOTES_STEM}.xlsx", xlsx_of(rows), replace=True)
    if form is not Form.NNUNET:
        return
    for structure_id, folder in dataset_folders(root).items():
        told = {
            "channel_names": {"0": "CT"},
            "labels": {"background": 0, STRUCTURES[structure_id]: 1},
            "numTraining": len(volumes_in(folder / TRAIN_LABELS)),
            "file_ending": ENDING,
        }
        write_file(folder / DATASET_FILE, (json.dumps(told, indent=2) + "\n").encode(), replace=True)


def _last_file(root: Path, form: Form, name: str, *, labelled: bool) -> Path:
    if form is Form.FOLDERS:
        return root / name / f"{CT_STEM}{ENDING}"
    last = list(dataset_folders(root).values())[-1]
    return last / (TRAIN_IMAGES if labelled else TEST_IMAGES) / f"{name}{CHANNEL}{ENDING}"


def _write_nnunet(root: Path, name: str, scan: CtScan, structures: StructureSet | None) -> None:
    """Labels first, then the image into one data set after the other: the last image says all is there."""
    first: Path | None = None
    for structure_id, folder in dataset_folders(root).items():
        for part in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES):
            (folder / part).mkdir(parents=True, exist_ok=True)
        if structures is not None and structure_id in structures:
            _write_mask(folder / TRAIN_LABELS / f"{name}{ENDING}", structures.mask(structure_id))
    for folder in dataset_folders(root).values():
        place = folder / (TRAIN_IMAGES if structures is not None else TEST_IMAGES)
        image = place / f"{name}{CHANNEL}{ENDING}"
        if first is None:
            first = image
            _write_whole(image, scan.hu_kji, scan)
        else:
            same_file(first, image)


def _write_folder(root: Path, name: str, scan: CtScan, structures: StructureSet | None) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for structure_id in STRUCTURES:
        if structures is not None and structure_id in structures:
            _write_mask(folder / f"{STRUCTURES[structure_id]}{ENDING}", structures.mask(structure_id))
    _write_whole(folder / f"{CT_STEM}{ENDING}", scan.hu_kji, scan)


def _write_mask(path: Path, mask: Mask) -> None:
    _write_whole(path, mask.to_array().astype(np.uint8), mask)


def _write_whole(path: Path, array_kji: np.ndarray, place: CtScan | Mask) -> None:
    part = path.with_name(f".{stem(path)}.{os.getpid()}{ENDING}")
    try:
        write_volume(part, array_kji, place.geometry)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def same_file(source: Path, target: Path) -> None:
    """Makes a file appear under a second name, by a link where the disk has them."""
    part = target.with_name(f".{stem(target)}.{os.getpid()}{ENDING}")
    part.unlink(missing_ok=True)
    try:
        part.hardlink_to(source)
    except OSError:  # a disk without links
        shutil.copyfile(source, part)
    part.replace(target)
    part.unlink(missing_ok=True)  # POSIX leaves both names where they are one file already
