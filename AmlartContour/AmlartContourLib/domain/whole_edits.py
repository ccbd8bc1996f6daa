"""Edits of one whole structure: its connected pieces, smoothing, and limiting a change to a range of HU.

Pure functions of immutable masks, in the mask's own box, so any thread may run them. Pieces are connected by
faces. Beyond the border of the image a structure counts as going on as it is at the border, because the
scan's end is not the structure's end.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.box import Box, Index3
from AmlartContourLib.domain.mask import BoolArray, Mask

MOST_MM = 50.0
TIE_MM = 1e-4  # a voxel centre at exactly the radius is inside
SIGMAS = 3.0  # a Gaussian's weight beyond is 0.3 %


class Smoothing(Enum):
    """How a structure is smoothed; the names are those of Slicer's segment editor."""

    MEDIAN = "median"
    OPENING = "opening"
    CLOSING = "closing"
    GAUSSIAN = "Gaussian"


def largest_piece(mask: Mask) -> Mask:
    """The connected piece with most voxels; of equal ones the first in the array."""
    labels, sizes = _pieces(mask)
    return mask if len(sizes) < 2 else _with(mask, labels == 1 + int(np.argmax(sizes)))


def without_small_pieces(mask: Mask, least_cc: float) -> Mask:
    """The pieces of at least so many cm3."""
    labels, sizes = _pieces(mask)
    kept = 1 + np.flatnonzero(sizes * mask.geometry.voxel_volume_cc >= least_cc)
    return mask if len(kept) == len(sizes) else _with(mask, np.isin(labels, kept))


def smoothed(mask: Mask, how: Smoothing, size_mm: float) -> Mask:
    """The structure smoothed.

    `size_mm` is the diameter of the ball for median, opening (which removes what is thinner) and closing
    (which fills what is narrower), and the standard deviation for Gaussian. A voxel is inside after a median
    or a Gaussian where more than half of the weight round it was. BadSetting unless 0 < size_mm <= 50.
    """
    if not 0 < size_mm <= MOST_MM:
        raise BadSetting(
            f"The size of {size_mm:g} mm cannot be used.",
            kept="Nothing was changed.",
            advice=f"Give more than 0 and at most {MOST_MM:g} mm.",
        )
    if mask.is_empty:
        return mask
    reach_mm = SIGMAS * size_mm if how is Smoothing.GAUSSIAN else size_mm
    box, block, inner = _surrounded(mask, reach_mm)
    return Mask.from_block(
        _smooth(block, how, size_mm, mask.geometry.spacing_kji_mm)[inner], box, mask.geometry
    )


def limited(before: Mask, after: Mask, hu_kji: NDArray[np.int16], low_hu: float, high_hu: float) -> Mask:
    """The change from one mask to the other, where the CT lies within the range; both ends are in it."""
    box = before.changed_box(after)
    if box.is_empty:
        return before
    whole = before.box.union(after.box)
    result = before.window(whole)
    hu, here = hu_kji[box.slices], box.within(whole).slices
    result[here] = np.where((hu >= low_hu) & (hu <= high_hu), after.window(box), before.window(box))
    return Mask.from_block(result, whole, before.geometry)


def _pieces(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels from 1 in the mask's box, and the voxels of each."""
    labels, count = ndimage.label(mask.block_kji)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)[1:]


def _with(mask: Mask, block_kji: BoolArray) -> Mask:
    return Mask.from_block(block_kji, mask.box, mask.geometry)


def _surrounded(mask: Mask, reach_mm: float) -> tuple[Box, BoolArray, tuple[slice, ...]]:
    """The box a change may fill, the voxels in it and as far round it, and where the box lies in them."""
    k, j, i = (1 + int(reach_mm // step) for step in mask.geometry.spacing_kji_mm)
    reach: Index3 = (k, j, i)
    box = mask.box.padded(reach, mask.geometry.shape_kji)
    block = np.pad(mask.window(box), [(r, r) for r in reach], mode="edge")
    return box, block, tuple(slice(r, r + n) for r, n in zip(reach, box.shape_kji, strict=True))


def _smooth(
    block_kji: BoolArray, how: Smoothing, size_mm: float, spacing_kji_mm: tuple[float, float, float]
) -> BoolArray:
    if how is Smoothing.GAUSSIAN:
        sigmas = [size_mm / step for step in spacing_kji_mm]
        weight = ndimage.gaussian_filter(block_kji.astype(np.float32), sigmas, truncate=SIGMAS)
        return np.asarray(weight > 0.5)
    ball = _ball(size_mm / 2, spacing_kji_mm)
    if how is Smoothing.MEDIAN:
        inside = ndimage.correlate(block_kji.astype(np.int32), ball.astype(np.int32), mode="nearest")
        return np.asarray(2 * inside > np.count_nonzero(ball))
    if how is Smoothing.OPENING:
        return np.asarray(ndimage.binary_opening(block_kji, ball))
    return np.asarray(ndimage.binary_closing(block_kji, ball))


def _ball(radius_mm: float, spacing_kji_mm: tuple[float, float, float]) -> BoolArray:
    """The voxel steps of at most that length."""
    axes = [step * np.arange(-n, n + 1) for step, n in _steps(radius_mm, spacing_kji_mm)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return np.asarray(k**2 + j**2 + i**2 <= (radius_mm + TIE_MM) ** 2)


def _steps(radius_mm: float, spacing_kji_mm: tuple[float, float, float]) -> list[tuple[float, int]]:
    return [(step, int((radius_mm + TIE_MM) // step)) for step in spacing_kji_mm]
