"""A DICOM CT slice or RTSTRUCT without the patient: what is not on a list of needed elements is taken out.

A list of what stays is safer than one of what goes: private elements, overlays, curves and whatever a vendor
adds later go without being known. UIDs are replaced by ones that follow from a secret and the old one, so
slices, contours and frames of reference still refer to each other. Compare PS3.15, Annex E (Basic Profile).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from AmlartContourLib.exchange.dicom_values import text

KEPT_GRID = (
    *("Rows", "Columns", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "ImagePositionPatient"),
    *("ImageOrientationPatient", "SliceLocation", "PatientPosition", "GantryDetectorTilt", "InstanceNumber"),
    *("AcquisitionNumber", "SeriesNumber", "ImageType", "Modality", "PositionReferenceIndicator"),
)
KEPT_PIXELS = (
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelPaddingValue", "RescaleIntercept", "RescaleSlope", "RescaleType"),
    *("WindowCenter", "WindowWidth", "PixelData", "LossyImageCompression", "NumberOfFrames"),
    *("KVP", "ConvolutionKernel", "BurnedInAnnotation"),
)
KEPT_CONTOURS = (
    *("ROIContourSequence", "ROIDisplayColor", "ReferencedROINumber", "ContourSequence", "ContourNumber"),
    *("ContourGeometricType", "NumberOfContourPoints", "ContourData", "ContourImageSequence"),
    *("StructureSetROISequence", "ROINumber", "ROIGenerationAlgorithm", "RTROIObservationsSequence"),
    *("ObservationNumber", "RTROIInterpretedType", "ReferencedFrameOfReferenceSequence"),
    *("RTReferencedStudySequence", "RTReferencedSeriesSequence", "ApprovalStatus"),
)
CLASSES = ("SOPClassUID", "ReferencedSOPClassUID", "SpecificCharacterSet")
REPLACED_UIDS = (
    *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
    *("ReferencedSOPInstanceUID", "ReferencedFrameOfReferenceUID"),
)
KEPT = frozenset((*KEPT_GRID, *KEPT_PIXELS, *KEPT_CONTOURS, *CLASSES))
EMPTIED = (
    *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    *("ReferringPhysicianName", "StructureSetDate", "StructureSetTime", "ROIInterpreter"),
)
METHOD = "List of kept elements, UIDs replaced, dates and free text removed"
LEAST_WORD = 3  # letters of a name's part that is looked for in structure names


@dataclass
class Removed:
    """What was taken out of many files: how often each element, by keyword; never a value."""

    elements: Counter[str] = field(default_factory=Counter)
    private: int = 0
    names_changed: int = 0


@dataclass(frozen=True)
class NewIdentity:
    """The pseudonym, and the secret that new UIDs follow from. The secret is not kept."""

    pseudonym: str
    secret: bytes = field(repr=False)

    def uid(self, old: str) -> str:
        """A UID under 2.25 for an old one: the same for the same secret, and no way back without it."""
        digest = hashlib.blake2b(old.encode(), key=self.secret, digest_size=16).digest()
        return f"2.25.{int.from_bytes(digest)}"


def without_patient(source: Dataset, identity: NewIdentity, removed: Removed) -> Dataset:
    """A new data set of a CT slice or an RTSTRUCT, without file meta. `removed` is added to."""
    words = _identifying_words(source)
    cleaned = _cleaned(source, identity, words, removed)
    for keyword in EMPTIED:
        if keyword in source:
            setattr(cleaned, keyword, "")
    cleaned.PatientID = identity.pseudonym
    cleaned.PatientName = identity.pseudonym
    cleaned.PatientIdentityRemoved = "YES"
    cleaned.DeidentificationMethod = METHOD
    cleaned.LongitudinalTemporalInformationModified = "REMOVED"
    if text(source, "Modality") == "RTSTRUCT":
        cleaned.StructureSetLabel = "CONTOURS"
    return cleaned


def _cleaned(source: Dataset, identity: NewIdentity, words: tuple[str, ...], removed: Removed) -> Dataset:
    cleaned = Dataset()
    for element in source:
        keyword = keyword_for_tag(element.tag)
        if element.tag.is_private:
            removed.private += 1
        elif keyword in REPLACED_UIDS:
            cleaned.add_new(element.tag, element.VR, identity.uid(str(element.value)))
        elif keyword == "ROIName":
            cleaned.ROIName = _without_words(str(element.value), words, removed)
        elif keyword not in KEPT:
            removed.elements[keyword or f"group {element.tag.group:04x}"] += 1
        elif element.VR == "SQ":
            items = [_cleaned(item, identity, words, removed) for item in element.value]
            cleaned.add_new(element.tag, "SQ", items)
        else:
            cleaned.add(element)
    return cleaned


def _identifying_words(source: Dataset) -> tuple[str, ...]:
    """The parts of the patient's names and numbers, the longest first."""
    return tuple(sorted(set(_parts(source)), key=len, reverse=True))


def _parts(source: Dataset) -> Iterator[str]:
    for keyword in ("PatientName", "PatientID", "OtherPatientIDs", "AccessionNumber", "PatientBirthDate"):
        value = source.get(keyword)
        for one in value if isinstance(value, MultiValue) else (value,):
            for word in re.split(r"[\^=\s\\,]+", str(one or "")):
                if len(word) >= LEAST_WORD:
                    yield word


def _without_words(name: str, words: tuple[str, ...], removed: Removed) -> str:
    cleaned = name
    for word in words:
        cleaned = re.sub(re.escape(word), "", cleaned, flags=re.IGNORECASE)
    if cleaned != name:
        removed.names_changed += 1
    return cleaned.strip(" _-^") or "structure"
