"""A CT in: from a folder of DICOM files, from one of them, or from a NIfTI file, as one CtScan.

Every guard lives in the module that its subject names; docs/ct-input.md lists them with what to do. Nothing
here or below logs, and no message holds more than a file's own name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.exchange.ct_dicom import read_series
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.dicom_file import read_header
from AmlartContourLib.exchange.dicom_folder import Progress, choose_series, scan_folder
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.nifti_in import is_nifti, read_nifti
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom

HEADERS_SHARE = 0.3  # of the progress shown; measured on 512 x 512 slices, pixels take the rest
DEFAULT_LIMITS = Limits()


def read_ct(
    path: Path,
    *,
    series_uid: str | None = None,
    resample_tilt: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> CtScan:
    """The CT at `path`: a folder (searched with its subfolders), one DICOM file, or .nii / .nii.gz.

    One DICOM file stands for its whole series in the same folder. `series_uid` picks a series where a folder
    holds several. `resample_tilt` lets tilted or unevenly spaced slices be resampled to a straight, even
    grid. `progress` is called with a rising fraction up to 1, once or more per file.

    Raises InputRefused and its kinds: NotCt, SeveralSeries (with the choices), IrregularSlices, BadGeometry,
    DamagedFile, TooLarge.
    """
    if path.is_dir():
        with quiet_pydicom():
            return _from_folder(path, series_uid, resample_tilt, limits, progress)
    if not path.is_file():
        raise InputRefused("The CT is not there.", advice="Check the path.")
    if is_nifti(path):
        scan = read_nifti(path, limits)
        if progress is not None:
            progress(1.0)
        return scan
    with quiet_pydicom():
        file = read_header(path, limits)
        if file is None:
            raise InputRefused(
                f"{path.name} is neither DICOM nor NIfTI.",
                advice="Choose a folder of DICOM files, one DICOM file, or a .nii or .nii.gz file.",
            )
        uid = file.series_uid if series_uid is None else series_uid
        return _from_folder(path.parent, uid, resample_tilt, limits, progress, recursive=False)


def _from_folder(
    folder: Path,
    series_uid: str | None,
    resample_tilt: bool,
    limits: Limits,
    progress: Progress | None,
    *,
    recursive: bool = True,
) -> CtScan:
    scanned = scan_folder(folder, limits, progress=_part(progress, 0.0, HEADERS_SHARE), recursive=recursive)
    files, left_out = choose_series(scanned, series_uid)
    scan = read_series(
        files, resample_tilt=resample_tilt, limits=limits, progress=_part(progress, HEADERS_SHARE, 1.0)
    )
    return replace(scan, findings=(*left_out, *scan.findings))


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """The progress of a part of the work, told as that of the whole."""
    if progress is None:
        return None
    return lambda fraction: progress(start + (end - start) * fraction)
