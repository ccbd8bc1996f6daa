"""How far several contours of one structure lie apart, measured as editing is measured.

A spread tells for each voxel how many of M contours hold it. The voxels that at least m of them hold are a
contour of their own, from their union (m = 1) to their intersection (m = M). Disagreement is what it would
take to edit the contour that was given into each of these, on average.

x_fraction = mean over m of the fraction to redraw between contour m and the given one, at the tolerance
x_path     = mean over m of the added path of contour m against the given one / path of the given one

A second opinion is the same with one other contour instead of the nested ones.

A contour m that is empty counts as all to redraw, and as all of the given path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import Comparison, compare

ALL = 255


@dataclass(frozen=True, eq=False)
class Disagreement:
    """`fraction` and `path_share` as above, 0 to 1 and 0 up; `path_mm`: path of the given contour.

    `redraw_mm2`: mean area to redraw of each slice from `first_k` on (canonical order).
    """

    fraction: float
    path_share: float
    path_mm: float
    first_k: int
    redraw_mm2: NDArray[np.float64]


def disagreement(mask: Mask, spread: Spread, tolerance_mm: float) -> Disagreement:
    """Of the contour given and the spread of the contours it was made from.

    BadSetting where the contour is empty or the spread is of fewer than two contours.
    """
    if mask.is_empty or spread.members < 2:
        raise BadSetting("There are no two contours to disagree, or the contour given is empty.")
    return _apart(
        mask, [held_by_at_least(spread, m, mask) for m in range(1, spread.members + 1)], tolerance_mm
    )


def disagreement_of_two(mask: Mask, other: Mask, tolerance_mm: float) -> Disagreement:
    """What it would take to edit the contour given into another one, which may be empty. BadSetting where
    the one given is."""
    if mask.is_empty:
        raise BadSetting("There are no two contours to disagree.")
    return _apart(mask, [other], tolerance_mm)


def _apart(mask: Mask, others: list[Mask], tolerance_mm: float) -> Disagreement:
    found = [compare(one, mask, tolerance_mm=tolerance_mm) for one in others]
    path_mm = _path_mm(mask, tolerance_mm)
    added = [c.path.added_mm if c.path.added_mm is not None else path_mm for c in found]
    first_k, redraw_mm2 = _by_slice(found)
    return Disagreement(
        fraction=float(np.mean([c.fraction_to_redraw or 0.0 for c in found])),
        path_share=float(np.mean(added)) / path_mm,
        path_mm=path_mm,
        first_k=first_k,
        redraw_mm2=redraw_mm2,
    )


def held_by_at_least(spread: Spread, members: int, like: Mask) -> Mask:
    """The voxels that at least so many contours hold, on the grid of a mask."""
    least = np.uint8(round(members * ALL / spread.members))
    return Mask.from_block(spread.share_kji >= least, spread.box, like.geometry)


def _path_mm(mask: Mask, tolerance_mm: float) -> float:
    return compare(mask, mask, tolerance_mm=tolerance_mm).path.reference_mm or 0.0


def _by_slice(found: list[Comparison]) -> tuple[int, NDArray[np.float64]]:
    ks = [figures.k for one in found for figures in one.slices]
    first, last = min(ks), max(ks)
    total = np.zeros(last - first + 1)
    for one in found:
        for figures in one.slices:
            total[figures.k - first] += figures.redraw_mm2
    return first, total / len(found)
