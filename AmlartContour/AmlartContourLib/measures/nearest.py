"""How far each surface element of one contour is from the nearest of another: exact, in mm.

Most elements have the other surface within a few voxels (`shells`); those that do not are searched for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.measures.shells import Shells, Spacing, shells
from AmlartContourLib.measures.surfels import Ranks, Surface


@dataclass(frozen=True)
class Nearest:
    """Per element `rank`: its distance is `distances_mm[rank]`; the distances ascend, each once."""

    distances_mm: NDArray[np.float64]
    rank: Ranks


def nearest(source: Surface, target: Surface, spacing_kji_mm: Spacing) -> Nearest:
    """The distance of every element of `source` from the nearest of `target`, which must have one.

    Both need one layout, with room for the longest of `shells(spacing_kji_mm)`.
    """
    near = shells(spacing_kji_mm)
    ranks = target.points.meet(source.places, near)
    left = np.flatnonzero(ranks < 0)
    if not len(left):
        return Nearest(near.lengths_mm, ranks)
    return merged(near, ranks, target.points.search(source.places[left], target.places, near))


def merged(near: Shells, ranks: Ranks, far_mm: NDArray[np.float64]) -> Nearest:
    """From the shell of each element, -1 for none, and the distances, in order, of those in none."""
    distances = np.union1d(near.lengths_mm, far_mm)
    among_all = np.searchsorted(distances, near.lengths_mm)[ranks]
    among_all[ranks < 0] = np.searchsorted(distances, far_mm)
    return Nearest(distances, among_all)
