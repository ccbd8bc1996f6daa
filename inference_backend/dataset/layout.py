"""Names of the AMLART data set: seven structures, a data set of nnU-Net for each, cases by number.

    Dataset001_Anorectum/imagesTr/zzAMLART_001_0000.nii.gz    the CT (the same file in every data set)
    Dataset001_Anorectum/labelsTr/zzAMLART_001.nii.gz         0 and 1
    Dataset001_Anorectum/imagesTs/zzAMLART_101_0000.nii.gz    held out, no label
    ...
    Dataset007_Vagina/
    notes.xlsx                                                patient, comment

The other form is a folder for each patient, with `ct.nii.gz` and a mask for each structure.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

STRUCTURES: dict[str, str] = {
    "anorectum": "Anorectum",
    "bladder": "Bladder",
    "ctvn": "CTVn",
    "ctvp": "CTVp",
    "parametrium": "Parametrium",
    "uterus": "Uterus",
    "vagina": "Vagina",
}
"""Catalogue id and the data set's own name, in the order of the data sets' numbers."""

CASE_PREFIX = "zzAMLART_"
CHANNEL = "_0000"
ENDING = ".nii.gz"
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES = "imagesTr", "labelsTr", "imagesTs"
DATASET_FILE = "dataset.json"
NOTES_STEM = "notes"
CT_STEM = "ct"


class Form(Enum):
    """How a cohort lies on the disk. Values are words of the command line."""

    NNUNET = "nnunet"
    FOLDERS = "folders"
    DICOM = "dicom"


def case_name(number: int) -> str:
    """zzAMLART_001 for 1."""
    return f"{CASE_PREFIX}{number:03d}"


def dataset_folders(root: Path) -> dict[str, Path]:
    """The data set folder of each catalogue id: Dataset001_Anorectum and so on."""
    return {
        structure_id: root / f"Dataset{number:03d}_{name}"
        for number, (structure_id, name) in enumerate(STRUCTURES.items(), start=1)
    }
