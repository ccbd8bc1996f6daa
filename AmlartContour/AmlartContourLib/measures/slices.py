"""The figures of each axial slice, so that the slices with most to redraw can be shown first.

A surface element lies between two slices. It counts half for each, or wholly for the one that holds a contour
where the other holds none of either, so the slices' areas add up to the whole. Distances are those in space,
not within the slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.path_length import PathLength
from AmlartContourLib.measures.surface_distance import Measured, SurfaceDistances


@dataclass(frozen=True)
class SliceFigures:
    """One axial slice that holds a voxel of either contour.

    `k` is its index in the canonical order (from inferior to superior), `position_mm` its LPS position along
    the slices' normal (z where the slices are not oblique). `fraction_to_redraw` is the part of both
    surfaces' area in this slice that lies beyond the tolerance, `redraw_mm2` that area. The path lengths are
    None where the reference has no contour in the slice.
    """

    k: int
    position_mm: float
    fraction_to_redraw: float
    redraw_mm2: float
    added_path_mm: float | None
    false_negative_path_mm: float | None


def slice_figures(
    both: Pair, distances: SurfaceDistances, path: PathLength, tolerance_mm: float
) -> tuple[SliceFigures, ...]:
    """The figures of every slice that holds a contour, from inferior to superior."""
    one, other = distances.reference, distances.test
    held = np.logical_or(both.reference_kji.any(axis=(1, 2)), both.test_kji.any(axis=(1, 2)))
    areas = _areas_mm2(one, None, held) + _areas_mm2(other, None, held)
    far, far_other = one.beyond(tolerance_mm), other.beyond(tolerance_mm)
    beyond = _areas_mm2(one, far, held) + _areas_mm2(other, far_other, held)
    return tuple(
        SliceFigures(
            k=both.first_k + n,
            position_mm=both.position_mm(both.first_k + n),
            fraction_to_redraw=float(beyond[n] / areas[n]),
            redraw_mm2=float(beyond[n]),
            added_path_mm=float(path.added_mm[n]) if path.reference_mm[n] else None,
            false_negative_path_mm=float(path.false_negative_mm[n]) if path.reference_mm[n] else None,
        )
        for n in np.flatnonzero(held).tolist()
    )


def _areas_mm2(
    measured: Measured, chosen: NDArray[np.bool_] | None, held: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Per slice of the block: the area of the chosen elements, or of all. `held` slices hold a contour."""
    layout = measured.surface.layout
    points = (measured.surface.places - layout.lead) // layout.strides[0]
    weights = measured.areas_mm2 if chosen is None else measured.areas_mm2 * chosen
    area = np.bincount(points, weights=weights, minlength=layout.points_kji[0])
    above, below = np.append(held, False), np.insert(held, 0, False)  # of each layer of points
    share = area / np.maximum(above.astype(np.float64) + below, 1)
    return np.asarray((share * above)[:-1] + (share * below)[1:], dtype=np.float64)
