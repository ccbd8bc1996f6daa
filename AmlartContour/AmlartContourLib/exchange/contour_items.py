"""The contours of one structure as an item of an RTSTRUCT, each with the image that it lies on.

The hundreds of contours of a pelvis are encoded here directly, as implicit VR little endian, the one encoding
that `dicom_identity.encode` writes; through one pydicom object per value an export would take twice as long.
"""

from __future__ import annotations

import struct

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from AmlartContourLib.exchange.contour_data import CONTOUR_DATA, contour_texts
from AmlartContourLib.exchange.dicom_identity import write_as_bytes
from AmlartContourLib.exchange.polygons import Polygons
from AmlartContourLib.exchange.roi_labels import RoiLabel
from AmlartContourLib.exchange.slice_planes import SlicePlanes

ITEM = Tag(0xFFFE, 0xE000)
REFERENCED_CLASS = Tag(0x0008, 0x1150)
REFERENCED_INSTANCE = Tag(0x0008, 0x1155)
CONTOUR_IMAGES = Tag(0x3006, 0x0016)
CONTOURS = Tag(0x3006, 0x0040)
GEOMETRIC_TYPE = Tag(0x3006, 0x0042)
POINT_COUNT = Tag(0x3006, 0x0046)


class SliceReferences:
    """Contour Image Sequence for each slice of a series, encoded once for all contours on it."""

    def __init__(self, headers: tuple[Dataset, ...]) -> None:
        self.encoded = [_image_sequence(header) for header in headers]


def roi_contour(
    number: int, label: RoiLabel, polygons: Polygons, planes: SlicePlanes, slices: SliceReferences
) -> Dataset:
    """The item of ROI Contour Sequence for one structure."""
    contours = b"".join(
        _contour(text, points, slices.encoded[k])
        for text, points, k in zip(
            contour_texts(polygons, planes),
            polygons.point_counts.tolist(),
            polygons.slices_k.tolist(),
            strict=True,
        )
    )
    roi = Dataset()
    roi.ROIDisplayColor = list(label.colour_rgb)
    roi[CONTOURS] = RawDataElement(CONTOURS, "SQ", len(contours), contours, 0, True, True)
    roi.ReferencedROINumber = number
    write_as_bytes(roi)
    return roi


def _contour(text: str, points: int, image: bytes) -> bytes:
    parts = (
        image,
        _element(GEOMETRIC_TYPE, b"CLOSED_PLANAR "),
        _element(POINT_COUNT, _even(str(points), b" ")),
        _element(CONTOUR_DATA, _even(text, b" ")),
    )
    return _element(ITEM, b"".join(parts))


def _image_sequence(header: Dataset) -> bytes:
    reference = _element(REFERENCED_CLASS, _even(header.SOPClassUID, b"\0")) + _element(
        REFERENCED_INSTANCE, _even(header.SOPInstanceUID, b"\0")
    )
    return _element(CONTOUR_IMAGES, _element(ITEM, reference))


def _element(tag: BaseTag, value: bytes) -> bytes:
    return struct.pack("<HHL", tag.group, tag.element, len(value)) + value


def _even(text: str, padding: bytes) -> bytes:
    """DICOM's values have an even number of bytes."""
    value = text.encode("ascii")
    return value + padding * (len(value) % 2)
