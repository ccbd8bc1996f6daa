"""Whom and what a new DICOM file belongs to, and by which software it was made.

Invariants: patient and study attributes are copied from the source as they stand, never shown or logged; new
UIDs lie under 2.25, the arc that needs no registration; every file carries the words of `RESEARCH_ONLY`.
"""

from __future__ import annotations

import io
import unicodedata
from copy import deepcopy
from datetime import datetime

from pydicom import dcmwrite
from pydicom.charset import convert_encodings, default_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian, generate_uid

from AmlartContourLib.contract.version import SOFTWARE, VERSION

RESEARCH_ONLY = "Research use only: every contour must be reviewed."
IMPLEMENTATION_UID = "2.25.233417262371458119262893862213014012327"

# Type 2 attributes are written empty where the source lacks them; the others are left out then.
_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
_COPIED = (
    *_TYPE_2,
    "SpecificCharacterSet",
    "IssuerOfPatientID",
    "OtherPatientIDsSequence",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)


def copy_identity(source: Dataset, target: Dataset) -> None:
    """Patient, study and frame of reference from one file to another, character set included."""
    for keyword in _COPIED:
        if keyword in source:
            tag = tag_for_keyword(keyword)
            assert tag is not None  # every keyword above is in pydicom's dictionary
            target[tag] = deepcopy(source.get_item(tag))
        elif keyword in _TYPE_2:
            setattr(target, keyword, "")
    if "PositionReferenceIndicator" not in target:
        target.PositionReferenceIndicator = ""


def stamp(target: Dataset, sop_class_uid: str, made_at: datetime) -> None:
    """New SOP instance, the time and this software. No other equipment took part."""
    target.SOPClassUID = sop_class_uid
    target.SOPInstanceUID = new_uid()
    target.InstanceCreationDate = made_at.strftime("%Y%m%d")
    target.InstanceCreationTime = made_at.strftime("%H%M%S")
    target.Manufacturer = SOFTWARE
    target.ManufacturerModelName = SOFTWARE
    target.SoftwareVersions = VERSION


def new_uid() -> str:
    """A UID that nobody has used."""
    return str(generate_uid(prefix=None))


def encode(dataset: Dataset) -> bytes:
    """The whole file: implicit VR little endian, where a text of any length fits its element.

    Elements that were copied undecoded are written as the bytes they are, be they valid or not: mending the
    source's patient data is not this software's business.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = f"AMLART {VERSION}"
    dataset.file_meta = meta
    write_as_bytes(dataset, dataset.get("SpecificCharacterSet"))
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def write_as_bytes(dataset: Dataset, character_set: str | list[str] | None = None) -> None:
    """Tells pydicom that undecoded elements of a dataset already have the bytes that `encode` writes."""
    encodings = convert_encodings(character_set) if character_set else default_encoding
    dataset.set_original_encoding(True, True, encodings)


def plain_text(text: str, limit: int) -> str:
    """Text for any character set: accents and control characters dropped, no backslash, cut to `limit`."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().replace("\\", "/")
    return " ".join("".join(c if c.isprintable() else " " for c in folded).split())[:limit].rstrip()
