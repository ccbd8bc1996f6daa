"""The Hounsfield units of one DICOM slice from the bytes of its file.

Uncompressed pixels are taken from the bytes after their length is checked. Compressed ones are decoded by
GDCM (in SimpleITK) from a minimal file with the image tags only: so decoding does not depend on the rest of
the header, the rescale is applied here for all syntaxes alike, and no patient data reaches the decoder.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import (
    JPEG2000,
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

from AmlartContourLib.contract.errors import InputRefused, NotCt
from AmlartContourLib.exchange.codestream import encoded_size
from AmlartContourLib.exchange.dicom_file import DicomFile, damaged
from AmlartContourLib.exchange.dicom_slice import Slice
from AmlartContourLib.exchange.dicom_values import PARSE_ERRORS, integer, number, text

LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
COMPRESSED = (*LOSSY, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, JPEG2000, RLELossless)
OVERLAY_BIT_POSITIONS = tuple((0x6000 + 2 * n, 0x0102) for n in range(16))
DECODE_ERRORS: tuple[type[Exception], ...] = (*PARSE_ERRORS, RuntimeError, StopIteration)
_IMAGE_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


@dataclass(frozen=True)
class PixelForm:
    """How a slice's numbers are stored and scaled: HU = stored x slope + intercept."""

    allocated: int
    stored: int
    signed: bool
    slope: float
    intercept: float
    has_rescale: bool
    syntax: str
    header: Dataset = field(repr=False)

    @property
    def is_lossy(self) -> bool:
        """True where compression has changed the values."""
        return self.syntax in LOSSY or text(self.header, "LossyImageCompression") == "01"

    @property
    def padding_hu(self) -> tuple[float, float] | None:
        """The declared padding, lowest and highest value in HU, or None."""
        value = integer(self.header, "PixelPaddingValue")
        if value is None:
            return None
        limit = integer(self.header, "PixelPaddingRangeLimit")
        stored = [self._as_stored(v) for v in (value, value if limit is None else limit)]
        ends = [v * self.slope + self.intercept for v in stored]
        return min(ends), max(ends)

    def _as_stored(self, value: int) -> int:
        """The value in the sign of the pixels: headers give it signed or unsigned as they please."""
        value %= 1 << self.allocated
        return value - (1 << self.allocated) if self.signed and value >> (self.allocated - 1) else value


