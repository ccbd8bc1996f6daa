"""From values on a model grid to voxels of the scan: linear interpolation and a decision, exact and cheap.

Linear interpolation never leaves the range of a cell's eight corners. So where all corners lie on one side
of the level (or, with several classes, one class wins at all of them), every voxel in the cell is decided,
and only the other cells, a small part, are evaluated. The result is that of evaluating everything, to the
last voxel: each step of the interpolation is held between its two ends, so that rounding cannot leave the
range either. With numba compiled loops do the same in the same order.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures import accelerator
from inference_backend.inference.lattice import Lattice, lattice_of
from inference_backend.inference.plain_decisions import MIXED, decide_slice_by_slice

Values = NDArray[np.float32]
Codes = NDArray[np.uint8]
LEVEL = 0.5
MAX_CLASSES = 254
SLICES_AT_ONCE = 16  # of cells, while the largest class is looked for


def mask_above(values_kji: Values, block: Box, grid: Geometry, scan: Geometry, level: float = LEVEL) -> Mask:
    """The scan's voxels at which the interpolated values reach the level.

    values_kji: float32, one for each point of `block`, a box of `grid`. Beyond the block values are 0, so
    below the level, which must be above 0; beyond the grid they are those of its border.
    """
    padded, first_kji = _padded(values_kji, block, grid)
    found = Box.around(padded >= np.float32(level))
    if found.is_empty:
        return Mask.empty(scan)
    around = found.padded((1, 1, 1), padded.shape)
    lattice = lattice_of(grid, np.add(first_kji, around.start_kji), around.shape_kji, scan)
    near = np.ascontiguousarray(padded[around.slices])
    out = np.zeros(lattice.box.shape_kji, dtype=np.uint8)
    decide(out, near[None], _codes((near >= np.float32(level)).view(np.uint8)), lattice, level)
    return Mask.from_block(out.view(np.bool_), lattice.box, scan)


def labels_of(values_ckji: Values, block: Box, grid: Geometry, scan: Geometry) -> NDArray[np.uint8]:
    """For each voxel of the scan the class whose interpolated value is the largest, the first of equals.

    values_ckji: float32 [class, k, j, i] for a box of the grid, at most 254 classes and two points a side.
    Half a step beyond the box counts as its border; farther away lies class 0.
    """
    if len(values_ckji) > MAX_CLASSES:
        raise ValueError(f"at most {MAX_CLASSES} classes can be told apart")
    codes = _codes_of_classes(values_ckji)
    lattice = lattice_of(grid, np.asarray(block.start_kji), block.shape_kji, scan)
    labels = np.zeros(scan.shape_kji, dtype=np.uint8)
    decide(labels[lattice.box.slices], values_ckji, codes, lattice, None)
    return labels


def decide(out: Codes, values_ckji: Values, codes: Codes, lattice: Lattice, level: float | None) -> None:
    """Writes every voxel's decision: 1 where the only class reaches the level, or the largest class's number.

    codes: for each cell between points the decision of all its voxels, or `MIXED`.
    """
    kernels = _kernels()
    if kernels is None:
        decide_slice_by_slice(out, values_ckji, codes, lattice, level)
    else:
        rows = lattice.straight_rows() if lattice.is_straight else lattice.all_rows()
        run = kernels.decide_straight if lattice.is_straight else kernels.decide_slanted
        run(out, np.ascontiguousarray(values_ckji), codes, *rows, np.float32(level or 0.0), level is None)


def _padded(values_kji: Values, block: Box, grid: Geometry) -> tuple[Values, NDArray[np.intp]]:
    """The values with one more layer on each side, 0 or, at the grid's border, repeated; its first point."""
    padded = np.zeros([n + 2 for n in values_kji.shape], dtype=np.float32)
    padded[1:-1, 1:-1, 1:-1] = values_kji
    for axis in range(3):
        ends = np.moveaxis(padded, axis, 0)
        if block.start_kji[axis] == 0:
            ends[0] = ends[1]
        if block.stop_kji[axis] == grid.shape_kji[axis]:
            ends[-1] = ends[-2]
    return padded, np.asarray(block.start_kji) - 1


def _codes_of_classes(values_ckji: Values) -> Codes:
    """For each cell the class that is the largest at all its corners, or `MIXED`; a few slices at a time, so
    with little memory."""
    _, k, j, i = values_ckji.shape
    codes = np.empty((k - 1, j - 1, i - 1), dtype=np.uint8)
    for first in range(0, k - 1, SLICES_AT_ONCE):
        stop = first + SLICES_AT_ONCE
        codes[first:stop] = _codes(_winners(values_ckji[:, first : stop + 1]))
    return codes


def _winners(values_ckji: Values) -> Codes:
    """The largest class at each point, the first of equals."""
    winners = np.zeros(values_ckji.shape[1:], dtype=np.uint8)
    best = values_ckji[0].copy()
    for number, values in enumerate(values_ckji[1:], 1):
        larger = values > best
        np.copyto(best, values, where=larger)
        winners[larger] = number
    return winners


def _codes(decisions: Codes) -> Codes:
    """For each cell what all its eight corners decide, or `MIXED`."""
    low, high = decisions, decisions
    for axis in range(3):
        before, after = (slice(None),) * axis + (slice(-1),), (slice(None),) * axis + (slice(1, None),)
        low = np.minimum(low[before], low[after])
        high = np.maximum(high[before], high[after])
    return np.where(low == high, low, np.uint8(MIXED))


def _kernels() -> ModuleType | None:
    """The compiled loops where numba is installed and not switched off (`AMLART_MEASURES`)."""
    if accelerator.kernels() is None:
        return None
    from inference_backend.inference import compiled_decisions

    return compiled_decisions
