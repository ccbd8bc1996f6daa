"""Contours by prompts, slice by slice, on the scan's own slices: nothing is resampled through them.

Slices are taken in the order nearest to left, posterior, superior, so a network sees the patient as it did in
training whatever way the array runs; swapping axes is exact. What lies outside the boxes or the region asked
about is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.prompt import Prompt, Voxel, VoxelBox
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.lattice import Reorder, canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.pace import Pace
from inference_backend.prompted.asking import Asker, SlicePrompt
from inference_backend.prompted.pictures import BoxJi

BOX_MARGIN_MM = 3.0  # round the other engine's contour: it may be a little too small
GROWN_PIXELS = 2  # of the answer's box on one slice, as the prompt on the next


@dataclass(frozen=True, eq=False)
class Fixed:
    """The contour as it would be, and the first and last slice (of the scan's axial order) that were asked
    about and answered; None where nothing was found."""

    mask: Mask
    slices: tuple[int, int] | None


def contour_by_boxes(asker: Asker, ct: CtScan, given: Mask, pace: Pace, name: str) -> Mask:
    """One structure by the boxes round another contour of it, slice by slice. Raises Cancelled.

    Nothing is drawn outside a slice's box with its margin, nor on slices that the other contour leaves out.
    """
    order = canonical(ct.geometry)
    hu, turned = order.array(ct.hu_kji), order.array(given.to_array())
    grid = order.geometry(ct.geometry)
    margin = [int(np.ceil(BOX_MARGIN_MM / mm)) for mm in grid.spacing_kji_mm[1:]]
    found = np.zeros(turned.shape, dtype=bool)
    numbers = np.flatnonzero(turned.any(axis=(1, 2)))
    for n, k in enumerate(numbers):
        pace.tell(n / len(numbers), f"{name}, slice {n + 1} of {len(numbers)}")
        box = _box_round(turned[k], margin, (0, 0, *turned.shape[1:]))
        inside = asker.inside(hu[k], SlicePrompt(box))
        _write(found[k], inside, box)
    return Mask.from_array(np.ascontiguousarray(order.inverse.array(found)), ct.geometry)


def fix_here(asker: Asker, ct: CtScan, now: Mask, prompt: Prompt, pace: Pace) -> Fixed:
    """The contour `now` put right where the prompt says, from its slice up and down through the region.

    On the next slice the prompt is the box round the answer on the last; where nothing is found it ends,
    and that slice stays as it was. BadSetting where the prompt is not on one slice of this scan. Raises
    Cancelled.
    """
    order = canonical(ct.geometry)
    region = _turned(order, prompt.region, ct)
    first = _first_prompt(order, prompt, ct)
    hu, proposed = order.array(ct.hu_kji), order.array(now.to_array()).copy()
    k0, k1 = region.start_kji[0], region.stop_kji[0]
    limit: BoxJi = (*region.start_kji[1:], *region.stop_kji[1:])
    answered: list[int] = []
    for step in (1, -1):
        k, ask = first.k, first.prompt
        while k0 <= k < k1:
            if k not in answered:
                pace.tell(len(answered) / (k1 - k0), f"Slice {len(answered) + 1} of at most {k1 - k0}")
                inside = _clipped(asker.inside(hu[k], ask), limit)
                if not inside.any():
                    break
                _write(proposed[k], inside, limit)
                answered.append(k)
            ask = SlicePrompt(_box_round(_clipped(proposed[k], limit), (GROWN_PIXELS,) * 2, limit))
            k += step
    mask = Mask.from_array(np.ascontiguousarray(order.inverse.array(proposed)), ct.geometry)
    return Fixed(mask, (min(answered), max(answered)) if answered else None)


@dataclass(frozen=True)
class _First:
    k: int
    prompt: SlicePrompt


def _first_prompt(order: Reorder, prompt: Prompt, ct: CtScan) -> _First:
    box = None if prompt.box is None else _turned(order, prompt.box, ct)
    inside, outside = (
        [_turned(order, _one(voxel), ct).start_kji for voxel in points]
        for points in (prompt.inside_kji, prompt.outside_kji)
    )
    slices = {k for k, _j, _i in (*inside, *outside)}
    if box is not None:
        slices |= set(range(box.start_kji[0], box.stop_kji[0]))
    if len(slices) != 1:
        raise BadSetting("The prompt does not lie on one slice.", advice="Draw on an axial slice.")
    box_ji = None if box is None else (*box.start_kji[1:], *box.stop_kji[1:])
    points_ji = [tuple((j, i) for _k, j, i in points) for points in (inside, outside)]
    return _First(slices.pop(), SlicePrompt(box_ji, points_ji[0], points_ji[1]))


def _turned(order: Reorder, box: VoxelBox, ct: CtScan) -> Box:
    """A box of the scan in the axial order. BadSetting where the scan does not hold it."""
    if any(stop > n for stop, n in zip(box.stop_kji, ct.geometry.shape_kji, strict=True)):
        raise BadSetting("The prompt lies outside the scan.", advice="Draw on the scan.")
    return order.box(Box(box.start_kji, box.stop_kji), ct.geometry.shape_kji)


def _one(voxel: Voxel) -> VoxelBox:
    k, j, i = voxel
    return VoxelBox(voxel, (k + 1, j + 1, i + 1))


def _box_round(inside_ji: NDArray[np.bool_], margin_ji: tuple[int, int] | list[int], limit: BoxJi) -> BoxJi:
    """The box round what is inside, with a margin, within a limit."""
    rows, columns = (np.flatnonzero(inside_ji.any(axis=axis)) for axis in (1, 0))
    (mj, mi), (j0, i0, j1, i1) = margin_ji, limit
    return (
        max(int(rows[0]) - mj, j0),
        max(int(columns[0]) - mi, i0),
        min(int(rows[-1]) + 1 + mj, j1),
        min(int(columns[-1]) + 1 + mi, i1),
    )


def _clipped(inside_ji: NDArray[np.bool_], box: BoxJi) -> NDArray[np.bool_]:
    found = np.zeros(inside_ji.shape, dtype=bool)
    _write(found, inside_ji, box)
    return found


def _write(target_ji: NDArray[np.bool_], inside_ji: NDArray[np.bool_], box: BoxJi) -> None:
    """Puts the pixels of a box in place; others stay."""
    j0, i0, j1, i1 = box
    target_ji[j0:j1, i0:i1] = inside_ji[j0:j1, i0:i1]
