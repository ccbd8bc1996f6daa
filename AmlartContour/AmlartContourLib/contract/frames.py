"""Frames: arrays to bytes and back, piece by piece, never holding or decoding more than was announced.

`FrameDecoder` takes bytes as they come and hands raw bytes on as they are decoded; a compressed array that
would give one byte more than its shape allows is refused at that byte. The layout is in `frame_header`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.frame_header import (
    PREFIX_BYTES,
    ArrayHeader,
    Codec,
    FrameHeader,
    FrameLimits,
    Role,
    header_length,
    parse_header,
)

PIECE_BYTES = 1 << 20
ZLIB_LEVEL = 1  # a real CT shrinks to 65 % at level 1 and to 63 % at level 9, which takes four times as long
DEFAULT_LIMITS = FrameLimits()

Sink = Callable[[int, bytes], None]
"""Takes the number of the array and its next raw bytes."""


@dataclass(frozen=True)
class Frame:
    """A frame ready to send: header, stored arrays, content hash. Iterating gives its bytes in pieces."""

    header: FrameHeader
    stored: tuple[memoryview, ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.header.to_bytes()) + self.header.stored_bytes

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self.header.to_bytes()
        for view in self.stored:
            for start in range(0, len(view), PIECE_BYTES):
                yield view[start : start + PIECE_BYTES]

    def to_bytes(self) -> bytes:
        """The whole frame."""
        return b"".join(self)


def frame_of(header: FrameHeader, arrays: list[NDArray[np.generic]], codec: Codec) -> Frame:
    """A frame of arrays in the order of `header.arrays`, whose storage fields are set here.

    Masks come packed (see `bits`). The content hash is over the raw bytes, whatever the codec.
    """
    digest = hashlib.sha256(header.hashed_text())
    stored, headers = [], []
    for about, array in zip(header.arrays, arrays, strict=True):
        raw = _raw_bytes(array)
        digest.update(raw)
        data = raw if codec is Codec.NONE else memoryview(zlib.compress(raw, ZLIB_LEVEL))
        headers.append(replace(about, codec=codec, stored_bytes=len(data)))
        stored.append(data)
    return Frame(replace(header, arrays=tuple(headers)), tuple(stored), digest.hexdigest())


class FrameDecoder:
    """Bytes in, raw arrays out. `feed` and `finish` raise DamagedFile or TooLarge, and then it is spent."""

    def __init__(
        self, on_header: Callable[[FrameHeader], Sink], limits: FrameLimits = DEFAULT_LIMITS
    ) -> None:
        self.header: FrameHeader | None = None
        self._on_header = on_header
        self._limits = limits
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._arrays: _ArrayDecoder | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """The next bytes, any number."""
        if self._arrays is None:
            self._waiting += data
            data = self._take_header()
        if self._arrays is not None and data:
            self._arrays.feed(memoryview(data))

    def finish(self) -> str:
        """No more bytes will come. Gives the content hash; DamagedFile where the frame is not complete."""
        if self._arrays is None or not self._arrays.complete:
            raise DamagedFile("The frame was cut short.", advice="Send it again.")
        return self._digest.hexdigest()

    def _take_header(self) -> bytes:
        if len(self._waiting) < PREFIX_BYTES:
            return b""
        length = header_length(bytes(self._waiting[:PREFIX_BYTES]))
        self._limits.check_header_bytes(length)
        if len(self._waiting) < PREFIX_BYTES + length:
            return b""
        header = parse_header(bytes(self._waiting[PREFIX_BYTES : PREFIX_BYTES + length]), self._limits)
        rest = bytes(self._waiting[PREFIX_BYTES + length :])
        self._waiting.clear()
        self._digest.update(header.hashed_text())
        sink = self._on_header(header)
        self.header = header
        self._arrays = _ArrayDecoder(header.arrays, sink, self._digest.update)
        return rest


class _ArrayDecoder:
    """The arrays of one frame, one after another."""

    def __init__(self, arrays: tuple[ArrayHeader, ...], sink: Sink, digest: Callable[[bytes], None]) -> None:
        self._headers = arrays
        self._sink = sink
        self._digest = digest
        self._number = -1
        self._next_array()

    @property
    def complete(self) -> bool:
        return self._number == len(self._headers)

    def feed(self, data: memoryview) -> None:
        while len(data):
            if self.complete:
                raise DamagedFile("The frame holds more than its header says.")
            piece = data[: min(self._stored_left, PIECE_BYTES)]
            data = data[len(piece) :]
            self._stored_left -= len(piece)
            self._decode(piece)
            if self._stored_left == 0:
                self._end_array()

    def _next_array(self) -> None:
        """Goes to the next array that has bytes to come."""
        self._number += 1
        if not self.complete:
            header = self._headers[self._number]
            self._stored_left = header.stored_bytes
            self._raw_left = header.raw_bytes
            self._inflate = zlib.decompressobj() if header.codec is Codec.ZLIB else None
            if self._stored_left == 0:
                self._end_array()

    def _decode(self, piece: memoryview) -> None:
        if self._inflate is None:
            self._give(bytes(piece))
            return
        waiting: bytes | memoryview = piece
        while len(waiting):
            try:
                self._give(self._inflate.decompress(waiting, min(self._raw_left + 1, PIECE_BYTES)))
            except zlib.error as error:
                raise DamagedFile("A compressed array cannot be decoded.") from error
            waiting = self._inflate.unconsumed_tail

    def _give(self, raw: bytes) -> None:
        if len(raw) > self._raw_left:
            raise DamagedFile("An array holds more than its header says.")
        if raw:
            self._raw_left -= len(raw)
            self._digest(raw)
            self._sink(self._number, raw)

    def _end_array(self) -> None:
        ended = self._inflate is None or (self._inflate.eof and not self._inflate.unused_data)
        if self._raw_left or not ended:
            raise DamagedFile("An array holds less than its header says.")
        self._next_array()


def decode(
    data: bytes | Iterator[bytes], limits: FrameLimits = DEFAULT_LIMITS
) -> tuple[FrameHeader, list[NDArray[np.generic]], str]:
    """A whole frame from bytes or pieces: header, arrays (masks still packed) and content hash."""
    buffers: list[bytearray] = []

    def begin(header: FrameHeader) -> Sink:
        buffers.extend(bytearray() for _ in header.arrays)
        return lambda number, raw: buffers[number].extend(raw)

    decoder = FrameDecoder(begin, limits)
    for piece in (data,) if isinstance(data, bytes) else data:
        decoder.feed(piece)
    sha256 = decoder.finish()
    if decoder.header is None:
        raise DamagedFile("The frame holds no header.")
    arrays = [_array(h, b) for h, b in zip(decoder.header.arrays, buffers, strict=True)]
    return decoder.header, arrays, sha256


def _array(header: ArrayHeader, raw: bytearray) -> NDArray[np.generic]:
    if header.role is Role.MASK:
        return np.frombuffer(raw, dtype=np.uint8)
    dtype = "<i2" if header.role is Role.HU else np.uint8
    return np.frombuffer(raw, dtype=dtype).reshape(header.shape_kji)


def _raw_bytes(array: NDArray[np.generic]) -> memoryview:
    """The array's bytes, little-endian, without a copy where it is so already."""
    ordered = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return memoryview(ordered.reshape(-1).view(np.uint8).data)
