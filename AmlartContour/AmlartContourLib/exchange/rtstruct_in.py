"""Contours of any system read from a DICOM RTSTRUCT onto the grid of a CT.

All closed contours of one structure on one slice count together by the even-odd rule, so holes may come as
inner rings, as keyholes or as XOR contours. Nothing is left out or moved without a message.
"""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.contour_placing import order_of_slices, place
from AmlartContourLib.exchange.imported import ImportedContours, gather
from AmlartContourLib.exchange.rtstruct_file import FileRoi, read_rois


def read_rtstruct(
    path: Path, geometry: Geometry, catalogue: Catalogue, *, headers: tuple[Dataset, ...] = ()
) -> ImportedContours:
    """Contours of a file, mapped to the catalogue by their names.

    `headers` are the CT's slices in the order of k; a single one, such as the template of a resampled scan,
    is enough to compare the frame of reference. Raises InputRefused where the file is no RTSTRUCT or belongs
    to another frame of reference, TooLarge over a limit, and DamagedFile where it is cut off or undecodable.
    """
    rois, messages = _in_frame(read_rois(path), headers, path.name)
    named = []
    if len(headers) == geometry.size_ijk[2]:
        slice_of_image = {str(header.get("SOPInstanceUID", "")): k for k, header in enumerate(headers)}
        placed = [place(roi, geometry, slice_of_image) for roi in rois]
        masks = [found.mask for found in placed]
    else:
        order = order_of_slices(rois, geometry)
        placed = [place(roi, order.geometry(geometry), {}) for roi in rois]
        masks = [found.mask.reordered(order.inverse) for found in placed]
    for roi, found, mask in zip(rois, placed, masks, strict=True):
        named.append((roi.name, mask))
        messages += found.messages
    return gather(named, geometry, catalogue, note="RTSTRUCT", messages=messages)


def _in_frame(
    rois: tuple[FileRoi, ...], headers: tuple[Dataset, ...], file_name: str
) -> tuple[list[FileRoi], list[str]]:
    """The structures that lie in the CT's frame of reference, and what to say of it."""
    frame_uid = str(headers[0].get("FrameOfReferenceUID", "") or "") if headers else ""
    if not frame_uid:
        return list(rois), ["The CT names no frame of reference, so that of the contours was not compared."]
    ours = [roi for roi in rois if roi.frame_uid in (frame_uid, "")]
    if not any(roi.contours for roi in ours) and any(roi.contours for roi in rois):
        raise InputRefused(
            f"The contours of {file_name} belong to another frame of reference than the CT.",
            kept="Nothing was taken from it.",
            advice="Choose the RTSTRUCT that was drawn on this CT, or the CT that it was drawn on.",
        )
    messages = [
        f"{roi.name!r} belongs to another frame of reference; left out." for roi in rois if roi not in ours
    ]
    unsaid = sum(1 for roi in ours if not roi.frame_uid)
    if unsaid:
        messages.append(f"{unsaid} structure(s) name no frame of reference; taken to be the CT's.")
    return ours, messages
