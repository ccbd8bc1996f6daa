"""From an nnU-Net network's logits to masks on the scan: linear between points, then the largest, or above 0.

Where the plans resample slices apart from the plane, the nearest slice is taken, as nnU-Net does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from inference_backend.inference.back_sampling import labels_of, mask_above
from inference_backend.nnunet.labels import Labels
from inference_backend.nnunet.preparing import Prepared, between_edges
from inference_backend.nnunet.resize import coarse_axis, nearest_slices

Values = NDArray[np.float32]


def masks_of(
    logits_a: Tensor, prepared: Prepared, labels: Labels, names: Iterable[str], scan: Geometry
) -> dict[str, Mask]:
    """The mask of each named label on the scan.

    logits_a: [channels, a, b, c] on the CPU, in the network's order of axes.
    """
    values, grid = _on_grid(logits_a, prepared)
    block = Box((0, 0, 0), grid.shape_kji)
    back = prepared.order.inverse
    if labels.regions:
        found = {
            name: mask_above(values[labels.channel_of[name]], block, grid, prepared.geometry, level=0.0)
            for name in names
        }
    else:
        winners = labels_of(values, block, grid, prepared.geometry)
        found = {
            name: Mask.from_array(winners == labels.channel_of[name], prepared.geometry) for name in names
        }
    moved = prepared.order.geometry(scan)
    return {
        name: _on_scan(mask, prepared.box, moved).reordered(back) if not mask.is_empty else Mask.empty(scan)
        for name, mask in found.items()
    }


def _on_grid(logits_a: Tensor, prepared: Prepared) -> tuple[Values, Geometry]:
    """Logits in k, j, i, and their grid; at least two points a side."""
    plans = prepared.plans
    values = logits_a.float().numpy().transpose(0, *(1 + axis for axis in plans.backward))
    if prepared.mirrored:
        values = values[:, :, ::-1]
    spacing_a = [prepared.geometry.spacing_kji_mm[axis] for axis in plans.forward]
    apart = coarse_axis(plans.outputs, plans.spacing_a_mm, spacing_a)
    grid = prepared.grid
    if apart is not None and plans.outputs.across == 0:
        axis = plans.forward[apart]
        count = prepared.geometry.shape_kji[axis]
        values = values.take(nearest_slices(values.shape[1 + axis], count), axis=1 + axis)
        grid = between_edges(prepared.geometry, _three(values.shape[1:]))
    return _two_a_side(np.ascontiguousarray(values), grid)


def _two_a_side(values: Values, grid: Geometry) -> tuple[Values, Geometry]:
    """A side of one point is doubled: half the spacing, the same extent."""
    for axis in range(3):
        if values.shape[1 + axis] == 1:
            values = np.repeat(values, 2, axis=1 + axis)
            grid = between_edges(grid, _three(values.shape[1:]))
    return values, grid


def _on_scan(mask: Mask, box: Box, moved: Geometry) -> Mask:
    """A mask on the part of the scan that was not zero, on the whole scan."""
    return Mask.from_block(mask.block_kji, mask.box.moved(box.start_kji), moved)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    k, j, i = shape
    return k, j, i
