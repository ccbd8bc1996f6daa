"""A NIfTI file without texts: description, names and extensions of its header go, every voxel stays.

The compressed file's own header, which may hold the original file name and a time, is written anew. Layouts:
NIfTI-1 (348 bytes) and NIfTI-2 (540), both byte orders.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.exchange.nifti_check import require_whole_nifti

UNPACKED_BYTES = 8 << 30
EXTENDER = 4  # bytes after the header that announce extensions


@dataclass(frozen=True)
class _Kind:
    size: int
    texts: tuple[tuple[str, int, int], ...]  # name, offset, length
    offset_at: int
    offset_form: str


KINDS = {
    348: _Kind(
        348,
        (
            ("data_type", 4, 10),
            ("db_name", 14, 18),
            ("descrip", 148, 80),
            ("aux_file", 228, 24),
            ("intent_name", 328, 16),
        ),
        108,
        "f",
    ),
    540: _Kind(540, (("descrip", 240, 80), ("aux_file", 320, 24), ("intent_name", 508, 16)), 168, "q"),
}


def without_texts(source: Path, target: Path) -> tuple[str, ...]:
    """Writes the file and returns the names of the header's fields that held something.

    DamagedFile where the source is not whole or no NIfTI, TooLarge over the limit.
    """
    require_whole_nifti(source)
    content = bytearray(_unpacked(source))
    order, kind = _kind(content, source)
    found = []
    for name, start, length in kind.texts:
        if any(content[start : start + length]):
            found.append(name)
            content[start : start + length] = bytes(length)
    first = int(struct.unpack_from(order + kind.offset_form, content, kind.offset_at)[0])
    plain = kind.size + EXTENDER
    if first > plain:
        if any(content[plain:first]):
            found.append("extensions")
        del content[plain:first]
        struct.pack_into(order + kind.offset_form, content, kind.offset_at, plain)
    content[kind.size : plain] = bytes(EXTENDER)
    _write(target, bytes(content))
    return tuple(found)


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        content = gzip.open(raw).read(UNPACKED_BYTES + 1) if packed else raw.read(UNPACKED_BYTES + 1)  # noqa: SIM115 (closed with raw)
    if len(content) > UNPACKED_BYTES:
        raise TooLarge(f"{path.name} unpacks to more than {UNPACKED_BYTES >> 30} GiB.")
    return content


def _kind(content: bytearray, path: Path) -> tuple[str, _Kind]:
    for order in "<>":
        kind = KINDS.get(int(struct.unpack_from(order + "i", content)[0]))
        if kind is not None:
            return order, kind
    raise DamagedFile(f"{path.name} has no NIfTI header.", kept="Nothing was written.")


def _write(target: Path, content: bytes) -> None:
    if target.name.lower().endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    target.write_bytes(content)
