"""Added path length: how much of the reference's contour must be newly drawn, in mm, slice by slice.

In each axial slice the path of a contour is its boundary voxels: those inside with one of their four
neighbours in the slice outside (what lies beyond the image is outside). Added path is the reference's
boundary voxels that are not on the test's boundary, or not within the tolerance of it; false-negative path is
those of them that lie outside the test, so where the test missed something; the rest is where it enclosed too
much. A voxel counts as the mean of the slice's two spacings.

Sources: Vaassen et al. 2020, doi 10.1016/j.phro.2019.12.001 (added path; tolerance 0 between a contour and
its correction); Kiser et al. 2021, PubMed 34027588 (false-negative path, there on the edge of the volume,
here slice by slice like the added path).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.shells import Spacing, lengths_mm

AT_ONCE = 1 << 18  # voxels: more would take memory and leave the processor's cache


class Tolerance(Enum):
    """How a tolerance in mm is applied in a slice."""

    EXACT = "distance between voxel centres at most the tolerance"
    WHOLE_PIXELS = "rounded up to whole pixels of the mean spacing, plus half a pixel (as platipy does)"


@dataclass(frozen=True)
class PathLength:
    """Lengths in mm of the contours in each slice of the pair's block, and the tolerance that was applied.

    `held` says which slices hold a voxel of either contour.
    `applied_tolerance_mm` is the largest distance between two voxels of a slice that was let pass: at most
    the tolerance asked for where it is exact, at least that where it is rounded up.
    """

    reference_mm: NDArray[np.float64]
    added_mm: NDArray[np.float64]
    false_negative_mm: NDArray[np.float64]
    held: BoolArray
    tolerance_mm: float
    applied_tolerance_mm: float


def path_length(both: Pair, tolerance_mm: float = 0.0, rule: Tolerance = Tolerance.EXACT) -> PathLength:
    """The path of the reference that is not in the test, per slice of the block."""
    steps = _steps(tolerance_mm, both.spacing_kji_mm, rule)
    slices, *area = both.reference_kji.shape
    each = max(AT_ONCE // max(int(np.prod(area)), 1), 1)
    counts = [
        _counts(both.reference_kji[k : k + each], both.test_kji[k : k + each], steps)
        for k in range(0, slices, each)
    ] or [np.zeros((4, 0))]
    voxel_mm = float(np.mean(both.spacing_kji_mm[1:]))
    joined = np.concatenate(counts, axis=1)
    reference, added, missed = joined[:3] * voxel_mm
    applied = float(lengths_mm(steps, both.spacing_kji_mm).max())
    held: BoolArray = np.logical_or.reduce(joined > 0)
    return PathLength(reference, added, missed, held, tolerance_mm, applied)


def _counts(reference_kji: BoolArray, test_kji: BoolArray, steps: NDArray[np.intp]) -> NDArray[np.float64]:
    """(4, slices) voxels of the paths: reference, its added part, its false-negative part, test."""
    inside, in_test = _padded(reference_kji), _padded(test_kji)
    path, other = _boundary(inside), _boundary(in_test)
    added = _apart(path, other, steps)
    return np.stack([_per_slice(marked) for marked in (path, added, np.greater(added, in_test), other)])


def _boundary(padded_kji: BoolArray) -> BoolArray:
    """The path in a block whose slices have one empty row before and one empty column behind the voxels."""
    inside = padded_kji.ravel()
    row = padded_kji.shape[2]
    inner = inside.copy()
    inner[1:] &= inside[:-1]
    inner[:-1] &= inside[1:]
    inner[row:] &= inside[:-row]
    inner[:-row] &= inside[row:]
    inner[-row:] = False  # below the last row of all lies nothing
    np.greater(inside, inner, out=inner)  # in the one and not in the other
    return inner.reshape(padded_kji.shape)


def _padded(block_kji: BoolArray) -> BoolArray:
    k, j, i = block_kji.shape
    padded = np.zeros((k, j + 1, i + 1), dtype=np.bool_)
    padded[:, 1:, :i] = block_kji
    return padded


@lru_cache(maxsize=8)
def _steps(tolerance_mm: float, spacing: Spacing, rule: Tolerance) -> NDArray[np.intp]:
    """(n, 3): the steps within a slice that the tolerance lets pass, the empty step among them."""
    if rule is Tolerance.EXACT:
        reach = [int(tolerance_mm // spacing[1]), int(tolerance_mm // spacing[2])]
    else:
        reach = [int(np.ceil(tolerance_mm / np.mean(spacing[1:])))] * 2
    j, i = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    steps = np.stack([np.zeros_like(j), j, i], axis=-1).reshape(-1, 3)
    if rule is Tolerance.EXACT:
        return steps[lengths_mm(steps, spacing) <= tolerance_mm]
    radius = reach[0] + 0.5 if reach[0] else 0.0
    rounded: NDArray[np.intp] = steps[(steps**2).sum(axis=1) <= radius**2]
    return rounded


def _apart(path: BoolArray, other: BoolArray, steps: NDArray[np.intp]) -> BoolArray:
    """The voxels of the path from which no step leads to the other path."""
    apart: BoolArray = np.greater(path, other)
    if not steps.any():
        return apart
    room = np.abs(steps).max(axis=0)
    marked = np.pad(other, [(n, n) for n in room])
    places = np.ravel_multi_index(tuple(np.argwhere(apart).T + room[:, None]), marked.shape)
    rows = np.asarray([marked.shape[1] * marked.shape[2], marked.shape[2], 1])
    met = np.zeros(len(places), dtype=np.bool_)
    for move in steps @ rows:
        met |= marked.ravel()[places + move]
    apart[apart] = ~met
    return apart


def _per_slice(marked: BoolArray) -> NDArray[np.float64]:
    return np.asarray([np.count_nonzero(one) for one in marked], dtype=np.float64)
