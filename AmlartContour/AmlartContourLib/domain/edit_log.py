"""The edit log: what was done to which structure, where, how much, and in how much active time.

It holds no voxels, no file names and no patient data. Slices are axial, counted as in `domain.axial`. Active
time is the sum of the gaps between actions since the entry before, each counted up to `IDLE_S`, so a break
does not count as work.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

IDLE_S = 15.0  # engineering default: a longer pause between two actions counts as this much


@dataclass(frozen=True)
class Edit:
    """One entry. `at` is UTC in ISO form; `first_k` and `last_k` are None where no voxel changed."""

    at: str
    tool: str
    structure_id: str
    first_k: int | None
    last_k: int | None
    added_voxels: int
    removed_voxels: int
    active_s: float


@dataclass(frozen=True)
class EditLog:
    """All entries in the order they were made."""

    entries: tuple[Edit, ...] = ()

    def added(self, entry: Edit) -> EditLog:
        """A log with one entry more."""
        return EditLog((*self.entries, entry))

    def active_s(self) -> Mapping[str, float]:
        """Active seconds by structure."""
        seconds: dict[str, float] = {}
        for entry in self.entries:
            seconds[entry.structure_id] = seconds.get(entry.structure_id, 0.0) + entry.active_s
        return seconds

    def to_json(self) -> list[dict[str, object]]:
        """Plain values, an object for each entry."""
        return [asdict(entry) for entry in self.entries]

    def to_csv(self) -> str:
        """A table with a heading, comma-separated, lines ended by CR LF (RFC 4180)."""
        text = io.StringIO()
        table = csv.DictWriter(text, [f.name for f in fields(Edit)])
        table.writeheader()
        table.writerows(self.to_json())
        return text.getvalue()


class ActiveTime:
    """Adds up active seconds from the times of actions."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._active_s = 0.0

    def acted(self, now_s: float) -> None:
        """An action at this moment of a steady clock."""
        if self._last_s is not None:
            self._active_s += min(max(now_s - self._last_s, 0.0), IDLE_S)
        self._last_s = now_s

    def taken(self, now_s: float) -> float:
        """The active seconds since this was last asked, this moment being an action."""
        self.acted(now_s)
        active, self._active_s = self._active_s, 0.0
        return round(active, 1)
