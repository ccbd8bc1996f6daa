"""What a clinician points at so that a contour is put right there: points, a box, scribbles, lassos.

Everything counts voxels of the scan's own array, [k, j, i]; boxes are half open. The answer changes one
structure and nothing outside the region. Which kinds an engine takes, it says (`EngineInfo.prompts`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.strict_json import Message

STRUCTURE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MOST_POINTS = 64
MOST_STROKES = 16
MOST_STROKE_POINTS = 2048
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

    @property
    def is_flat(self) -> bool:
        """True where it is one voxel thick along some axis."""
        return any(stop - start == 1 for start, stop in zip(self.start_kji, self.stop_kji, strict=True))


class PromptKind(Enum):
    """What a prompt may be made of. A BOX is one voxel thick along some axis, a BOX_3D is not."""

    POINT = "point"
    BOX = "box"
    BOX_3D = "box 3d"
    SCRIBBLE = "scribble"
    LASSO = "lasso"


@dataclass(frozen=True)
class Stroke(Message):
    """A line that was drawn. `kind`: SCRIBBLE, the voxels along the line through its points; or LASSO, what
    the closed line round its points holds on the one plane they lie on. `belongs`: whether that is inside."""

    kind: PromptKind
    points_kji: tuple[Voxel, ...]
    belongs: bool = True

    def __post_init__(self) -> None:
        if self.kind not in (PromptKind.SCRIBBLE, PromptKind.LASSO):
            raise ValueError("a line is a scribble or a lasso")
        least = 1 if self.kind is PromptKind.SCRIBBLE else 3
        if not least <= len(self.points_kji) <= MOST_STROKE_POINTS:
            raise ValueError(f"a {self.kind.value} has {least} to {MOST_STROKE_POINTS} points")
        if self.kind is PromptKind.LASSO and self.plane is None:
            raise ValueError("a lasso lies on one plane")

    @property
    def plane(self) -> int | None:
        """The axis (0 to 2) along which all points have one place, the first such; None where there is
        none."""
        return next((axis for axis in range(3) if len({p[axis] for p in self.points_kji}) == 1), None)


@dataclass(frozen=True)
class Prompt(Message):
    """`structure`: catalogue id of the one contour that may change. `region`: where it may. `box`: round what
    is meant. `inside_kji`, `outside_kji`: points that belong, and that do not. `strokes`: lines."""

    structure: str
    region: VoxelBox
    box: VoxelBox | None = None
    inside_kji: tuple[Voxel, ...] = ()
    outside_kji: tuple[Voxel, ...] = ()
    strokes: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(STRUCTURE, self.structure):
            raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        if self.box is None and not self.inside_kji and not self.strokes:
            raise ValueError("a prompt has a box, a point that belongs, or a line")
        if len(self.points_kji) > MOST_POINTS or len(self.strokes) > MOST_STROKES:
            raise ValueError(f"a prompt has {MOST_POINTS} points and {MOST_STROKES} lines at most")
        inside = self.box is None or self.region.covers(self.box)
        drawn = (point for stroke in self.strokes for point in stroke.points_kji)
        if not inside or not all(map(self.region.holds, (*self.points_kji, *drawn))):
            raise ValueError("a prompt lies inside its region")

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """What it is made of."""
        found = {stroke.kind for stroke in self.strokes}
        if self.points_kji:
            found.add(PromptKind.POINT)
        if self.box is not None:
            found.add(PromptKind.BOX if self.box.is_flat else PromptKind.BOX_3D)
        return frozenset(found)

    @property
    def points_kji(self) -> tuple[Voxel, ...]:
        """Those that belong, then those that do not."""
        return (*self.inside_kji, *self.outside_kji)
