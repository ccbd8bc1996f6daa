"""Single values out of DICOM headers that may be wrong.

Invariants: no function here raises on a value that is missing or cannot be decoded. Decoding makes pydicom
quote values in warnings, so callers work within `quiet_pydicom`.
"""

from __future__ import annotations

import math
import struct
import zlib

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

# What pydicom was seen to raise on files damaged at random. Its messages quote values: never pass them on.
PARSE_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def text(header: Dataset, keyword: str) -> str:
    """The value as text, several joined by a backslash; empty where it is missing or cannot be decoded."""
    try:
        value = header.get(keyword)
        if value is None:
            return ""
        parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
        return "\\".join(str(part).strip(" \0") for part in parts)
    except PARSE_ERRORS:
        return ""


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The value as `count` finite numbers; None where it is anything else."""
    try:
        value = header.get(keyword)
        parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
        found = tuple(float(part) for part in parts)
    except PARSE_ERRORS:
        return None
    return found if len(found) == count and all(math.isfinite(v) for v in found) else None


def number(header: Dataset, keyword: str) -> float | None:
    """The value as one finite number, or None."""
    found = numbers(header, keyword, 1)
    return None if found is None else found[0]


def integer(header: Dataset, keyword: str) -> int | None:
    """The value as one whole number, or None."""
    found = number(header, keyword)
    return int(found) if found is not None and found == int(found) else None
