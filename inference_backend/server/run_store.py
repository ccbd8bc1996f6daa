"""How long jobs took on this machine and what they needed, and what the next will take, judged from that.

Nothing is guessed: without a measured run of the same engine, version and kind of device it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from inference_backend.server.database import Database

KEPT_RUNS = 1000
JUDGED_RUNS = 20
NEAR_SIZE = 2.0  # runs within this factor of the scan's voxels are preferred: time is not quite proportional


@dataclass(frozen=True)
class Forecast:
    """Seconds (median, least, most, each scaled to the scan's size) and the highest memory of the runs."""

    seconds: float
    seconds_low: float
    seconds_high: float
    peak_bytes: int
    runs: int


class RunStore:
    """The measured runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, engine: str, version: str, device: str, voxels: int, seconds: float, peak_bytes: int
    ) -> None:
        """Notes one run that ended well."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO runs (engine, engine_version, device, voxels, seconds, peak_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (engine, version, device, voxels, seconds, peak_bytes),
            )
            db.execute("DELETE FROM runs WHERE seq <= (SELECT MAX(seq) FROM runs) - ?", (KEPT_RUNS,))

    def forecast(self, engine: str, version: str, device: str, voxels: int) -> Forecast | None:
        """What a run on that many voxels will take, or None where none was measured."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT voxels, seconds, peak_bytes FROM runs WHERE engine = ? AND engine_version = ?"
                " AND device = ? ORDER BY seq DESC LIMIT ?",
                (engine, version, device, JUDGED_RUNS),
            ).fetchall()
        near = [r for r in rows if voxels / NEAR_SIZE <= r["voxels"] <= voxels * NEAR_SIZE] or rows
        if not near:
            return None
        seconds = [row["seconds"] * voxels / row["voxels"] for row in near]
        peak = max(int(row["peak_bytes"]) for row in near)
        return Forecast(median(seconds), min(seconds), max(seconds), peak, len(near))
