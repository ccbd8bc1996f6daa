"""What a frame says of itself before its arrays come, and the limits it is held to.

A frame is how arrays travel and how the backend stores them:

    offset  bytes  content
    0       8      b"AMLFRM1\\n"
    8       4      n, the length of the header, unsigned, little-endian
    12      n      the header: JSON in UTF-8, filled with spaces so that 12 + n is a multiple of 64
    12 + n  ...    the arrays in the header's order, each `stored_bytes` long, nothing between or after

Arrays are [k, j, i], C order, little-endian. `codec` is "none" or "zlib" (RFC 1950), for each array by
itself. A role fixes the element type: hu int16, mask one bit (see `bits`), spread uint8. The content hash is
over the grid, the shapes and the raw bytes, so it does not depend on the codec.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.bits import packed_bytes
from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import Message, from_json, to_json, to_plain

MAGIC = b"AMLFRM1\n"
PREFIX_BYTES = len(MAGIC) + 4
ALIGNMENT = 64
HU_BYTES = 2

Index3 = tuple[int, int, int]


class Kind(Enum):
    """What a frame holds: one CT, or any number of contours."""

    CT = "ct"
    CONTOURS = "contours"


class Role(Enum):
    """What an array is."""

    HU = "hu"
    MASK = "mask"
    SPREAD = "spread"


class Codec(Enum):
    """How an array's bytes are stored."""

    NONE = "none"
    ZLIB = "zlib"


DTYPE = {Role.HU: "int16", Role.MASK: "bit", Role.SPREAD: "uint8"}


@dataclass(frozen=True)
class Grid(Message):
    """Where the arrays lie: millimetres, LPS, `direction` row by row with the axes i, j, k as columns."""

    size_ijk: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_lps: tuple[float, float, float]
    direction: tuple[float, float, float, float, float, float, float, float, float]

    def __post_init__(self) -> None:
        numbers = (*self.spacing_mm, *self.origin_lps, *self.direction)
        if min(self.size_ijk) < 1 or not all(math.isfinite(v) for v in numbers):
            raise ValueError("the grid is not made of positive sizes and finite numbers")


@dataclass(frozen=True)
class ArrayHeader(Message):
    """One array: its role, the structure it is of ("" for the CT), its block of the grid and its storage."""

    role: Role
    structure: str
    dtype: str
    start_kji: Index3
    shape_kji: Index3
    stored_bytes: int
    codec: Codec = Codec.NONE
    order: str = "C"

    def __post_init__(self) -> None:
        if self.dtype != DTYPE[self.role] or self.order != "C":
            raise ValueError(f"an array of role {self.role.value} is {DTYPE[self.role]} in C order")
        if (self.structure != "") != (self.role is not Role.HU):
            raise ValueError("a mask or spread names its structure, a CT names none")
        if self.structure and not re.fullmatch(NAME, self.structure):
            raise ValueError("a structure's name has letters, digits, dots, dashes and underscores")
        if min(self.start_kji) < 0 or min(self.shape_kji) < 0 or self.stored_bytes < 0:
            raise ValueError("an array has a negative size")
        if self.codec is Codec.NONE and self.stored_bytes != self.raw_bytes:
            raise ValueError("an uncompressed array does not have the length of its shape")

    @property
    def raw_bytes(self) -> int:
        """Length once decoded."""
        if self.role is Role.MASK:
            return packed_bytes(self.shape_kji)
        return math.prod(self.shape_kji) * (HU_BYTES if self.role is Role.HU else 1)


@dataclass(frozen=True)
class StructureNote(Message):
    """Where a contour came from (the name of a `domain` Source), a note for the reader, and how many
    independent contours its spread was made of (0: none)."""

    structure: str
    source: str
    note: str = ""
    members: int = 0


@dataclass(frozen=True)
class BorderNote(Message):
    """A level border as a plane: the name of its kind, point and normal, evidence, and whether it is a
    fallback."""

    kind: str
    point_lps: tuple[float, float, float]
    normal_lps: tuple[float, float, float]
    evidence: str
    estimated: bool


