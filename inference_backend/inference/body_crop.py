"""Where the body lies on a model grid, so that no window is spent on air and couch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.domain.box import Box, Index3

BODY_HU = -300.0
LOOK_EVERY_MM = 4.0  # a finer grid is looked at in steps of about this: the body is hundreds of mm wide
MARGIN_STEPS = 2  # of those steps, so that skin between two of them is not cut


def body_box(hu_kji: NDArray[np.float32], spacing_kji_mm: tuple[float, float, float]) -> Box:
    """The box round the largest connected part above `BODY_HU`, with a margin.

    hu_kji: HU on a model grid. NothingToContour where nothing in it is as dense as a body.
    """
    steps = [max(round(LOOK_EVERY_MM / mm), 1) for mm in spacing_kji_mm]
    dense = hu_kji[:: steps[0], :: steps[1], :: steps[2]] > BODY_HU
    labels, count = ndimage.label(dense)
    if not count:
        raise NothingToContour(
            "The scan holds no body: nothing in it is as dense as fat.",
            advice="Check that the scan is a CT and that its values are Hounsfield units.",
        )
    largest = int(np.bincount(labels.ravel())[1:].argmax())
    where = ndimage.find_objects(labels)[largest]
    start, stop = (
        tuple(int(getattr(side, end)) * step for side, step in zip(where, steps, strict=True))
        for end in ("start", "stop")
    )
    margin = tuple(step * MARGIN_STEPS for step in steps)
    return Box(_three(start), _three(stop)).padded(_three(margin), _three(hu_kji.shape))


def grown_to(box: Box, least_kji: Index3, shape_kji: Index3) -> Box:
    """The box grown so that each side is at least so long, as far as the array reaches.

    What the array does not hold is the caller's to pad.
    """
    sides = [_one_axis(*axis) for axis in zip(box.start_kji, box.stop_kji, least_kji, shape_kji, strict=True)]
    (k0, k1), (j0, j1), (i0, i1) = sides
    return Box((k0, j0, i0), (k1, j1, i1))


def in_whole_steps(box: Box, step: int, shape_kji: Index3) -> Box:
    """The box with half a step or more round it, from whole step to whole step as far as the array reaches.

    step: voxels that become one on a network's coarsest level. Its coarse voxels then lie where they would
    for the whole array, and air is what it sees at the border, as there: so it says the same of the body as
    of the whole array (Dice 0.999 at the least on 6 phantoms, 1.0000 on average).
    """
    starts = tuple(max(n - step // 2, 0) // step * step for n in box.start_kji)
    stops = tuple(
        min(-(-(n + step // 2) // step) * step, length)
        for n, length in zip(box.stop_kji, shape_kji, strict=True)
    )
    return Box(_three(starts), _three(stops))


def _one_axis(start: int, stop: int, least: int, length: int) -> tuple[int, int]:
    wanted = max(stop - start, least)
    start = max(start - (wanted - (stop - start)) // 2, 0)
    stop = min(start + wanted, length)
    return max(stop - wanted, 0), stop


def _three(values: tuple[int, ...]) -> Index3:
    k, j, i = values
    return k, j, i
