"""Who accepted which licence, and when: a small file beside the weights, bound to the pack it was given for.

A model that somebody added runs only after its licence was accepted; a pack that was changed asks again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.models.store import described_by

ACCEPTED_FILE = "licence-accepted.json"
ACCEPTED_BYTES = 1 << 14


@dataclass(frozen=True)
class Acceptance(Message):
    """`pack_sha256`: of the file that describes the model it was given for. `at`: in UTC, as ISO 8601."""

    licence: str
    by: str
    at: str
    pack_sha256: str


def accept(folder: Path, licence: str, by: str) -> Acceptance:
    """Records that a person accepted a pack's licence. BadSetting without a name."""
    if not by.strip():
        raise BadSetting("Nobody is named who accepts the licence.", advice="Give a name after --by.")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    given = Acceptance(licence, by.strip(), at, pack_sha256(folder))
    write_file(folder / ACCEPTED_FILE, to_json(given).encode(), replace=True)
    return given


def accepted(folder: Path) -> Acceptance | None:
    """The acceptance of the pack as it is now, or None."""
    try:
        with (folder / ACCEPTED_FILE).open("rb") as file:
            found = from_json(Acceptance, file.read(ACCEPTED_BYTES))
        return found if found.pack_sha256 == pack_sha256(folder) else None
    except (OSError, AmlartError):
        return None


def pack_sha256(folder: Path) -> str:
    """SHA-256 of the file that describes an added model, which holds the hash of every weight."""
    return hashlib.sha256((folder / described_by(folder)).read_bytes()).hexdigest()
