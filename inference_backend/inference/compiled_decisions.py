"""The decisions of `back_sampling` as compiled loops, for where numba is installed; one thread.

Same sums in the same order as `plain_decisions`, so the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from AmlartContourLib.measures.compiling import compiled

MIXED = np.uint8(255)
ZERO, ONE = np.float32(0), np.float32(1)
OUT = types.Array(types.uint8, 3, "A")
VALUES = types.Array(types.float32, 4, "C")
CODES = types.Array(types.uint8, 3, "C")
ROW = types.Array(types.float64, 1, "C")
ROWS = types.Array(types.float64, 2, "C")
PLACE = types.UniTuple(types.float64, 2)


@compiled(types.float32(types.float32, types.float32, types.float32))
def _between(a: Any, b: Any, share: Any) -> Any:
    """Linear, and never beyond either end, whatever the rounding."""
    return min(max(a + (b - a) * share, min(a, b)), max(a, b))


@compiled(types.float32(types.Array(types.float32, 3, "C"), *[types.int64] * 3, *[types.float32] * 3))
def _interpolated(values: Any, k: Any, j: Any, i: Any, share_k: Any, share_j: Any, share_i: Any) -> Any:
    """Trilinear, along i first, then j, then k."""
    a = _between(values[k, j, i], values[k, j, i + 1], share_i)
    b = _between(values[k, j + 1, i], values[k, j + 1, i + 1], share_i)
    c = _between(values[k + 1, j, i], values[k + 1, j, i + 1], share_i)
    d = _between(values[k + 1, j + 1, i], values[k + 1, j + 1, i + 1], share_i)
    return _between(_between(a, b, share_j), _between(c, d, share_j), share_k)


@compiled(types.int64(types.float64, types.int64))
def _cell(place: Any, points: Any) -> Any:
    """The cell between points that a place lies in, held to the block."""
    return np.int64(min(max(np.floor(place), 0.0), points - 2.0))


@compiled(types.float32(types.float64, types.int64))
def _share(place: Any, cell: Any) -> Any:
    """A place within its cell, 0 to 1."""
    return np.float32(min(max(place - cell, 0.0), 1.0))


@compiled(types.uint8(VALUES, *[types.int64] * 3, *[types.float32] * 3, types.float32, types.boolean))
def _decision(
    values: Any, k: Any, j: Any, i: Any, share_k: Any, share_j: Any, share_i: Any, level: Any, largest: Any
) -> Any:
    best = _interpolated(values[0], k, j, i, share_k, share_j, share_i)
    if not largest:
        return np.uint8(best >= level)
    winner = 0
    for number in range(1, values.shape[0]):
        found = _interpolated(values[number], k, j, i, share_k, share_j, share_i)
        if found > best:
            best, winner = found, number
    return np.uint8(winner)


@compiled(types.void(OUT, VALUES, CODES, ROW, ROW, ROW, types.float32, types.boolean))
def decide_straight(
    out: Any, values: Any, codes: Any, row_k: Any, row_j: Any, row_i: Any, level: Any, largest: Any
) -> None:
    """See `back_sampling.decide`: where the scan's axes run along the grid's."""
    _, points_k, points_j, points_i = values.shape
    cells = np.empty(len(row_i), np.int64)
    shares = np.empty(len(row_i), np.float32)
    for i in range(len(row_i)):
        cells[i] = _cell(row_i[i], points_i)
        shares[i] = _share(row_i[i], cells[i])
    for k in range(len(row_k)):
        ck = _cell(row_k[k], points_k)
        sk = _share(row_k[k], ck)
        for j in range(len(row_j)):
            cj = _cell(row_j[j], points_j)
            sj = _share(row_j[j], cj)
            line = codes[ck, cj]
            for i in range(len(row_i)):
                code = line[cells[i]]
                if code == MIXED:
                    code = _decision(values, ck, cj, cells[i], sk, sj, shares[i], level, largest)
                out[k, j, i] = code


@compiled(types.void(OUT, VALUES, CODES, ROWS, ROWS, ROWS, types.float32, types.boolean))
def decide_slanted(
    out: Any, values: Any, codes: Any, rows_k: Any, rows_j: Any, rows_i: Any, level: Any, largest: Any
) -> None:
    """See `back_sampling.decide`: for any orientation of the scan."""
    _, points_k, points_j, points_i = values.shape
    for k in range(rows_k.shape[1]):
        for j in range(rows_j.shape[1]):
            at_k = rows_k[0, k] + rows_j[0, j]
            at_j = rows_k[1, k] + rows_j[1, j]
            at_i = rows_k[2, k] + rows_j[2, j]
            for i in range(rows_i.shape[1]):
                place_k, place_j, place_i = at_k + rows_i[0, i], at_j + rows_i[1, i], at_i + rows_i[2, i]
                ck, cj, ci = _cell(place_k, points_k), _cell(place_j, points_j), _cell(place_i, points_i)
                code = codes[ck, cj, ci]
                if code == MIXED:
                    sk, sj, si = _share(place_k, ck), _share(place_j, cj), _share(place_i, ci)
                    code = _decision(values, ck, cj, ci, sk, sj, si, level, largest)
                out[k, j, i] = code
