"""A scan as an nnU-Net network sees it: the order of axes it was trained on, cropped, scaled, resampled.

The scan is never turned: its axes are only put in the order that is nearest to the training data's. So an
oblique scan is contoured along its own axes, as nnU-Net itself does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder, towards
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.plans import Index3, Intensities, Plans, Scheme
from inference_backend.nnunet.resize import coarse_axis, new_shape, resized

LEAST_STD = 1e-8  # nnU-Net's own

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prepared:
    """`values_a`: float32 in the network's order of axes. `order` leads from the scan to axes near the
    training data's; `box` is the part that is not zero there; `geometry` is that part's; `grid` the values'
    in k, j, i. Where the training data's axes are left-handed, `values_a` is mirrored along j besides."""

    values_a: Floats
    order: Reorder
    box: Box
    geometry: Geometry
    grid: Geometry
    plans: Plans
    mirrored: bool = False


def prepared(ct: CtScan, plans: Plans, axes: Axes) -> Prepared:
    """The scan for a network. NothingToContour where it holds zeros only."""
    order = towards(ct.geometry, np.diag(axes.right_handed))
    hu_kji = order.array(ct.hu_kji)
    box = _not_zero(hu_kji)
    moved = order.geometry(ct.geometry)
    geometry = moved if box.shape_kji == moved.shape_kji else moved.cropped(box.start_kji, box.shape_kji)
    values = normalised(hu_kji[box.slices].astype(np.float32), plans.scheme, plans.intensities)
    if axes.is_left_handed:
        values = values[:, ::-1]
    values_a = np.ascontiguousarray(values.transpose(plans.forward))
    spacing_a = [geometry.spacing_kji_mm[axis] for axis in plans.forward]
    shape_a = new_shape(values_a.shape, spacing_a, plans.spacing_a_mm)
    apart = coarse_axis(plans.image, spacing_a, plans.spacing_a_mm)
    values_a = resized(values_a, shape_a, plans.image, apart)
    a, b, c = (shape_a[axis] for axis in plans.backward)
    grid = between_edges(geometry, (a, b, c))
    return Prepared(values_a, order, box, geometry, grid, plans, axes.is_left_handed)


def between_edges(geometry: Geometry, shape_kji: Index3) -> Geometry:
    """The grid of so many points over the same extent, edges shared."""
    ratio = np.asarray(geometry.shape_kji[::-1]) / np.asarray(shape_kji[::-1])
    spacing = np.asarray(geometry.spacing_mm) * ratio
    origin = geometry.index_to_lps((ratio - 1) / 2)
    return Geometry.from_matrix(shape_kji[::-1], spacing, origin, geometry.direction_matrix)


def normalised(values: Floats, scheme: Scheme, of: Intensities) -> Floats:
    """HU to the network's values, in place."""
    if scheme is Scheme.CT:
        np.clip(values, of.low, of.high, out=values)
        values -= of.mean
        values /= max(of.std, LEAST_STD)
    elif scheme is Scheme.Z_SCORE:
        mean, std = values.mean(), values.std()
        values -= mean
        values /= max(std, LEAST_STD)
    elif scheme is Scheme.ZERO_TO_ONE:
        values -= values.min()
        values /= max(values.max(), LEAST_STD)
    return values


def _not_zero(hu_kji: NDArray[np.int16]) -> Box:
    """The box round what is not exactly 0 HU, which is how nnU-Net crops; nearly always the whole scan."""
    filled = hu_kji != 0
    if filled[0].all() and filled[-1].all() and filled[:, 0].all() and filled[:, -1].all():
        return Box((0, 0, 0), _three(hu_kji.shape))
    box = Box.around(ndimage.binary_fill_holes(filled))
    if box.is_empty:
        raise NothingToContour("The scan holds nothing but the value 0.", advice="Check that it is a CT.")
    return box


def _three(shape: tuple[int, ...]) -> Index3:
    k, j, i = shape
    return k, j, i
