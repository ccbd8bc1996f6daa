"""The contours of one structure as items of an RTSTRUCT, with the image that each lies on.

A pelvis has hundreds of contours on the same slices, so the reference to each image is encoded once.
"""

from __future__ import annotations

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from AmlartContourLib.exchange.contour_data import CONTOUR_DATA, as_element, contour_texts
from AmlartContourLib.exchange.dicom_identity import write_as_bytes
from AmlartContourLib.exchange.polygons import Polygons
from AmlartContourLib.exchange.roi_labels import RoiLabel
from AmlartContourLib.exchange.slice_planes import SlicePlanes

CONTOUR_IMAGES = Tag(0x3006, 0x0016)
HEADER_BYTES = 8  # tag and length of an element in implicit VR


class ImageReferences:
    """References to the slices of a series."""

    def __init__(self, headers: tuple[Dataset, ...]) -> None:
        self.items = [_reference(header) for header in headers]
        self._encoded: dict[int, RawDataElement] = {}

    def sequence(self, k: int) -> RawDataElement:
        """Contour Image Sequence with slice k alone, already encoded."""
        if k not in self._encoded:
            self._encoded[k] = _encoded(self.items[k])
        return self._encoded[k]


def roi_contour(
    number: int, label: RoiLabel, polygons: Polygons, planes: SlicePlanes, images: ImageReferences
) -> Dataset:
    """The item of ROI Contour Sequence for one structure."""
    roi = Dataset()
    roi.ROIDisplayColor = list(label.colour_rgb)
    roi.ReferencedROINumber = number
    roi.ContourSequence = [
        _contour(text, int(points), images.sequence(int(k)))
        for text, points, k in zip(
            contour_texts(polygons, planes), polygons.point_counts, polygons.slices_k, strict=True
        )
    ]
    write_as_bytes(roi)
    return roi


def _contour(text: str, points: int, image: RawDataElement) -> Dataset:
    item = Dataset()
    item[CONTOUR_IMAGES] = image
    item.ContourGeometricType = "CLOSED_PLANAR"
    item.NumberOfContourPoints = points
    item[CONTOUR_DATA] = as_element(text)
    write_as_bytes(item)
    return item


def _reference(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def _encoded(reference: Dataset) -> RawDataElement:
    holder = Dataset()
    holder.ContourImageSequence = [reference]
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    write_dataset(buffer, holder)
    value = buffer.getvalue()[HEADER_BYTES:]
    return RawDataElement(CONTOUR_IMAGES, "SQ", len(value), value, 0, True, True)
