"""Names of labels that lie in a NIfTI file's own header, as TotalSegmentator writes them.

An extension after the header holds XML with one `<Label Key="5">` element a label, its name in CDATA or as
text. Only those elements are looked for; no XML parser runs, so nothing in the file can make one work.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from html import unescape
from pathlib import Path

HEADER_BYTES = {348: 352, 540: 544}  # NIfTI-1 and NIfTI-2, with the four bytes that announce extensions
LIMIT_BYTES = 4 << 20
CDATA, PLAIN = r"<!\[CDATA\[(.{0,200}?)\]\]>", r"([^<]{0,200})"
LABEL = re.compile(rf'<Label\s[^>]*?\bKey="(\d{{1,9}})"[^>]*>\s*(?:{CDATA}|{PLAIN})\s*</Label>', re.DOTALL)


def label_table(path: Path) -> dict[int, str]:
    """The label numbers and names in a NIfTI file's header; empty where there are none, or it is no NIfTI."""
    try:
        text = _extensions(path).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error, struct.error):
        return {}
    found = {int(key): (cdata or unescape(plain)).strip() for key, cdata, plain in LABEL.findall(text)}
    return {key: name for key, name in found.items() if key and name}


def _extensions(path: Path) -> bytes:
    """What lies between the header and the voxels, at most `LIMIT_BYTES`."""
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as file:
        head = file.read(max(HEADER_BYTES.values()))
        for order in "<>":
            (size,) = struct.unpack_from(f"{order}i", head)
            if size in HEADER_BYTES:
                break
        else:
            return b""
        where = (f"{order}f", 108) if size == 348 else (f"{order}q", 168)
        begin, stop = HEADER_BYTES[size], int(struct.unpack_from(where[0], head, where[1])[0])
        if not head[begin - 4] or not begin < stop <= LIMIT_BYTES:
            return b""
        return (head + file.read(stop - len(head)))[begin:stop] if stop > len(head) else head[begin:stop]
