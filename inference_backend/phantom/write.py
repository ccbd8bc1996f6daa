"""Writes a phantom as a patient's folder: the CT as NIfTI and as a DICOM series, organs, and the whole truth.

    ct.nii.gz        the CT
    dicom/           the same CT as a DICOM series, PatientID PHANTOM-<NAME>
    organs/          what an organ segmentation would give, under the file names TotalSegmentator uses
    truth/           every structure under its catalogue id, targets and nodal levels among them
    phantom.json     that it is synthetic, its specification, and where its landmarks are

The folder appears complete or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.nifti_out import write_ct, write_masks
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.phantom.make import NOTE, Phantom

CT_FILE, DICOM_FOLDER, ORGANS_FOLDER, TRUTH_FOLDER = "ct.nii.gz", "dicom", "organs", "truth"
NOTES_FILE = "phantom.json"
NOT_SEGMENTED = ("body", "bowel_bag", "rectum", "anorectum", "sigmoid")  # no classes of TotalSegmentator's


def write_phantom(
    folder: Path, phantom: Phantom, *, dicom: bool = True, if_exists: IfExists = IfExists.REFUSE
) -> Path:
    """Writes the patient's folder and returns it; ExportFailed as `atomic.write_folder`."""

    def fill(unfinished: Path) -> None:
        write_ct(unfinished / CT_FILE, phantom.scan)
        if dicom:
            write_ct_series(unfinished / DICOM_FOLDER, phantom.scan, pseudonym=pseudonym(phantom))
        for name in (ORGANS_FOLDER, TRUTH_FOLDER):
            (unfinished / name).mkdir()
        names = organ_names(phantom)
        write_masks(unfinished / ORGANS_FOLDER, phantom.truth.only(names), names)
        write_masks(unfinished / TRUTH_FOLDER, phantom.truth)
        notes = json.dumps(_notes(phantom), indent=2, default=_plain)
        (unfinished / NOTES_FILE).write_text(notes + "\n", encoding="utf-8")

    return write_folder(folder, fill, if_exists)


def pseudonym(phantom: Phantom) -> str:
    """PatientID and name of the DICOM series: PHANTOM-ONE-KIDNEY."""
    return "PHANTOM-" + phantom.spec.name.upper().replace("_", "-")


def organ_names(phantom: Phantom) -> dict[str, str]:
    """File name by id of the organs, vessels, bones and muscles that an organ segmentation would give."""
    found = catalogue().with_role(Role.ORGAN, Role.LANDMARK)
    ids = [s.id for s in found if s.id not in NOT_SEGMENTED and phantom.truth.has(s.id)]
    return {structure_id: _file_name(structure_id) for structure_id in ids}


def _file_name(structure_id: str) -> str:
    if structure_id.startswith("vertebra_"):
        return "vertebrae_" + structure_id.removeprefix("vertebra_").upper()
    if structure_id.startswith("iliac_vein_"):
        return structure_id.replace("vein", "vena")
    return "urinary_bladder" if structure_id == "bladder" else structure_id


def _notes(phantom: Phantom) -> dict[str, object]:
    landmarks = {name: [round(float(v), 2) for v in at] for name, at in phantom.landmarks_lps.items()}
    return {
        "notice": RESEARCH_ONLY,
        "synthetic": NOTE,
        "specification": asdict(phantom.spec),
        "landmarks_lps": landmarks,
    }


def _plain(value: object) -> object:
    """What JSON cannot hold by itself: the patient position and the set of missing structures."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
