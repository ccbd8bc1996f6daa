"""A CT from one NIfTI file. The header is checked before a voxel is read; a file that is no CT is refused.

Invariants: a left-handed file (common in NIfTI) has its slices reversed; no headers and no template come from
NIfTI, so contours will refer to a new CT series.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadGeometry, DamagedFile, InputRefused
from AmlartContourLib.exchange.ct_dicom import hash_of
from AmlartContourLib.exchange.ct_findings import grid_findings
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.hounsfield import HounsfieldFill
from AmlartContourLib.exchange.limits import Limits, require_file_size
from AmlartContourLib.exchange.volume_file import itk_name, read_volume

NIFTI_ENDINGS = (".nii", ".nii.gz")
SAME_PLACE_MM = 0.1
NOT_HU_ADVICE = (
    "Choose the CT itself in Hounsfield units (air -1000, water 0): not a mask, not MR, not an image scaled "
    "for a network, and without an offset of 1024."
)
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])  # NIfTI's axes point right, front, up; DICOM's left, back, up


def is_nifti(path: Path) -> bool:
    """True for a file name that is read as NIfTI."""
    return path.name.lower().endswith(NIFTI_ENDINGS)


def read_nifti(path: Path, limits: Limits) -> CtScan:
    """The scan of a .nii or .nii.gz file, of any number type, scaled or not.

    Raises DamagedFile (cut off, corrupt, voxels that are not finite), InputRefused (not three-dimensional),
    BadGeometry, TooLarge, or NotCt for values that cannot be HU.
    """
    require_file_size(path, limits.nifti_file_bytes)
    with _quiet_itk():
        findings = _require_header(path, limits)
        array, geometry = read_volume(path)
    fill = HounsfieldFill()
    hu_kji = np.empty(array.shape, dtype=np.int16)
    for k in range(len(array)):
        hu_kji[k] = fill.to_int16(array[k])
    fill.require_ct(path.name, advice=NOT_HU_ADVICE)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return CtScan(
        hu_kji=hu_kji,
        geometry=geometry,
        findings=(*findings, *fill.findings(), *grid_findings(geometry)),
        source_sha256=hash_of([digest]),
    )


@contextmanager
def _quiet_itk() -> Iterator[None]:
    """ITK's warnings name the whole path, which may hold a patient's name."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _require_header(path: Path, limits: Limits) -> tuple[str, ...]:
    """Dimensions, size, spacing and orientation by the header alone; returns findings."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(itk_name(path))
    reader.SetImageIO("NiftiImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise BadGeometry(
                f"{path.name}: its axes are not at right angles to each other (sheared).",
                kept="Nothing was read.",
                advice="Resample it to a straight grid first.",
            ) from None
        raise DamagedFile(
            f"{path.name} cannot be read as NIfTI.",
            kept="Nothing was read.",
            advice="Copy or export it again.",
        ) from None
    _require_one_volume(path, reader)
    size = reader.GetSize()[:3]
    limits.require_voxels(size, path.name)
    return _require_placement(path, reader)


def _require_one_volume(path: Path, reader: sitk.ImageFileReader) -> None:
    size = reader.GetSize()
    axes = [n for n in size[3:] if n != 1]
    if len(size) < 3 or min(size[:3]) < 2:
        raise InputRefused(
            f"{path.name} is a single picture ({'x'.join(map(str, size))}), not a volume.",
            advice="Choose the file with the whole scan.",
        )
    if axes:
        raise InputRefused(
            f"{path.name} holds {int(np.prod(axes))} volumes (four dimensions), not one.",
            kept="Nothing was read.",
            advice="Save the one volume to be contoured in a file of its own.",
        )
    if reader.GetNumberOfComponents() != 1:
        raise InputRefused(f"{path.name} holds colours or vectors, not one number per voxel.")


def _require_placement(path: Path, reader: sitk.ImageFileReader) -> tuple[str, ...]:
    """Spacing as stored must be positive; where the file places itself twice, both places must agree."""
    stored = [_stored(reader, f"pixdim[{n}]") for n in (1, 2, 3)]
    if any(not np.isfinite(v) or v <= 0 for v in stored):
        raise BadGeometry(
            f"{path.name} states a voxel spacing of {' x '.join(f'{v:g}' for v in stored)} mm.",
            kept="Nothing was read.",
            advice="Export it again with its spacing.",
        )
    if _stored(reader, "sform_code") <= 0 and _stored(reader, "qform_code") <= 0:
        return (
            f"{path.name} does not say how the patient lies in it; left and right, head and feet cannot be "
            "trusted.",
        )
    if _stored(reader, "sform_code") > 0:
        _require_agreement(path, reader)
    return ()


def _require_agreement(path: Path, reader: sitk.ImageFileReader) -> None:
    """The affine as ITK made it against the file's sform rows, at the eight corners."""
    axes = reader.GetDimension()
    direction = np.array(reader.GetDirection()).reshape(axes, axes)[:3, :3]
    affine = np.column_stack([direction * np.array(reader.GetSpacing()[:3]), reader.GetOrigin()[:3]])
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in reader.GetSize()[:3]], [1], indexing="ij"), -1)
    apart = corners.reshape(-1, 4) @ (affine - _sform_lps(reader)).T
    if not np.abs(apart).max() <= SAME_PLACE_MM:
        raise BadGeometry(
            f"{path.name} places itself twice (qform and sform, or its spacing) and the two do not agree.",
            kept="Nothing was read.",
            advice="Export it again from the program that shows it in the right place.",
        )


def _sform_lps(reader: sitk.ImageFileReader) -> NDArray[np.float64]:
    """(3, 4), from voxel indices to LPS millimetres, as the file's sform has it."""
    rows = [[float(v) for v in reader.GetMetaData(f"srow_{axis}").split()] for axis in "xyz"]
    lps: NDArray[np.float64] = np.array(rows) * RAS_TO_LPS[:, None]
    return lps


def _stored(reader: sitk.ImageFileReader, key: str) -> float:
    return float(reader.GetMetaData(key)) if reader.HasMetaDataKey(key) else 0.0