@dataclass(frozen=True)
class About(Message):
    """What travels beside the arrays of contours: who made them, how long each stage took, what was found,
    what editing is expected."""

    structures: tuple[StructureNote, ...] = ()
    borders: tuple[BorderNote, ...] = ()
    findings: tuple[str, ...] = ()
    timings_s: dict[str, float] | None = None
    engine: str = ""
    engine_version: str = ""
    device: str = ""
    expected: ExpectedEffort | None = None


@dataclass(frozen=True)
class FrameHeader(Message):
    """The header of a frame. DamagedFile where arrays and kind do not fit each other or the grid."""

    kind: Kind
    grid: Grid
    arrays: tuple[ArrayHeader, ...]
    about: About = About()

    def __post_init__(self) -> None:
        roles = [array.role for array in self.arrays]
        if self.kind is Kind.CT and roles != [Role.HU]:
            raise ValueError("a CT frame holds exactly one array")
        if self.kind is Kind.CONTOURS and Role.HU in roles:
            raise ValueError("a frame of contours holds no CT")
        names = [(array.role, array.structure) for array in self.arrays]
        if len(set(names)) < len(names):
            raise ValueError("a structure comes twice")
        for array in self.arrays:
            self._require_inside(array)

    def _require_inside(self, array: ArrayHeader) -> None:
        full = self.grid.size_ijk[::-1]
        ends = (start + n for start, n in zip(array.start_kji, array.shape_kji, strict=True))
        if any(end > n for end, n in zip(ends, full, strict=True)):
            raise ValueError("an array reaches beyond the grid")
        if array.role is Role.HU and array.shape_kji != full:
            raise ValueError("a CT does not fill its grid")

    @property
    def raw_bytes(self) -> int:
        """Length of all arrays once decoded."""
        return sum(array.raw_bytes for array in self.arrays)

    @property
    def stored_bytes(self) -> int:
        """Length of all arrays as they are stored."""
        return sum(array.stored_bytes for array in self.arrays)

    def to_bytes(self) -> bytes:
        """Magic, length and filled JSON."""
        text = to_json(self).encode()
        filled = text + b" " * (-(PREFIX_BYTES + len(text)) % ALIGNMENT)
        return MAGIC + len(filled).to_bytes(4, "little") + filled

    def hashed_text(self) -> bytes:
        """What the content hash begins with: all but how the arrays are stored and who made them."""
        arrays = [{**to_plain(a), "codec": "", "stored_bytes": 0} for a in self.arrays]
        notes = [to_plain(note) for note in self.about.structures]
        text = {"kind": self.kind.value, "grid": self.grid, "arrays": arrays, "structures": notes}
        return to_json(text).encode() + b"\n"


@dataclass(frozen=True)
class FrameLimits:
    """What a reader takes. The defaults hold a 512x512x2000 CT."""

    header_bytes: int = 1 << 18
    arrays: int = 512
    axis: int = 4096
    voxels: int = 1 << 29
    raw_bytes: int = 1 << 30

    def check_header_bytes(self, count: int) -> None:
        """TooLarge where a header is longer than it may be; nothing of it needs to be read."""
        if count > self.header_bytes:
            raise TooLarge(f"A frame's header of {count} bytes is over the limit of {self.header_bytes}.")

    def check(self, header: FrameHeader) -> None:
        """TooLarge where a header announces more than may come."""
        if len(header.arrays) > self.arrays:
            raise TooLarge(f"{len(header.arrays)} arrays are over the limit of {self.arrays}.")
        size = header.grid.size_ijk
        if max(size) > self.axis or math.prod(size) > self.voxels:
            raise TooLarge("The image has more voxels than this backend takes.")
        if header.raw_bytes > self.raw_bytes:
            raise TooLarge(f"{header.raw_bytes} bytes of arrays are over the limit of {self.raw_bytes}.")


def header_length(prefix: bytes) -> int:
    """Length of the header from a frame's first `PREFIX_BYTES`. DamagedFile where it is no frame."""
    if prefix[: len(MAGIC)] != MAGIC:
        raise DamagedFile("What was sent is no AmlartContour frame.")
    return int.from_bytes(prefix[len(MAGIC) : PREFIX_BYTES], "little")


def parse_header(text: bytes, limits: FrameLimits) -> FrameHeader:
    """The header, held to the limits. DamagedFile or TooLarge."""
    header = from_json(FrameHeader, text)
    limits.check(header)
    return header
