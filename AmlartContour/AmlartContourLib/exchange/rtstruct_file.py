"""An RTSTRUCT file as it stands: names and contours, unjudged; refused where it is no such file, or not
whole.

Invariants: limits are checked before the work they limit; pydicom reads a file that is cut off without a
word, so the length of every element is compared with what was there; no value of the file appears in a
message except the names of its structures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, RTStructureSetStorage

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge
from AmlartContourLib.exchange.contour_data import CONTOUR_DATA, numbers
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom

MAX_BYTES = 512 * 1024 * 1024
MAX_CONTOURS = 500_000
MAX_POINTS = 20_000_000
UNDEFINED_LENGTH = 0xFFFFFFFF

# What pydicom raises on bytes that are not what they should be.
DAMAGE = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, eq=False)
class FileContour:
    """One contour: its geometric type, (n, 3) points in LPS millimetres, and the image it names, if any.

    `points_lps` has no rows where the coordinates are not numbers, or not three to a point.
    """

    geometric_type: str
    points_lps: NDArray[np.float64]
    sop_instance_uid: str


@dataclass(frozen=True, eq=False)
class FileRoi:
    """One structure: its name and frame of reference, either of which may be empty, and its contours."""

    name: str
    frame_uid: str
    contours: tuple[FileContour, ...]


@quiet_pydicom()
def read_rois(path: Path) -> tuple[FileRoi, ...]:
    """All structures of an RTSTRUCT, in the order of their definition.

    Raises InputRefused for what is no RTSTRUCT, TooLarge over a limit of bytes, contours or points, and
    DamagedFile for a file that is cut off, cannot be decoded or names no structure.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"{path.name} is larger than {MAX_BYTES // 1024**2} MB.")
        return _rois(_dataset(path), path.name)
    except DAMAGE as error:
        raise DamagedFile(
            f"{path.name} cannot be read as DICOM ({type(error).__name__}).",
            kept="Nothing was taken from it.",
            advice="Export it again from where it came.",
        ) from error


def _dataset(path: Path) -> Dataset:
    try:
        deflated = read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
        if deflated:
            raise InputRefused(
                f"{path.name} is compressed as a whole (deflated), which is not read.",
                advice="Export it uncompressed.",
            )
        dataset = dcmread(path)
    except InvalidDicomError as error:
        raise InputRefused(f"{path.name} is not a DICOM file.") from error
    is_class = dataset.get("SOPClassUID") == RTStructureSetStorage
    if not is_class and dataset.get("Modality") != "RTSTRUCT":
        raise InputRefused(f"{path.name} is DICOM but not an RTSTRUCT.")
    _require_whole(dataset, path.name)
    return dataset


def _rois(dataset: Dataset, file_name: str) -> tuple[FileRoi, ...]:
    definitions = _items(dataset, "StructureSetROISequence")
    drawn = _items(dataset, "ROIContourSequence")
    if not definitions or "ROIContourSequence" not in dataset:
        lacking = "names no structure" if not definitions else "names structures but has no list of contours"
        raise DamagedFile(f"{file_name} {lacking}.", advice="Export it again from where it came.")
    contours: dict[str, list[FileContour]] = {}
    count = points = 0
    for roi in drawn:
        _require_whole(roi, file_name)
        own = contours.setdefault(str(roi.get("ReferencedROINumber", "")), [])
        for contour in _contours(roi, file_name):
            own.append(contour)
            count, points = count + 1, points + len(contour.points_lps)
            if count > MAX_CONTOURS or points > MAX_POINTS:
                raise TooLarge(f"{file_name} holds more than {MAX_CONTOURS} contours or {MAX_POINTS} points.")
    rois = []
    for definition in definitions:
        number = str(definition.get("ROINumber", ""))
        name = str(definition.get("ROIName", "") or "").strip() or f"ROI {number}"
        frame = str(definition.get("ReferencedFrameOfReferenceUID", "") or "")
        rois.append(FileRoi(name, frame, tuple(contours.pop(number, ()))))
    nameless = [FileRoi(f"ROI {number}", "", tuple(own)) for number, own in contours.items() if own]
    return (*rois, *nameless)


def _contours(roi: Dataset, file_name: str) -> Iterator[FileContour]:
    for item in _items(roi, "ContourSequence"):
        _require_whole(item, file_name)
        images = _items(item, "ContourImageSequence")
        image = str(images[0].get("ReferencedSOPInstanceUID", "")) if images else ""
        yield FileContour(str(item.get("ContourGeometricType", "")), _points(item), image)


def _points(item: Dataset) -> NDArray[np.float64]:
    """(n, 3), or no rows where the coordinates cannot be used."""
    try:
        flat = numbers(item.get_item(CONTOUR_DATA)) if CONTOUR_DATA in item else np.zeros(0)
        said = int(item.get("NumberOfContourPoints", len(flat) // 3) or 0)
    except (ValueError, TypeError):
        return np.zeros((0, 3))
    usable = len(flat) == 3 * said and bool(np.isfinite(flat).all())
    return flat.reshape(-1, 3) if usable else np.zeros((0, 3))


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence, none where it is missing or empty."""
    return list(dataset.get(keyword) or [])


def _require_whole(dataset: Dataset, file_name: str) -> None:
    """DamagedFile where an element that is not decoded yet holds fewer bytes than it says."""
    for element in dataset.elements():
        if not isinstance(element, RawDataElement) or element.length == UNDEFINED_LENGTH:
            continue
        if len(element.value or b"") != element.length:
            raise DamagedFile(
                f"{file_name} is cut off.",
                kept="Nothing was taken from it.",
                advice="Copy or export it again.",
            )
