"""One CT series from DICOM files: headers first, then the stack's guards, then pixels slice by slice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from AmlartContourLib.exchange.ct_findings import grid_findings, position_findings
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.dicom_file import DicomFile, damaged
from AmlartContourLib.exchange.dicom_folder import Progress
from AmlartContourLib.exchange.dicom_pixels import PixelForm, pixel_form, read_hu
from AmlartContourLib.exchange.dicom_slice import Slice
from AmlartContourLib.exchange.dicom_stack import Stack, build_stack
from AmlartContourLib.exchange.dicom_values import text
from AmlartContourLib.exchange.gantry import resampled, resampled_geometry
from AmlartContourLib.exchange.hounsfield import HounsfieldFill
from AmlartContourLib.exchange.limits import Limits

REFERENCE_UIDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
)
NO_RESCALE_ADVICE = "Export the original images: without their rescale, values cannot be turned into HU."


def read_series(
    files: tuple[DicomFile, ...], *, resample_tilt: bool, limits: Limits, progress: Progress | None = None
) -> CtScan:
    """The scan of one series. Raises InputRefused and its kinds, as the guards' own modules say.

    A stack that is no grid is resampled where `resample_tilt` is set, else refused. A scan keeps its slices'
    headers unless it was resampled or they lack the UIDs that contours refer to.
    """
    stack = build_stack(files, _same_pixels, limits)
    reading = _Reading(stack, {id(one): pixel_form(one.file) for one in stack.slices}, progress)
    to_resample = bool(stack.irregular) and resample_tilt
    geometry = resampled_geometry(stack, limits) if to_resample else stack.geometry
    hu_kji = resampled(stack, geometry, reading.hu_of) if to_resample else reading.volume()
    reading.require_rescale()
    findings = _findings(reading, geometry.spacing_mm[2], to_resample)
    first = stack.slices[0]
    straight = () if to_resample else position_findings(first.file.header)
    unnamed = _unnamed(stack)
    keeps_slices = not to_resample and not unnamed
    return CtScan(
        hu_kji=hu_kji,
        geometry=geometry,
        headers=tuple(one.file.header for one in stack.slices) if keeps_slices else (),
        template=None if keeps_slices else _template(first),
        findings=(*findings, *grid_findings(geometry), *straight, *unnamed),
        source_sha256=hash_of(reading.hashes),
    )


def hash_of(file_hashes: list[str]) -> str:
    """SHA-256 over the sorted hashes of the files' content: independent of names and order."""
    return hashlib.sha256("\n".join(sorted(file_hashes)).encode()).hexdigest()


@dataclass(eq=False)
class _Reading:
    """The pixels of a stack, read once each, with what is counted on the way."""

    stack: Stack
    forms: dict[int, PixelForm]
    progress: Callable[[float], None] | None
    fill: HounsfieldFill = field(default_factory=HounsfieldFill)
    hashes: list[str] = field(default_factory=list)

    def hu_of(self, n: int) -> NDArray[np.int16]:
        one = self.stack.slices[n]
        form = self.forms[id(one)]
        content = _content(one)
        self.hashes.append(hashlib.sha256(content).hexdigest())
        hu = self.fill.to_int16(read_hu(one, form, content), form.padding_hu)
        if self.progress is not None:
            self.progress(len(self.hashes) / len(self.stack.slices))
        return hu

    def volume(self) -> NDArray[np.int16]:
        geometry = self.stack.geometry
        hu = np.empty(geometry.shape_kji, dtype=np.int16)
        for k in range(len(hu)):
            hu[k] = self.hu_of(k)
        return hu

    def require_rescale(self) -> None:
        """Without rescale, values are taken as HU only if they can be."""
        if not all(form.has_rescale for form in self.forms.values()):
            self.fill.require_ct("The series states no rescale to HU and", advice=NO_RESCALE_ADVICE)


def _findings(reading: _Reading, step_mm: float, was_resampled: bool) -> tuple[str, ...]:
    stack, forms = reading.stack, reading.forms.values()
    found = list(stack.findings)
    if was_resampled:
        found.extend(stack.irregular)
        found.append(
            f"The scan was resampled linearly to a straight grid with slices {step_mm:.2f} mm apart; outside "
            "the slices is air. Contours will refer to a new CT series."
        )
    if not all(form.has_rescale for form in forms):
        found.append("The slices state no rescale; their values were taken as HU, which their range allows.")
    elif not reading.fill.holds_fat_or_air:
        found.append("No voxel is below -100 HU, where a CT shows fat and air; check that the values are HU.")
    if any(form.is_lossy for form in forms):
        found.append("The images were compressed with loss; fine detail may be altered.")
    return (*found, *reading.fill.findings())


def _same_pixels(one: Slice, other: Slice) -> bool:
    first, second = (read_hu(s, pixel_form(s.file), _content(s)) for s in (one, other))
    return bool(np.array_equal(first, second))


def _content(one: Slice) -> bytes:
    try:
        return one.file.path.read_bytes()
    except OSError:
        raise damaged(one.file.path, "cannot be opened") from None


def _unnamed(stack: Stack) -> tuple[str, ...]:
    """A finding where slices lack the UIDs by which contours refer to them."""
    headers = [one.file.header for one in stack.slices]
    missing = [key for key in REFERENCE_UIDS if not all(text(header, key) for header in headers)]
    if not missing:
        return ()
    return (f"The slices lack {', '.join(missing)}, so contours will refer to a new CT series.",)


def _template(first: Slice) -> Dataset:
    """The first header, for a new series; with a new study and frame of reference where it names none."""
    template = deepcopy(first.file.header)
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not text(template, keyword):
            setattr(template, keyword, generate_uid(prefix=None))
    return template
