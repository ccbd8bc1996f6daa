"""Undo and redo: what the voxels were before and after each step. Masks are immutable, so a step costs only
the masks it changed."""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet

MOST_STEPS = 40  # a stroke on a large nodal level keeps about 4 MB


@dataclass(frozen=True)
class Drawn:
    """All that steps change: the parts, the nodal voxels in no level, and the borders."""

    structures: StructureSet
    rest: Mask
    borders: tuple[LevelBorder, ...] = ()


@dataclass(frozen=True)
class Step:
    """One thing that was done, in words for a menu, and what it changed."""

    label: str
    structure_id: str
    before: Drawn
    after: Drawn


class History:
    """Steps that can be taken back, and those that were."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def did(self, step: Step) -> None:
        """A new step: what had been undone before it is gone."""
        self._done = [*self._done, step][-MOST_STEPS:]
        self._undone.clear()

    @property
    def next_undo(self) -> Step | None:
        """The step that `undo` would take back."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> Step | None:
        """The step that `redo` would do again."""
        return self._undone[-1] if self._undone else None

    def undo(self) -> Step | None:
        """Takes the last step back and gives it."""
        if self._done:
            self._undone.append(self._done.pop())
            return self._undone[-1]
        return None

    def redo(self) -> Step | None:
        """Does the last undone step again and gives it."""
        if self._undone:
            self._done.append(self._undone.pop())
            return self._done[-1]
        return None
