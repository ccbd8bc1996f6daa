"""One DICOM file's header, read without its pixels, and what kind of file it is.

Invariants: a file is opened at most up to its pixels here. Headers hold patient data: `repr` shows none.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.exchange.dicom_values import PARSE_ERRORS, integer, text
from AmlartContourLib.exchange.limits import MIB, Limits, require_file_size

HEAD_BYTES = 512
MAGIC = b"DICM"
# First tags of files written without the 128-byte preamble, little endian: group 0008, seldom 0002.
BARE_STARTS = tuple(
    bytes((group, 0, element, 0)) for group, element in ((8, 0), (8, 5), (8, 8), (8, 22), (2, 0))
)
BEFORE_META_BYTES = 128 + 4 + 12  # preamble, "DICM", the element with the length of the file meta
DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds, which begin alike
ENHANCED = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)


class Role(Enum):
    """What a file is to a CT scan."""

    SLICE = "slice"
    LOCALISER = "localiser (scout)"
    CAPTURE = "screen capture"
    OTHER = "no image"


@dataclass(frozen=True, eq=False)
class DicomFile:
    """One file. `header` has everything before the pixels, file meta included."""

    path: Path
    header: Dataset = field(repr=False)
    series_uid: str
    sop_class: str
    sop_uid: str
    modality: str
    image_type: tuple[str, ...]
    frames: int

    @property
    def name(self) -> str:
        """The file's own name, for messages."""
        return self.path.name

    @property
    def is_multi_frame(self) -> bool:
        """True for enhanced CT, which keeps many slices in one file."""
        return self.frames > 1 or self.sop_class in ENHANCED

    @property
    def role(self) -> Role:
        """By SOP class and image type; a file without SOP class (seen in real data) is what its tags say."""
        if "LOCALIZER" in self.image_type:
            return Role.LOCALISER
        if "Rows" not in self.header and self.sop_class != CTImageStorage:
            return Role.OTHER
        placed = "ImagePositionPatient" in self.header
        capture = {"SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE"} & set(self.image_type)
        secondary = self.sop_class.startswith(SECONDARY_CAPTURE)
        if (capture or secondary) and not placed:
            return Role.CAPTURE
        return Role.SLICE


def read_header(path: Path, limits: Limits) -> DicomFile | None:
    """The header of a DICOM file, or None for a file of another kind.

    Raises DamagedFile, naming the file, for one that should be DICOM by its name or its first bytes and
    cannot be read, and TooLarge for one over the limit.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        raise damaged(path, "cannot be opened") from None
    has_magic = head[128:132] == MAGIC
    if not has_magic and not head.startswith(BARE_STARTS):
        if _should_be_dicom(path, head):
            raise damaged(path, "is empty" if not head else "does not begin as a DICOM file does")
        return None
    require_file_size(path, limits.dicom_file_bytes)
    deflated = _require_unpacked_size(path, limits)
    try:
        with path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, force=not has_magic)
            at_end = not file.read(1)
    except PARSE_ERRORS:
        raise damaged(path, "has a header that cannot be read") from None
    found = _described(path, header)
    is_slice = found.sop_class == CTImageStorage or (found.modality == "CT" and found.role is Role.SLICE)
    if not len(header) or (is_slice and at_end and not deflated):
        raise damaged(path, "is cut off or holds no pixels")
    return found


def damaged(path: Path, how: str) -> DamagedFile:
    """The refusal of one file."""
    return DamagedFile(
        f"{path.name} {how}.",
        kept="Nothing was read.",
        advice="Copy or export the scan again; if this file is no part of it, take it out of the folder.",
    )


def _described(path: Path, header: Dataset) -> DicomFile:
    # The class stands in the file meta too; real files were seen that lack it in the header itself.
    sop_class = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
    modality = text(header, "Modality").upper()
    if not modality and sop_class in (CTImageStorage, *ENHANCED):
        modality = "CT"
    return DicomFile(
        path=path,
        header=header,
        series_uid=text(header, "SeriesInstanceUID"),
        sop_class=sop_class,
        sop_uid=text(header, "SOPInstanceUID"),
        modality=modality,
        image_type=tuple(part.strip().upper() for part in text(header, "ImageType").split("\\") if part),
        frames=integer(header, "NumberOfFrames") or 1,
    )


def _should_be_dicom(path: Path, head: bytes) -> bool:
    """True for names that scanners and archives give to slices, unless the content is plain text."""
    ending = path.suffix.lower()
    if ending in DICOM_ENDINGS:
        return True
    nameless = ending == "" or re.fullmatch(r"\.\d+", ending) is not None
    return nameless and not _is_text(head)


def _is_text(head: bytes) -> bool:
    return bool(head) and all(byte in b"\t\r\n\f" or byte >= 32 for byte in head)


def _require_unpacked_size(path: Path, limits: Limits) -> bool:
    """True for a deflated file. It is unpacked whole on reading, so its size is counted first, without
    keeping it."""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
    except PARSE_ERRORS:
        return False  # no file meta: the file is not deflated, or is refused when its header is read
    if text(meta, "TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return False
    length = integer(meta, "FileMetaInformationGroupLength") or 0
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = path.read_bytes()[BEFORE_META_BYTES + length :]
    total = 0
    try:
        while packed and total <= limits.dicom_file_bytes:
            total += len(unpacker.decompress(packed, MIB))
            packed = unpacker.unconsumed_tail
    except zlib.error:
        raise damaged(path, "is compressed as a whole and cannot be unpacked") from None
    if total > limits.dicom_file_bytes:
        raise TooLarge(
            f"{path.name} unpacks to more than the limit for a DICOM file.",
            kept="Nothing was read.",
            advice="Take it out of the folder, or export it without compression.",
        )
    return True
