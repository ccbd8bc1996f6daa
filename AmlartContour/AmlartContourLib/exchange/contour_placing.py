"""Contours of a file put on the slices of a grid: which slice, which are left out, and why, in words.

Coordinates decide, as they alone say where a contour lies; the image that a contour names is compared with
them. Each contour goes to the nearest slice. Where contours lie closer together than the slices (drawn on a
finer CT), each slice takes those of the nearest plane. Where they lie further apart, slices between stay
empty: nothing is interpolated, and the gaps are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.boundary import IntArray
from AmlartContourLib.exchange.polygon_fill import fill_even_odd
from AmlartContourLib.exchange.polygons import Polygons
from AmlartContourLib.exchange.rtstruct_file import FileContour, FileRoi

CLOSED = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "INTERPOLATED_PLANAR"})
FLAT = 0.2  # of a slice step: largest extent of a flat contour across the slices
ON_SLICE = 0.1  # of a slice step: within this it is on the slice; positions may be rounded to a tenth of a mm
SAME_PLANE = 0.02  # of a slice step: contours nearer than this to each other were drawn on one plane
EDGE = 0.501  # pixels from the outermost centre to the image's edge, with room for rounding

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


class Remark(Enum):
    """What can be said of contours; the words follow a count."""

    OPEN = "not closed but points or open lines; left out"
    BROKEN = "without usable coordinates; left out"
    FEW = "of fewer than three points; left out"
    TILTED = "not flat, or not parallel to the slices; left out"
    BEYOND = "before the first or after the last slice; left out"
    CROWDED = "closer together than the slices, and not the nearest to one; left out"
    BETWEEN = "between two slices; moved to the nearest"
    CUT = "reaching beyond the image; cut at its edge"
    OTHER_SLICE = "naming another slice than the one where they lie; placed by their coordinates"
    OTHER_IMAGE = "naming no image of this CT; placed by their coordinates"


@dataclass(frozen=True, eq=False)
class Placed:
    """The voxels of one structure, and the sentences about what was met on the way."""

    mask: Mask
    messages: tuple[str, ...]


def place(roi: FileRoi, geometry: Geometry, slice_of_image: Mapping[str, int]) -> Placed:
    """The mask of one structure on a grid.

    `slice_of_image` gives k by SOP instance UID; empty where there is no series to compare with.
    """
    remarks: Counter[Remark] = Counter()
    usable = _usable(roi.contours, remarks)
    if not usable:
        return Placed(Mask.empty(geometry), _sentences(roi.name, remarks, bool(roi.contours)))
    sizes = np.asarray([len(contour.points_lps) for contour in usable])
    points = geometry.lps_to_index(np.concatenate([contour.points_lps for contour in usable]))
    levels, slices, kept = _levels(points[:, 2], sizes, geometry.size_ijk[2], remarks)
    images = [contour.sop_instance_uid for contour in usable]
    if slice_of_image:
        named = np.asarray([slice_of_image.get(image, -1) for image in images])
        remarks[Remark.OTHER_IMAGE] += int((kept & (named < 0)).sum())
        remarks[Remark.OTHER_SLICE] += int((kept & (named >= 0) & (named != slices)).sum())
    remarks[Remark.BETWEEN] += int((kept & (np.abs(levels - slices) > ON_SLICE)).sum())
    starts = np.concatenate([[0], np.cumsum(sizes[kept])])
    polygons = Polygons(points[np.repeat(kept, sizes), :2], starts, slices[kept])
    remarks[Remark.CUT] += _reaching_beyond(polygons, geometry)
    mask = fill_even_odd(polygons, geometry)
    return Placed(mask, _sentences(roi.name, remarks, True) + _about_the_whole(roi.name, polygons, mask))


def order_of_slices(rois: Iterable[FileRoi], geometry: Geometry) -> Reorder:
    """The turn of the array's axes after which most closed contours lie flat in the slices.

    An array that is no DICOM series may run in any order: contours drawn on axial slices then cross its k.
    """
    flat = np.zeros(3)
    for roi in rois:
        for contour in roi.contours:
            if contour.geometric_type in CLOSED and len(contour.points_lps) >= 3:
                flat += np.ptp(geometry.lps_to_index(contour.points_lps), axis=0) <= FLAT
    across = max((2, 1, 0), key=lambda axis: flat[axis])
    return Reorder(((across + 1) % 3, (across + 2) % 3, across), (False, False, False))


def _usable(contours: Iterable[FileContour], remarks: Counter[Remark]) -> list[FileContour]:
    """Closed contours with at least three points."""
    usable = []
    for contour in contours:
        if contour.geometric_type not in CLOSED:
            remarks[Remark.OPEN] += 1
        elif not len(contour.points_lps):
            remarks[Remark.BROKEN] += 1
        elif len(contour.points_lps) < 3:
            remarks[Remark.FEW] += 1
        else:
            usable.append(contour)
    return usable


def _levels(
    points_k: FloatArray, sizes: IntArray, slice_count: int, remarks: Counter[Remark]
) -> tuple[FloatArray, IntArray, BoolArray]:
    """For each contour its continuous index k, the nearest slice, and whether it is kept."""
    first_points = np.cumsum(sizes) - sizes
    low = np.minimum.reduceat(points_k, first_points)
    high = np.maximum.reduceat(points_k, first_points)
    flat = high - low <= FLAT
    levels = (low + high) / 2
    within = (levels >= -0.5) & (levels < slice_count - 0.5)
    slices = np.floor(np.where(within, levels, 0) + 0.5).astype(np.int64)
    kept = flat & within
    nearest = _in_nearest_plane(levels, slices, kept)
    remarks[Remark.TILTED] += int((~flat).sum())
    remarks[Remark.BEYOND] += int((flat & ~within).sum())
    remarks[Remark.CROWDED] += int((kept & ~nearest).sum())
    return levels, slices, kept & nearest


def _in_nearest_plane(levels: FloatArray, slices: IntArray, kept: BoolArray) -> BoolArray:
    """True for kept contours in the plane that, of all planes that fall to the same slice, is nearest to
    it."""
    nearest = np.zeros(len(levels), dtype=np.bool_)
    order = np.flatnonzero(kept)[np.argsort(levels[kept], kind="stable")]
    if not len(order):
        return nearest
    new_plane = (np.diff(levels[order]) > SAME_PLANE) | (np.diff(slices[order]) > 0)
    plane = np.concatenate([[0], np.cumsum(new_plane)])
    apart = np.abs(levels[order] - slices[order])
    best: dict[int, tuple[float, int]] = {}
    for k, number, distance in zip(slices[order].tolist(), plane.tolist(), apart.tolist(), strict=True):
        best[k] = min(best.get(k, (np.inf, -1)), (distance, number))
    nearest[order] = [best[k][1] == number for k, number in zip(slices[order].tolist(), plane, strict=True)]
    return nearest


def _reaching_beyond(polygons: Polygons, geometry: Geometry) -> int:
    """How many polygons leave the image in i or j."""
    if not len(polygons):
        return 0
    last = np.asarray(geometry.size_ijk[:2]) - 1
    outside = ((polygons.points_ij < -EDGE) | (polygons.points_ij > last + EDGE)).any(axis=1)
    return int(np.logical_or.reduceat(outside, polygons.starts[:-1]).sum())


def _sentences(name: str, remarks: Counter[Remark], any_contours: bool) -> tuple[str, ...]:
    if not any_contours:
        return (f"{name!r} holds no contour.",)
    # `Remark` gives the order, so that the same file always says the same.
    return tuple(
        f"{name!r}: {remarks[remark]} contour{'s' * (remarks[remark] > 1)} {remark.value}."
        for remark in Remark
        if remarks[remark]
    )


def _about_the_whole(name: str, polygons: Polygons, mask: Mask) -> tuple[str, ...]:
    said = []
    if len(polygons):
        drawn = np.unique(polygons.slices_k)
        gaps = int(drawn[-1] - drawn[0] + 1 - len(drawn))
        if gaps:
            said.append(f"{name!r}: {gaps} slice(s) between its first and last hold no contour; left empty.")
        if mask.is_empty:
            said.append(f"{name!r}: its contours hold no voxel's centre, so it is empty.")
    return tuple(said)
