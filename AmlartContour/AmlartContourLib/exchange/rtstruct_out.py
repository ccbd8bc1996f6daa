"""Contours written as a DICOM RT Structure Set that refers to the slices they were drawn on.

Invariants: patient, study, frame of reference and every referenced image are the source's own; series and
instance are new; each contour names its image; the set is always UNAPPROVED, since approval belongs to the
planning system. The polygons are those of `polygons.trace`: every reader gets the masks back voxel for voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from AmlartContourLib.contract.errors import ExportFailed
from AmlartContourLib.contract.version import SOFTWARE, VERSION
from AmlartContourLib.domain.structure_set import Contour, StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.contour_items import SliceReferences, roi_contour
from AmlartContourLib.exchange.dicom_identity import (
    RESEARCH_ONLY,
    copy_identity,
    encode,
    new_uid,
    plain_text,
    stamp,
)
from AmlartContourLib.exchange.polygons import trace
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom
from AmlartContourLib.exchange.roi_codes import observation
from AmlartContourLib.exchange.roi_labels import (
    ALGORITHMS,
    CATALOGUE_WORDS,
    RoiChoices,
    RoiLabel,
    generation_description,
    roi_labels,
)
from AmlartContourLib.exchange.slice_planes import SlicePlanes

STUDY_COMPONENT = (
    "1.2.840.10008.3.1.2.3.1"  # the class by which an RTSTRUCT names a study; retired, still used
)
MAX_LABEL = 16


@dataclass(frozen=True)
class WrittenRoi:
    """One structure in the file: its id, its name and number there, and how much it holds."""

    structure_id: str
    name: str
    number: int
    contours: int
    points: int


@dataclass(frozen=True)
class WrittenRtstruct:
    """What was written, and the ids that were left out because they hold no voxel."""

    path: Path
    sop_instance_uid: str
    series_instance_uid: str
    rois: tuple[WrittenRoi, ...]
    left_out: tuple[str, ...]


@quiet_pydicom()
def write_rtstruct(
    path: Path,
    structures: StructureSet,
    headers: tuple[Dataset, ...],
    catalogue: Catalogue,
    *,
    choices: RoiChoices = CATALOGUE_WORDS,
    label: str = SOFTWARE,
    replace: bool = False,
) -> WrittenRtstruct:
    """Writes one file, complete or not at all.

    `headers` are the CT slices in the order of k. `label` names the set, in at most 16 plain characters; what
    is longer is cut. An empty structure is left out and reported: the standard allows a ROI without contours,
    but importers differ on it.

    Raises GeometryMismatch where the contours lie on another grid than the slices, BadSetting for names,
    colours or types that cannot be used, and ExportFailed where no structure holds a voxel, the headers are
    incomplete, or the file cannot be written.
    """
    filled = [contour for contour in structures if not contour.mask.is_empty]
    if not filled:
        raise ExportFailed(
            "No structure holds a voxel, so there is no RTSTRUCT.", kept="Nothing was written."
        )
    labels = roi_labels((contour.structure_id for contour in filled), catalogue, choices)
    planes = SlicePlanes.of(headers, structures.geometry)
    slices = SliceReferences(headers)
    dataset = _structure_set(headers, label)
    rois = []
    for number, contour in enumerate(filled, start=1):
        polygons = trace(contour.mask.block_kji, contour.mask.box.start_kji)
        roi_label = labels[contour.structure_id]
        _add_roi(dataset, number, contour, roi_label)
        dataset.ROIContourSequence.append(roi_contour(number, roi_label, polygons, planes, slices))
        dataset.RTROIObservationsSequence.append(observation(roi_label, number))
        rois.append(
            WrittenRoi(contour.structure_id, roi_label.name, number, len(polygons), len(polygons.points_ij))
        )
    write_file(path, encode(dataset), replace=replace)
    left_out = tuple(contour.structure_id for contour in structures if contour.mask.is_empty)
    return WrittenRtstruct(
        path, str(dataset.SOPInstanceUID), str(dataset.SeriesInstanceUID), tuple(rois), left_out
    )


def _structure_set(headers: tuple[Dataset, ...], label: str) -> Dataset:
    """Everything but the structures."""
    now = datetime.now()
    dataset = Dataset()
    copy_identity(headers[0], dataset)
    stamp(dataset, RTStructureSetStorage, now)
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID = new_uid()
    dataset.SeriesNumber = None
    dataset.SeriesDescription = f"{SOFTWARE} contours, research use only"
    dataset.SeriesDate, dataset.SeriesTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.OperatorsName = ""
    dataset.StructureSetLabel = plain_text(label, MAX_LABEL) or SOFTWARE
    dataset.StructureSetDescription = f"{RESEARCH_ONLY} Written by {SOFTWARE} {VERSION}."
    dataset.StructureSetDate, dataset.StructureSetTime = dataset.SeriesDate, dataset.SeriesTime
    dataset.InstanceNumber = 1
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(headers)]
    dataset.StructureSetROISequence = []
    dataset.ROIContourSequence = []
    dataset.RTROIObservationsSequence = []
    dataset.ApprovalStatus = "UNAPPROVED"
    return dataset


def _referenced_frame(headers: tuple[Dataset, ...]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = headers[0].SeriesInstanceUID
    series.ContourImageSequence = [_image(header) for header in headers]
    study = Dataset()
    study.ReferencedSOPClassUID = STUDY_COMPONENT
    study.ReferencedSOPInstanceUID = headers[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = headers[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _add_roi(dataset: Dataset, number: int, contour: Contour, label: RoiLabel) -> None:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = dataset.FrameOfReferenceUID
    item.ROIName = label.name
    item.ROIGenerationAlgorithm = ALGORITHMS[contour.source]
    item.ROIGenerationDescription = generation_description(contour)
    dataset.StructureSetROISequence.append(item)


def _image(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item
