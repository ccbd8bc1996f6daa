"""Small DICOM CT series written with pydicom alone, to be read, and to be broken on purpose first.

`ct_slices` gives datasets in the order of k; change them as the test needs, then `write_slices`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from AmlartContourLib.domain.geometry import Geometry

PATIENT = "DOE^SECRET"
PATIENT_ID = "ID-4711-SECRET"
RNG = np.random.default_rng(20)


def hounsfield(geometry: Geometry) -> np.ndarray:
    """Random HU from air to bone on a grid, so that any mix-up of voxels shows."""
    return RNG.integers(-1000, 1500, geometry.shape_kji).astype(np.int16)


def ct_slices(
    geometry: Geometry,
    hu_kji: np.ndarray,
    *,
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = True,
    series: str = "one",
) -> list[Dataset]:
    """One classic CT image per slice, in the order of k; `series` names the series, study and frame."""
    return [
        _slice(geometry, k, np.rint((hu_kji[k] - intercept) / slope), slope, intercept, signed, series)
        for k in range(geometry.size_ijk[2])
    ]


def write_slices(
    folder: Path,
    slices: Sequence[Dataset],
    *,
    syntax: UID = ExplicitVRLittleEndian,
    name: str = "IM{:04d}.dcm",
) -> list[Path]:
    """The files, in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(number) for number in range(1, len(slices) + 1)]
    for path, one in zip(paths, slices, strict=True):
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = syntax
        one.file_meta.MediaStorageSOPClassUID = one.get("SOPClassUID") or CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.get("SOPInstanceUID") or generate_uid()
        one.save_as(path, enforce_file_format=True)
    return paths


def write_series(folder: Path, geometry: Geometry, hu_kji: np.ndarray, **options: object) -> list[Path]:
    """A series as a scanner writes it; `options` as for `ct_slices`."""
    return write_slices(folder, ct_slices(geometry, hu_kji, **options))  # type: ignore[arg-type]


def move(one: Dataset, by_lps: Sequence[float]) -> None:
    """Shifts a slice's position by millimetres."""
    position = np.asarray(one.ImagePositionPatient, dtype=float) + np.asarray(by_lps)
    one.ImagePositionPatient = decimals(*position)


def decimals(*values: float) -> list[str]:
    """Numbers as DICOM decimal strings."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]


def uid(text: str) -> str:
    """Always the same UID for the same text."""
    return str(generate_uid(entropy_srcs=[text]))


def _slice(
    geometry: Geometry,
    k: int,
    stored: np.ndarray,
    slope: float,
    intercept: float,
    signed: bool,
    series: str,
) -> Dataset:
    one = Dataset()
    one.SOPClassUID = CTImageStorage
    one.SOPInstanceUID = uid(f"{series} slice {k}")
    one.SeriesInstanceUID = uid(f"{series} series")
    one.StudyInstanceUID = uid("study")
    one.FrameOfReferenceUID = uid(f"{series} frame")
    one.PatientName, one.PatientID, one.PatientBirthDate = PATIENT, PATIENT_ID, "19700101"
    one.Modality = "CT"
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.SeriesDescription = f"Pelvis {series}"
    one.InstanceNumber = k + 1
    one.PatientPosition = "HFS"
    one.SliceThickness = "99"  # never to be used
    i_mm, j_mm, _ = geometry.spacing_mm
    one.Columns, one.Rows = geometry.size_ijk[:2]
    one.PixelSpacing = decimals(j_mm, i_mm)
    one.ImageOrientationPatient = decimals(*geometry.direction_matrix[:, :2].T.ravel())
    one.ImagePositionPatient = decimals(*geometry.index_to_lps([0, 0, k]))
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
    one.PixelRepresentation = int(signed)
    one.RescaleSlope, one.RescaleIntercept = decimals(slope, intercept)
    one.RescaleType = "HU"
    one.add_new("PixelData", "OW", stored.astype("<i2" if signed else "<u2").tobytes())
    return one
