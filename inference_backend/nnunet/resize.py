"""Splines between grids that share their edges, as nnU-Net resamples: the same values, within rounding.

nnU-Net calls scikit-image's `resize`, which calls scipy's `zoom`; this file calls scipy itself. Where one
axis is much coarser than the others, nnU-Net resamples the plane slice by slice and takes the nearest
slice; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference_backend.nnunet.plans import Index3, Resampling

MUCH_COARSER = 3.0  # nnU-Net's ANISO_THRESHOLD
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def new_shape(shape: Sequence[int], spacing_mm: Sequence[float], wanted_mm: Sequence[float]) -> Index3:
    """How many points of the wanted spacing an axis gets: at least one, which nnU-Net does not guard."""
    a, b, c = (max(round(n * mm / to), 1) for n, mm, to in zip(shape, spacing_mm, wanted_mm, strict=True))
    return a, b, c


def coarse_axis(how: Resampling, spacing_mm: Sequence[float], wanted_mm: Sequence[float]) -> int | None:
    """The axis that is resampled apart from the others, or None. The first spacing decides, then the
    second."""
    if how.apart is False:
        return None
    for spacing in (spacing_mm, wanted_mm):
        if how.apart or max(spacing) / min(spacing) > MUCH_COARSER:
            largest = [n for n, mm in enumerate(spacing) if mm == max(spacing)]
            return largest[0] if len(largest) == 1 else None
    return None


def resized(values: Floats, shape: Index3, how: Resampling, apart: int | None) -> Floats:
    """The values on a grid of another shape with the same edges, float32."""
    if values.shape == shape:
        return values
    source = values.astype(np.float64)
    if apart is None:
        return _zoomed(source, shape, how.order).astype(np.float32)
    plane = tuple(n for axis, n in enumerate(shape) if axis != apart)
    slices = [_zoomed(part, plane, how.order) for part in np.moveaxis(source, apart, 0)]
    stacked = np.moveaxis(np.stack(slices), 0, apart)
    return _across(stacked, shape, how.across, apart).astype(np.float32)


def nearest_slices(old: int, new: int) -> NDArray[np.intp]:
    """For each of the new slices the old one that is nearest, edges shared."""
    places = (old / new) * (np.arange(new) + 0.5) - 0.5
    nearest: NDArray[np.intp] = np.clip(np.floor(places + 0.5), 0, old - 1).astype(np.intp)
    return nearest


def _across(stacked: Doubles, shape: Index3, order: int, axis: int) -> Doubles:
    old, new = stacked.shape[axis], shape[axis]
    if old == new:
        return stacked
    if order == 0:
        return stacked.take(nearest_slices(old, new), axis=axis)
    places = [np.arange(n, dtype=np.float64) for n in shape]
    places[axis] = (old / new) * (places[axis] + 0.5) - 0.5
    found: Doubles = ndimage.map_coordinates(
        stacked, np.meshgrid(*places, indexing="ij"), order=order, mode="nearest"
    )
    return found


def _zoomed(values: Doubles, shape: Sequence[int], order: int) -> Doubles:
    """A spline that shares the edges. What rings beyond the values' own range is cut off, as scikit-image
    does."""
    if values.shape == tuple(shape):
        return values
    factors = [new / old for new, old in zip(shape, values.shape, strict=True)]
    found: Doubles = ndimage.zoom(values, factors, order=order, mode="nearest", grid_mode=True)
    return np.clip(found, values.min(), values.max(), out=found) if order > 1 else found
