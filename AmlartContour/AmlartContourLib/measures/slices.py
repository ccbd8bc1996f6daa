"""The figures of each axial slice, so that the slices with most to redraw can be shown first.

A surface element lies between two slices. It counts half for each, or wholly for the one that holds a contour
where the other holds none of either, so the slices' areas add up to the whole. Distances are those in space,
not within the slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.path_length import PathLength
from AmlartContourLib.measures.surface_distance import SurfaceDistances


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
    held = np.logical_or(both.reference_kji.any(axis=(1, 2)), both.test_kji.any(axis=(1, 2)))
    areas = np.zeros(len(held))
    beyond = np.zeros(len(held))
    for measured in (distances.reference, distances.test):
        layers = measured.surface.layers()
        areas += _areas_mm2(layers, measured.areas_mm2, held)
        beyond += _areas_mm2(layers, measured.areas_mm2 * measured.beyond(tolerance_mm), held)
    start_mm, step_mm = both.position_mm(0), both.grid.spacing_mm[2]
    return tuple(
        SliceFigures(
            k=both.first_k + n,
            position_mm=start_mm + (both.first_k + n) * step_mm,
            fraction_to_redraw=float(beyond[n] / areas[n]),
            redraw_mm2=float(beyond[n]),
            added_path_mm=float(path.added_mm[n]) if path.reference_mm[n] else None,
            false_negative_path_mm=float(path.false_negative_mm[n]) if path.reference_mm[n] else None,
        )
        for n in np.flatnonzero(held).tolist()
    )


def _areas_mm2(
    layers: NDArray[np.intp], areas_mm2: NDArray[np.float64], held: BoolArray
) -> NDArray[np.float64]:
    """Area per slice of the block, of elements in these layers of points. `held` slices hold a contour."""
    area = np.bincount(layers, weights=areas_mm2, minlength=len(held) + 1)
    above, below = np.append(held, False), np.insert(held, 0, False)  # of each layer of points
    share = area / np.maximum(above.astype(np.float64) + below, 1)
    return np.asarray((share * above)[:-1] + (share * below)[1:], dtype=np.float64)
