"""How far each surface element of one contour is from the nearest of another: exact, in mm.

Most elements have the other surface within a few voxels (`shells`); those that do not are searched for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surfels import Places, Ranks, Surface


@dataclass(frozen=True)
class Met:
    """Per element of one surface, in order: where it met the other.

    `ranks` is its shell, -1 where it met none; `lengths_mm` its distance in any case, endless where there is
    no other.
    """

    ranks: Ranks
    lengths_mm: NDArray[np.float64]

    @classmethod
    def none(cls, count: int) -> Met:
        """Of so many elements, where the other contour is empty."""
        return cls(np.full(count, -1, dtype=np.int64), np.full(count, np.inf))


def meet(places: Places, target: Surface, near: Shells) -> Met:
    """The distances of elements at these places from the nearest of `target`, which must have one.

    The target's layout has room for the longest of the shells.
    """
    ranks = target.points.meet(places, near)
    lengths = near.lengths_mm[ranks]
    beyond = np.flatnonzero(ranks < 0)
    if len(beyond):
        lengths[beyond] = found = target.points.search(places[beyond], target.places, near)
        shell = np.searchsorted(
            near.lengths_mm, found
        )  # a map may leave a shell's longest steps to the search
        ranks[beyond] = np.where(found <= near.lengths_mm[-1], shell, -1)
    return Met(ranks, lengths)
