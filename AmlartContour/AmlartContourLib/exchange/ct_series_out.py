"""A CT that has no DICOM slices of its own, written as a CT Image series that an RTSTRUCT can refer to.

Invariants: the array's order is kept, so slice k of the scan is file k + 1; values are stored as signed HU
with slope 1 and intercept 0, so they come back unchanged. A scan that was resampled from DICOM stays with
its patient, study and frame of reference; one from NIfTI gets a new study under the pseudonym given.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import format_number_as_ds

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.dicom_identity import (
    RESEARCH_ONLY,
    copy_identity,
    encode,
    new_uid,
    plain_text,
    stamp,
)
from AmlartContourLib.exchange.patient_position import patient_position
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom

MAX_PSEUDONYM = 64


@quiet_pydicom()
def write_ct_series(
    folder: Path, scan: CtScan, *, pseudonym: str, if_exists: IfExists = IfExists.REFUSE
) -> tuple[Dataset, ...]:
    """Writes one file per slice into a folder that appears complete or not at all.

    `pseudonym` becomes patient ID and name where the scan has no DICOM template; with a template the source's
    patient, study and frame of reference stay. Returns the headers, without pixel data, in the order of k.
    Raises BadSetting for a pseudonym that is empty, over 64 characters or not plain text, and ExportFailed as
    `atomic.write_folder`.
    """
    series = _series(scan, pseudonym)
    headers = tuple(_slice_header(series, scan, k) for k in range(scan.geometry.size_ijk[2]))

    def fill(unfinished: Path) -> None:
        for k, header in enumerate(headers):
            content = _with_pixels(header, scan.hu_kji[k])
            (unfinished / f"CT_{k + 1:04d}.dcm").write_bytes(content)

    write_folder(folder, fill, if_exists)
    return headers


def _series(scan: CtScan, pseudonym: str) -> Dataset:
    """What all slices share."""
    shared = Dataset()
    if scan.template is not None:
        copy_identity(scan.template, shared)
    else:
        copy_identity(_new_patient(pseudonym), shared)
    now = datetime.now()
    stamp(shared, CTImageStorage, now)
    shared.Modality = "CT"
    shared.SeriesInstanceUID = new_uid()
    shared.SeriesNumber = 1
    shared.SeriesDescription = "CT for contours, research use only"
    shared.SeriesDate, shared.SeriesTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    shared.PatientPosition = _position(scan)
    shared.Laterality = ""
    shared.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    resampled = "resampled from a DICOM series" if scan.template is not None else "from a volume file"
    shared.DerivationDescription = f"Written {resampled}. {RESEARCH_ONLY}"
    shared.BurnedInAnnotation = "NO"
    shared.KVP = None
    shared.AcquisitionNumber = None
    _describe_grid(shared, scan)
    _describe_pixels(shared)
    return shared


def _new_patient(pseudonym: str) -> Dataset:
    if not pseudonym or pseudonym != plain_text(pseudonym, MAX_PSEUDONYM):
        raise BadSetting(
            "The pseudonym for the DICOM series cannot be used.",
            advice=f"Give 1 to {MAX_PSEUDONYM} plain letters, digits and signs.",
        )
    identity = Dataset()
    identity.PatientID = pseudonym
    identity.PatientName = pseudonym.replace("^", " ").replace("=", " ")
    identity.StudyInstanceUID = new_uid()
    identity.FrameOfReferenceUID = new_uid()
    identity.StudyID = "1"
    identity.StudyDescription = "Research use only"
    return identity


def _position(scan: CtScan) -> str:
    known = str(scan.template.get("PatientPosition", "")) if scan.template is not None else ""
    return known or patient_position(scan.geometry)


def _describe_grid(shared: Dataset, scan: CtScan) -> None:
    geometry = scan.geometry
    i_mm, j_mm, k_mm = geometry.spacing_mm
    shared.Columns, shared.Rows = geometry.size_ijk[:2]
    shared.PixelSpacing = _decimals(j_mm, i_mm)  # between rows first
    shared.ImageOrientationPatient = _decimals(*geometry.direction_matrix[:, :2].T.ravel())
    (shared.SliceThickness,) = (shared.SpacingBetweenSlices,) = _decimals(k_mm)


def _describe_pixels(shared: Dataset) -> None:
    shared.SamplesPerPixel = 1
    shared.PhotometricInterpretation = "MONOCHROME2"
    shared.BitsAllocated = shared.BitsStored = 16
    shared.HighBit = 15
    shared.PixelRepresentation = 1
    shared.RescaleIntercept, shared.RescaleSlope, shared.RescaleType = "0", "1", "HU"
    shared.WindowCenter, shared.WindowWidth = "40", "400"


def _slice_header(shared: Dataset, scan: CtScan, k: int) -> Dataset:
    header = deepcopy(shared)  # a shallow copy would give all slices one UID: pydicom shares the elements
    header.SOPInstanceUID = new_uid()
    header.InstanceNumber = k + 1
    header.ImagePositionPatient = _decimals(*scan.geometry.index_to_lps([0, 0, k]))
    return header


def _with_pixels(header: Dataset, hu_ji: NDArray[np.int16]) -> bytes:
    whole = Dataset()
    whole.update(header)
    whole.add_new("PixelData", "OW", np.ascontiguousarray(hu_ji, dtype="<i2").tobytes())
    return encode(whole)


def _decimals(*values: float) -> list[str]:
    """Numbers as decimal strings of at most 16 characters, as exact as these allow."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]
