"""Shaping in the slice: gaps closed, holes filled, islands dropped. Lengths are mm on any spacing."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.mask import BoolArray, Mask

IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE[1] = ndimage.generate_binary_structure(2, 1)
EIGHT_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
EIGHT_IN_PLANE[1] = True
FAR_MM = 1e6  # as slice step it makes a three-dimensional distance run in the slice only
TIE_MM = 1e-6


def tidied(level: Mask, anchor: Mask, barrier: Mask, closing_mm: float) -> Mask:
    """`level` without the barrier, closed by `closing_mm` in the slice and filled, the barrier kept out.

    Only parts that touch `anchor` (the vessels, or the wall that a strip lies on) stay.
    """
    kept = level - barrier
    if kept.is_empty:
        return kept
    return touching(filled_in_plane(closed_in_plane(kept, closing_mm)) - barrier, anchor)


def filled_in_plane(mask: Mask) -> Mask:
    """The mask with its holes filled slice by slice."""
    filled = ndimage.binary_fill_holes(mask.block_kji, IN_PLANE)
    return Mask.from_block(filled, mask.box, mask.geometry)


def closed_in_plane(mask: Mask, radius_mm: float) -> Mask:
    """Gaps narrower than twice the radius closed, slice by slice, with a disc in mm."""
    if mask.is_empty or radius_mm == 0:
        return mask
    _, dy, dx = mask.geometry.spacing_kji_mm
    reach = (0, int(np.ceil(radius_mm / dy)) + 1, int(np.ceil(radius_mm / dx)) + 1)
    box = mask.box.padded(reach, mask.geometry.shape_kji)
    inside = np.pad(mask.window(box), [(n, n) for n in reach])
    step = (FAR_MM, dy, dx)
    grown = _distance(~inside, step) <= radius_mm + TIE_MM
    closed = _distance(grown, step) > radius_mm + TIE_MM
    whole = (closed | inside)[tuple(slice(n, size - n) for n, size in zip(reach, inside.shape, strict=True))]
    return Mask.from_block(whole, box, mask.geometry)


def without_islands(mask: Mask, smallest_mm2: float) -> Mask:
    """The mask without separate patches smaller than an area, slice by slice."""
    if mask.is_empty:
        return mask
    labels, count = ndimage.label(mask.block_kji, EIGHT_IN_PLANE)
    areas = np.bincount(labels.ravel(), minlength=count + 1) * mask.geometry.spacing_mm[0]
    kept = areas * mask.geometry.spacing_mm[1] >= smallest_mm2
    kept[0] = False
    return Mask.from_block(kept[labels], mask.box, mask.geometry)


def touching(mask: Mask, anchor: Mask) -> Mask:
    """The connected parts of a mask that overlap the anchor or lie next to it."""
    if mask.is_empty or anchor.is_empty:
        return Mask.empty(mask.geometry)
    box = mask.box.padded((1, 1, 1), mask.geometry.shape_kji)  # holds every neighbour of the mask
    labels, count = ndimage.label(mask.window(box), np.ones((3, 3, 3)))
    near = ndimage.binary_dilation(anchor.window(box), np.ones((3, 3, 3)))
    hit = np.zeros(count + 1, dtype=bool)
    hit[np.unique(labels[near])] = True
    hit[0] = False
    return Mask.from_block(hit[labels], box, mask.geometry)


def _distance(outside: BoolArray, step: tuple[float, float, float]) -> np.ndarray:
    if outside.all():
        return np.full(outside.shape, np.inf)
    distance: np.ndarray = ndimage.distance_transform_edt(outside, sampling=step)
    return distance
