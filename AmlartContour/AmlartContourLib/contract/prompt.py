"""What a clinician points at so that a contour is put right there: a box or points on one slice.

Everything counts voxels of the scan's own array, [k, j, i]; boxes are half open. The answer changes one
structure and nothing outside the region.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from AmlartContourLib.contract.strict_json import Message

STRUCTURE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MOST_POINTS = 64
LONGEST_SIDE = 1 << 16
Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class VoxelBox(Message):
    """Voxels from `start_kji` up to, not including, `stop_kji`; at least one."""

    start_kji: Voxel
    stop_kji: Voxel

    def __post_init__(self) -> None:
        ends = tuple(zip(self.start_kji, self.stop_kji, strict=True))
        if not all(0 <= start < stop <= LONGEST_SIDE for start, stop in ends):
            raise ValueError("a box holds at least one voxel, none before the first")

    def holds(self, voxel: Voxel) -> bool:
        """True where a voxel lies in it."""
        return all(a <= v < b for a, v, b in zip(self.start_kji, voxel, self.stop_kji, strict=True))

    def covers(self, other: VoxelBox) -> bool:
        """True where all of another box lies in it."""
        k, j, i = other.stop_kji
        return self.holds(other.start_kji) and self.holds((k - 1, j - 1, i - 1))


@dataclass(frozen=True)
class Prompt(Message):
    """`structure`: catalogue id of the one contour that may change. `region`: where it may. `box`: round what
    is meant, one voxel thick. `inside_kji`, `outside_kji`: points that belong, and that do not."""

    structure: str
    region: VoxelBox
    box: VoxelBox | None = None
    inside_kji: tuple[Voxel, ...] = ()
    outside_kji: tuple[Voxel, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(STRUCTURE, self.structure):
            raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        if self.box is None and not self.inside_kji:
            raise ValueError("a prompt has a box or a point that belongs")
        if len(self.points_kji) > MOST_POINTS:
            raise ValueError(f"a prompt has {MOST_POINTS} points at most")
        inside = self.box is None or self.region.covers(self.box)
        if not inside or not all(map(self.region.holds, self.points_kji)):
            raise ValueError("a prompt lies inside its region")

    @property
    def points_kji(self) -> tuple[Voxel, ...]:
        """Those that belong, then those that do not."""
        return (*self.inside_kji, *self.outside_kji)
