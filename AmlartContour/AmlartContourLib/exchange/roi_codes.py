"""The coded meaning of a ROI: what it is, on which side, and its part in the treatment.

Attributes as in DICOM PS3.3 table C.8-44: the identification code with the side as its modifier, the
segmented property category (CID 9580), and for targets the therapeutic role (CID 9503) with its type (CID
9534).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from AmlartContourLib.domain.structures import Code
from AmlartContourLib.exchange.roi_labels import RoiLabel

RT_TARGET = Code("DCM", "130041", "RT Target")
ROLE_TYPES = {
    "GTV": Code("SCT", "228791009", "GTV"),
    "CTV": Code("SCT", "228792002", "CTV"),
    "PTV": Code("SCT", "228793007", "PTV"),
}


def observation(label: RoiLabel, number: int) -> Dataset:
    """The item of RT ROI Observations Sequence for one ROI. No one has interpreted it."""
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.ROIObservationLabel = label.name
    item.RTROIInterpretedType = label.roi_type
    item.ROIInterpreter = ""
    structure = label.structure
    item.SegmentedPropertyCategoryCodeSequence = [_coded(structure.category)]
    if structure.code is not None:
        identification = _coded(structure.code)
        if structure.laterality is not None:
            identification.SegmentedPropertyTypeModifierCodeSequence = [_coded(structure.laterality)]
        item.RTROIIdentificationCodeSequence = [identification]
    if label.roi_type in ROLE_TYPES:
        own = structure.code if structure.category == RT_TARGET else None
        item.TherapeuticRoleCategoryCodeSequence = [_coded(RT_TARGET)]
        item.TherapeuticRoleTypeCodeSequence = [_coded(own or ROLE_TYPES[label.roi_type])]
    return item


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    return item
