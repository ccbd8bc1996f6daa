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
from AmlartContourLib.measures.pair import Place
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
    place: Place, distances: SurfaceDistances, path: PathLength, tolerance_mm: float
) -> tuple[SliceFigures, ...]:
    """The figures of every slice that holds a contour, from inferior to superior."""
    both = [side.layers.parted_mm2(tolerance_mm) for side in (distances.reference, distances.test)]
    within, beyond = (_by_slice(one + other, path.held) for one, other in zip(*both, strict=True))
    start_mm, step_mm = place.position_mm(place.first_k), place.grid.spacing_mm[2]
    held = np.flatnonzero(path.held)
    drawn = (path.reference_mm[held] > 0).tolist()
    columns = (
        held + place.first_k,
        start_mm + held * step_mm,
        beyond[held] / (within[held] + beyond[held]),
        beyond[held],
    )
    paths = (
        [mm if there else None for mm, there in zip(lengths[held].tolist(), drawn, strict=True)]
        for lengths in (path.added_mm, path.false_negative_mm)
    )
    return tuple(map(SliceFigures, *(column.tolist() for column in columns), *paths))


def _by_slice(area_mm2: NDArray[np.float64], held: BoolArray) -> NDArray[np.float64]:
    """Area per slice of the block, from that of each layer of points. `held` slices hold a contour."""
    beside = np.zeros(len(area_mm2))  # each layer of points, slices that hold a contour
    beside[1:] += held
    beside[:-1] += held
    share = area_mm2 / np.maximum(beside, 1)
    by_slice: NDArray[np.float64] = (share[:-1] + share[1:]) * held
    return by_slice
