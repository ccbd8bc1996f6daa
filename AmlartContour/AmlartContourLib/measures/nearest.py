"""How far each surface element of one contour is from the nearest of another: exact, in mm.

Most elements have the other surface within a few voxels: steps are tried from the shortest to the longest
until all have met an element. Those that have not met one by then are looked up in a k-d tree.
A distance is the length of a whole number of voxel steps, worked out in double precision in the order
k, j, i; whether one equals a tolerance is decided on that number, as in the published implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from AmlartContourLib.domain.box import Index3
from AmlartContourLib.measures.surfels import ELEMENT, Places, Surface

Spacing = tuple[float, float, float]
STEPS_TRIED = 800  # after these about 0.1 % of a usual surface is left; the tree is slower for near elements


@dataclass(frozen=True)
class Shells:
    """Voxel steps by length: `steps_kji[n]` are all steps (m, 3) of length `lengths_mm[n]`, ascending."""

    lengths_mm: NDArray[np.float64]
    steps_kji: tuple[NDArray[np.intp], ...]

    @property
    def reach_kji(self) -> Index3:
        """The longest step along each axis."""
        k, j, i = (int(n) for n in np.concatenate(self.steps_kji).max(axis=0))
        return k, j, i


def lengths_mm(steps_kji: NDArray[np.intp], spacing_kji_mm: Spacing) -> NDArray[np.float64]:
    """(n,) lengths of steps (n, 3)."""
    k, j, i = ((steps_kji[:, axis] * spacing_kji_mm[axis]) ** 2 for axis in range(3))
    lengths: NDArray[np.float64] = np.sqrt(k + j + i)
    return lengths


@lru_cache(maxsize=8)
def shells(spacing_kji_mm: Spacing) -> Shells:
    """All steps up to the length within which about `STEPS_TRIED` lie."""
    volume = float(np.prod(spacing_kji_mm))
    longest = (STEPS_TRIED * volume * 3 / (4 * np.pi)) ** (1 / 3)
    reach = [int(longest // spacing) for spacing in spacing_kji_mm]
    steps = np.indices([2 * n + 1 for n in reach]).reshape(3, -1).T - np.asarray(reach)
    all_lengths = lengths_mm(steps, spacing_kji_mm)
    steps = steps[all_lengths <= longest]
    lengths, shell = np.unique(all_lengths[all_lengths <= longest], return_inverse=True)
    return Shells(lengths, tuple(steps[shell == n] for n in range(len(lengths))))


@dataclass(frozen=True)
class Nearest:
    """Per element `rank`: its distance is `distances_mm[rank]`; the distances ascend, each once."""

    distances_mm: NDArray[np.float64]
    rank: NDArray[np.intp]


def nearest(source: Surface, target: Surface, spacing_kji_mm: Spacing) -> Nearest:
    """The distance of every element of `source` from the nearest of `target`, which must have one.

    Both need a layout with room for the longest of `shells(spacing_kji_mm)`.
    """
    near = shells(spacing_kji_mm)
    rank = np.full(len(source.places), -1, dtype=np.intp)
    left = _meet(source, target, near, rank)
    if not len(left):
        return Nearest(near.lengths_mm, rank)
    far = _by_tree(source.places[left], target, spacing_kji_mm)
    distances = np.union1d(near.lengths_mm, far)
    rank = np.searchsorted(distances, near.lengths_mm)[rank]
    rank[left] = np.searchsorted(distances, far)
    return Nearest(distances, rank)


def _meet(source: Surface, target: Surface, near: Shells, rank: NDArray[np.intp]) -> Places:
    """Sets the rank of all elements that meet the target within the shells; the indices of the others."""
    left, lead = np.arange(len(rank)), source.layout.lead
    places = source.places - lead
    for n, steps in enumerate(near.steps_kji):
        first, *others = source.layout.steps(steps).tolist()
        states = target.state_at[lead + first :].take(places)
        for step in others:
            states |= target.state_at[lead + step :].take(places)
        met = (states & ELEMENT).view(np.bool_)
        rank[left[met]] = n
        apart = np.flatnonzero(~met)
        left, places = left.take(apart), places.take(apart)
        if not len(left):
            break
    return left


def _by_tree(places: Places, target: Surface, spacing_kji_mm: Spacing) -> NDArray[np.float64]:
    points, others = target.layout.kji(places), target.layout.kji(target.places)
    _, index = cKDTree(others * np.asarray(spacing_kji_mm)).query(points * np.asarray(spacing_kji_mm))
    return lengths_mm(points - others[index], spacing_kji_mm)
