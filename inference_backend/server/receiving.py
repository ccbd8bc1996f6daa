"""Taking in an upload: decoded as it comes, held to the limits, checked against its hash, then put in place.

Nothing but a part file is touched before the last byte was checked, and the part file goes whatever happens.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool

from AmlartContourLib.contract.errors import AmlartError, BackendRefused, DamagedFile, TooLarge
from AmlartContourLib.contract.frame_header import FrameHeader, Kind
from AmlartContourLib.contract.frames import FrameDecoder, Sink
from AmlartContourLib.contract.problems import Code, refusal
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.wire import geometry_of
from inference_backend.server.database import disk_full
from inference_backend.server.frame_files import uncompressed
from inference_backend.server.workshop import Workshop

BATCH_BYTES = 1 << 20
DRAINED_BYTES = 1 << 26


class Receiver:
    """One upload on its way in."""

    def __init__(self, shop: Workshop, kind: Kind, sha256: str) -> None:
        self._shop = shop
        self._kind = kind
        self._sha256 = sha256
        self._decoder = FrameDecoder(self._begin, shop.settings.limits.frame)
        self._path: Path | None = None
        self._file: IO[bytes] | None = None

    async def receive(self, pieces: AsyncIterator[bytes]) -> FrameHeader:
        """Takes all pieces and puts the upload in place. BackendRefused with the reason where it cannot."""
        try:
            batch = bytearray()
            async for piece in pieces:
                batch += piece
                if len(batch) >= BATCH_BYTES:
                    await run_in_threadpool(self._decoder.feed, bytes(batch))
                    batch.clear()
            return await run_in_threadpool(self._finish, bytes(batch))
        except TooLarge as error:
            raise refusal(Code.TOO_LARGE, error.what, advice=error.advice) from error
        except AmlartError as error:
            raise _refused(error) from error
        except OSError as error:
            raise disk_full() from error
        finally:
            self._clean_up()

    def _begin(self, header: FrameHeader) -> Sink:
        if header.kind is not self._kind:
            raise DamagedFile(f"The frame holds {header.kind.value}, not {self._kind.value}.")
        geometry_of(header.grid)
        book = catalogue()
        for array in header.arrays:
            if array.structure:
                _ = book[array.structure]
        stored = uncompressed(header)
        self._shop.require_room(len(stored.to_bytes()) + stored.stored_bytes)
        self._path, file = self._shop.files.new_part()
        self._file = file
        file.write(stored.to_bytes())
        return lambda _number, raw: _write(file, raw)

    def _finish(self, last: bytes) -> FrameHeader:
        self._decoder.feed(last)
        if self._decoder.finish() != self._sha256:
            raise refusal(
                Code.REFUSED_INPUT,
                "What arrived does not have the content hash it was announced with.",
                kept="Nothing of it was kept.",
                advice="Send it again.",
            )
        if self._decoder.header is None or self._file is None or self._path is None:
            raise DamagedFile("The frame was cut short.", advice="Send it again.")
        self._file.close()
        os.replace(self._path, self._shop.files.upload(self._sha256))
        self._shop.uploads.add(self._sha256, self._decoder.header)
        return self._decoder.header

    def _clean_up(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk can refuse the last buffered bytes; the file goes anyway
                self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


async def drain(pieces: AsyncIterator[bytes]) -> None:
    """Reads on after a refusal, up to a limit, so that the answer reaches a client that is still sending."""
    taken = 0
    async for piece in pieces:
        taken += len(piece)
        if taken > DRAINED_BYTES:
            return


def _write(file: IO[bytes], raw: bytes) -> None:
    file.write(raw)


def _refused(error: AmlartError) -> AmlartError:
    if isinstance(error, BackendRefused):
        return error
    return refusal(Code.REFUSED_INPUT, error.what, kept="Nothing of it was kept.", advice=error.advice)
