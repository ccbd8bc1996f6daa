"""One surface's area by its distance from another surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.nearest import Met
from AmlartContourLib.measures.shells import Shells
from AmlartContourLib.measures.surfels import Ranks, States

TIE = 1e-12  # relative: a percentile is the distance at which the summed area reaches it, rounding aside
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Profile:
    """One surface's area by its distance from the other surface.

    `distances_mm` ascends; where the other contour is empty it is one infinite distance. `area_mm2` is the
    area at each distance, `inside_mm2` the part of it that lies within the other contour (elements at 0 mm
    lie on its surface and count as outside, which no figure beyond a tolerance depends on).
    """

    distances_mm: NDArray[np.float64]
    area_mm2: NDArray[np.float64]
    inside_mm2: NDArray[np.float64]

    @property
    def total_mm2(self) -> float:
        """Area of the whole surface."""
        return float(self.area_mm2.sum())

    def within_mm2(self, tolerance_mm: float) -> float:
        """Area at most that far from the other surface."""
        return float(self.area_mm2[self.distances_mm <= tolerance_mm].sum())

    def beyond_mm2(self, tolerance_mm: float) -> tuple[float, float]:
        """Area farther than that from the other surface: outside the other contour, inside it."""
        beyond = self.distances_mm > tolerance_mm
        inside = float(self.inside_mm2[beyond].sum())
        return float(self.area_mm2[beyond].sum()) - inside, inside

    def percentile_mm(self, percent: float) -> float:
        """The smallest distance within which at least that share of the area lies."""
        summed = np.cumsum(self.area_mm2)
        reached = int(np.searchsorted(summed, summed[-1] * (percent / 100) * (1 - TIE)))
        return float(self.distances_mm[reached])

    @property
    def mean_mm(self) -> float:
        """Average distance, weighted by area."""
        return float((self.distances_mm * self.area_mm2).sum()) / self.total_mm2

    @property
    def largest_mm(self) -> float:
        """The largest distance."""
        return float(self.distances_mm[-1])


def endless(total_mm2: float) -> Profile:
    """Of a surface whose other contour is empty, so that no distance exists."""
    return Profile(np.asarray([np.inf]), np.asarray([total_mm2]), np.zeros(1))


def near_counts(ranks: Ranks, held: BoolArray, codes: States, near: Shells) -> Counts:
    """(shells, 2, 256) how many elements of each shell, outside and inside the other contour, have each code.

    Elements in no shell (rank -1) are left out. Whole numbers, so that what is taken out and put in again
    leaves no trace.
    """
    rows = len(near.lengths_mm) + 1
    counts = np.bincount((ranks + 1) * 512 + held * 256 + codes, minlength=512 * rows)
    return counts.reshape(rows, 2, 256)[1:]


def profile(
    near_mm2: NDArray[np.float64], met: Met, held: BoolArray, areas_mm2: NDArray[np.float64], near: Shells
) -> Profile:
    """From the area (shells, 2) outside and inside in each shell, and the elements in order."""
    distances, outside, inside = near.lengths_mm, near_mm2[:, 0], near_mm2[:, 1]
    beyond = met.ranks < 0
    if beyond.any():
        far, at = np.unique(met.lengths_mm[beyond], return_inverse=True)
        distances = np.concatenate([distances, far])
        for_each = areas_mm2[beyond], held[beyond]
        outside = np.concatenate([outside, np.bincount(at, for_each[0] * ~for_each[1], len(far))])
        inside = np.concatenate([inside, np.bincount(at, for_each[0] * for_each[1], len(far))])
    area = outside + inside
    kept = area > 0
    return Profile(distances[kept], area[kept], inside[kept])
