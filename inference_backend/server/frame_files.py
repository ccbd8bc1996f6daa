"""Frames as files: uploads are stored decoded, so that a worker reads them at the disk's speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.frame_header import Codec, FrameHeader, FrameLimits
from AmlartContourLib.contract.frames import PIECE_BYTES, decode


def uncompressed(header: FrameHeader) -> FrameHeader:
    """The header of the same frame with its arrays stored as they are."""
    arrays = tuple(replace(a, codec=Codec.NONE, stored_bytes=a.raw_bytes) for a in header.arrays)
    return replace(header, arrays=arrays)


def read_frame_file(
    path: Path, sha256: str, limits: FrameLimits
) -> tuple[FrameHeader, list[NDArray[np.generic]]]:
    """A stored frame. DamagedFile where the file no longer has the content it was stored with."""
    try:
        header, arrays, found = decode(_pieces(path), limits)
    except FileNotFoundError as error:
        raise DamagedFile("The upload is no longer there.", advice="Send it again.") from error
    if found != sha256:
        raise DamagedFile(
            "The stored upload has changed.", advice="Remove it with a purge and send it again."
        )
    return header, arrays


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
