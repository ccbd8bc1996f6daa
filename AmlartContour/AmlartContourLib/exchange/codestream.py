"""The size an encoded image states itself: JPEG, JPEG-LS and JPEG 2000.

GDCM takes the size from the DICOM header and was seen to decode a JPEG-LS stream of another size without a
word, so the two are compared before decoding. (Streams that are cut off it does refuse: measured for JPEG
lossless, JPEG-LS and JPEG 2000.) Formats: ITU-T T.81 (markers), T.87 (SOF55), T.800 (size marker).
"""

from __future__ import annotations

import struct

_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream, then the size marker
_JPEG_START = b"\xff\xd8"
_FRAME_MARKERS = {0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF55 of JPEG-LS and SOF0 to SOF15
_BARE_MARKERS = {0x01, *range(0xD0, 0xDA)}  # markers without a length


def encoded_size(stream: bytes) -> tuple[int, int] | None:
    """(columns, rows) by the encoded image's own header; None where it has none that can be read."""
    try:
        if stream.startswith(_J2K_START):
            x, y, x_offset, y_offset = struct.unpack_from(">4I", stream, 8)
            return x - x_offset, y - y_offset
        if stream.startswith(_JPEG_START):
            return _jpeg_size(stream)
    except struct.error:
        return None
    return None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    place = 2
    while place < len(stream):
        mark, kind = struct.unpack_from(">2B", stream, place)
        if mark != 0xFF:
            return None
        if kind == 0xFF:  # fill byte
            place += 1
        elif kind in _BARE_MARKERS:
            place += 2
        elif kind in _FRAME_MARKERS:
            rows, columns = struct.unpack_from(">2H", stream, place + 5)
            return columns, rows
        else:
            place += 2 + int(struct.unpack_from(">H", stream, place + 2)[0])
    return None