def pixel_form(file: DicomFile) -> PixelForm:
    """How the pixels are stored, checked before they are read.

    Raises InputRefused for colour, MONOCHROME1 or a transfer syntax that is not read, NotCt where the file
    says that its values are not HU, and DamagedFile where mandatory tags are missing or do not agree.
    """
    header = file.header
    _require_grey(file)
    allocated, stored, high = (integer(header, k) for k in ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated not in (8, 16, 32) or stored is None or not 1 <= stored <= allocated:
        raise damaged(file.path, "does not state how its pixels are stored (BitsAllocated, BitsStored)")
    if high is not None and high != stored - 1:
        raise damaged(file.path, "states a HighBit that does not go with its BitsStored")
    sign = integer(header, "PixelRepresentation")
    if sign not in (0, 1):
        raise damaged(file.path, "does not state whether its pixels have a sign (PixelRepresentation)")
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if slope == 0 or (slope is None and text(header, "RescaleSlope")):
        raise damaged(file.path, "states a rescale slope that cannot be used")
    return PixelForm(
        allocated=allocated,
        stored=stored,
        signed=sign == 1,
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        has_rescale=slope is not None and intercept is not None,
        syntax=_syntax(file),
        header=header,
    )


def read_hu(one: Slice, form: PixelForm, content: bytes) -> NDArray[Any]:
    """The HU (rows, columns) of a slice from its file's bytes, whole numbers where the rescale keeps them so.

    Raises DamagedFile, naming the file, where the pixels are missing, too short, too long or not decodable.
    """
    try:
        whole = pydicom.dcmread(io.BytesIO(content), force=True)
        pixels = whole["PixelData"].value
    except PARSE_ERRORS:
        raise damaged(one.file.path, "is cut off or holds no pixels") from None
    if not isinstance(pixels, bytes):
        raise damaged(one.file.path, "holds no pixels")
    if form.syntax in COMPRESSED:
        stored = _decoded(one, form, pixels)
    else:
        stored = _unpacked(_native(one, form, pixels), form)
    if float(form.slope).is_integer() and float(form.intercept).is_integer() and stored.dtype.kind != "f":
        return stored.astype(np.int64) * int(form.slope) + int(form.intercept)
    return stored.astype(np.float64) * form.slope + form.intercept


def _require_grey(file: DicomFile) -> None:
    samples = integer(file.header, "SamplesPerPixel")
    photometric = text(file.header, "PhotometricInterpretation").upper()
    if photometric == "MONOCHROME1":
        raise InputRefused(
            f"{file.name} stores dark as bright (MONOCHROME1), which CT slices do not.",
            kept="Nothing was read.",
            advice="Export the original CT images instead of a copy made for display.",
        )
    if samples not in (None, 1) or photometric not in ("MONOCHROME2", ""):
        raise NotCt(
            f"{file.name} is a colour image (or of unknown kind), not a CT slice.",
            kept="Nothing was read.",
            advice="Export the original CT images; take screen captures out of the folder.",
        )
    unit = text(file.header, "RescaleType").upper()
    if unit not in ("", "HU", "US"):
        raise NotCt(
            f"{file.name} states that its values are not Hounsfield units.",
            kept="Nothing was read.",
            advice="Choose the ordinary CT series, not a material or energy map.",
        )


def _syntax(file: DicomFile) -> str:
    meta = getattr(file.header, "file_meta", None)
    syntax = text(meta, "TransferSyntaxUID") if meta is not None else ""
    if not syntax or syntax in (*NATIVE, *COMPRESSED):
        return syntax
    raise InputRefused(
        f"{file.name} is stored in a way that is not read ({UID(syntax).name}).",
        kept="Nothing was read.",
        advice="Export it uncompressed, or as JPEG, JPEG-LS, JPEG 2000 or RLE.",
    )


def _native(one: Slice, form: PixelForm, pixels: bytes) -> NDArray[Any]:
    columns, rows = one.size_ij
    expected = rows * columns * form.allocated // 8
    if len(pixels) < expected:
        raise damaged(one.file.path, f"is cut off: {len(pixels)} of {expected} bytes of pixels are there")
    if len(pixels) > expected + expected % 2:
        raise damaged(one.file.path, f"holds {len(pixels)} bytes of pixels where its size says {expected}")
    order = ">" if form.syntax == ExplicitVRBigEndian else "<"
    kind = f"{order}{'i' if form.signed else 'u'}{form.allocated // 8}"
    return np.frombuffer(pixels, dtype=kind, count=rows * columns).reshape(rows, columns)


def _unpacked(stored: NDArray[Any], form: PixelForm) -> NDArray[Any]:
    """Values without what else lies in the unused high bits.

    Overlays there are cut off. Signed values that were stored without extending the sign get it. Any other
    content of unused bits is kept as part of the value: padding below the stated range is written so.
    """
    unused = form.allocated - form.stored
    if unused == 0:
        return stored
    bits = stored.astype(np.int64)
    has_overlay = any(tag in form.header and form.header[tag].value for tag in OVERLAY_BIT_POSITIONS)
    sign_not_extended = form.signed and bits.min() >= 0 and bits.max() < 1 << form.stored
    if has_overlay or sign_not_extended:
        bits &= (1 << form.stored) - 1
        if form.signed:
            bits -= (bits >> (form.stored - 1)) << form.stored
    return bits


def _decoded(one: Slice, form: PixelForm, pixels: bytes) -> NDArray[Any]:
    _require_encoded_size(one, pixels)
    with tempfile.TemporaryDirectory(prefix="amlart-") as folder:
        path = Path(folder) / "slice.dcm"
        try:
            _minimal_file(one, form, pixels).save_as(path, enforce_file_format=True)
            image = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
            array: NDArray[Any] = sitk.GetArrayFromImage(image)
        except DECODE_ERRORS:
            raise damaged(one.file.path, "holds compressed pixels that cannot be decoded") from None
    columns, rows = one.size_ij
    if array.shape not in ((1, rows, columns), (rows, columns)):
        raise damaged(one.file.path, "holds compressed pixels of another size than it states")
    return array.reshape(rows, columns)


def _require_encoded_size(one: Slice, pixels: bytes) -> None:
    try:
        stream = next(iter(generate_frames(pixels, number_of_frames=1)))
    except DECODE_ERRORS:
        raise damaged(one.file.path, "holds compressed pixels that cannot be decoded") from None
    size = encoded_size(stream)
    if size is not None and size != one.size_ij:
        raise damaged(one.file.path, "holds compressed pixels of another size than it states")


def _minimal_file(one: Slice, form: PixelForm, pixels: bytes) -> Dataset:
    minimal = Dataset()
    for keyword in _IMAGE_TAGS:
        if keyword in one.file.header:
            minimal[keyword] = one.file.header[keyword]
    minimal.SamplesPerPixel = 1
    minimal.PhotometricInterpretation = "MONOCHROME2"
    minimal.SOPClassUID = CTImageStorage
    minimal.SOPInstanceUID = generate_uid()
    minimal.add_new("PixelData", "OB", pixels)
    minimal["PixelData"].is_undefined_length = True
    minimal.file_meta = FileMetaDataset()
    minimal.file_meta.TransferSyntaxUID = UID(form.syntax)
    return minimal
