"""What was uploaded, by content hash: its kind, grid and size, and until when it is kept.

An upload is needed while a job that may run has it. It is held for a while after its client asked for it, so
that a purge does not take it away between upload and submission.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from AmlartContourLib.contract.frame_header import FrameHeader, Grid, Kind
from AmlartContourLib.contract.messages import JobState
from AmlartContourLib.contract.strict_json import from_json, to_json
from inference_backend.server.database import Database

HELD_S = 300.0
NEEDING = tuple(s.value for s in JobState if s not in (JobState.DONE, JobState.EXPIRED))
UNNEEDED = (
    "held_until <= ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE (scan = sha256 OR context = sha256)"
    f" AND state IN ({','.join('?' * len(NEEDING))}))"
)


@dataclass(frozen=True)
class Upload:
    """One upload as it is kept. `structures`: the contours it holds, none for a CT."""

    sha256: str
    kind: Kind
    grid: Grid
    structures: tuple[str, ...]
    voxels: int
    raw_bytes: int
    last_used_at: float


class UploadStore:
    """The index of the uploads; the files are `files.FileStore`'s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, sha256: str, header: FrameHeader) -> None:
        """Notes an upload whose file is in place."""
        i, j, k = header.grid.size_ijk
        structures = json.dumps(sorted({a.structure for a in header.arrays if a.structure}))
        now = time.time()
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    sha256,
                    header.kind.value,
                    to_json(header.grid),
                    structures,
                    i * j * k,
                    header.raw_bytes,
                    now,
                    now + HELD_S,
                ),
            )

    def get(self, sha256: str, kind: Kind, *, hold: bool = False) -> Upload | None:
        """One upload, or None. `hold` keeps it until its client has had time to submit its job."""
        now = time.time()
        with self._database.transaction() as db:
            if hold:
                db.execute(
                    "UPDATE uploads SET last_used_at = ?, held_until = ? WHERE sha256 = ? AND kind = ?",
                    (now, now + HELD_S, sha256, kind.value),
                )
            row = db.execute(
                "SELECT * FROM uploads WHERE sha256 = ? AND kind = ?", (sha256, kind.value)
            ).fetchone()
        if row is None:
            return None
        return Upload(
            sha256=row["sha256"],
            kind=Kind(row["kind"]),
            grid=from_json(Grid, row["grid"]),
            structures=tuple(json.loads(row["structures"])),
            voxels=row["voxels"],
            raw_bytes=row["raw_bytes"],
            last_used_at=row["last_used_at"],
        )

    def all_hashes(self) -> set[str]:
        """Every upload in the index."""
        with self._database.transaction() as db:
            return {row["sha256"] for row in db.execute("SELECT sha256 FROM uploads")}

    def drop(self, hashes: set[str]) -> None:
        """Takes uploads whose files are gone out of the index."""
        with self._database.transaction() as db:
            db.executemany("DELETE FROM uploads WHERE sha256 = ?", [(sha256,) for sha256 in hashes])

    def drop_unneeded(self, unused_since: float) -> list[str]:
        """Takes uploads that no job needs and that were last used before a time out of the index; their
        hashes, the longest unused first."""
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT sha256 FROM uploads WHERE last_used_at <= ? AND {UNNEEDED} ORDER BY last_used_at",
                (unused_since, time.time(), *NEEDING),
            ).fetchall()
            hashes = [row["sha256"] for row in rows]
            db.executemany("DELETE FROM uploads WHERE sha256 = ?", [(sha256,) for sha256 in hashes])
        return hashes
