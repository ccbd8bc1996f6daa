"""Server-sent events to messages. Only `status` events carry something; comments show that all is well."""

from __future__ import annotations

from collections.abc import Iterator

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.messages import JobStatus
from AmlartContourLib.contract.strict_json import from_json

EVENT_BYTES = 1 << 16


def statuses(pieces: Iterator[bytes]) -> Iterator[JobStatus]:
    """The statuses in a stream that comes in any pieces. DamagedFile where it is no such stream."""
    waiting = b""
    for piece in pieces:
        waiting += piece
        *events, waiting = waiting.split(b"\n\n")
        for event in events:
            data = [line[len(b"data: ") :] for line in event.split(b"\n") if line.startswith(b"data: ")]
            if data:
                yield from_json(JobStatus, b"\n".join(data))
        if len(waiting) > EVENT_BYTES:
            raise DamagedFile("The backend's events cannot be read.")
