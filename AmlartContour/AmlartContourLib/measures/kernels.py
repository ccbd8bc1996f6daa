"""Compiled loops over packed bits, for where numba is installed. `bit_map` is their only caller.

Rows of voxels and of points are runs of 64-bit words: bit b of word w is voxel, or point, 64 (w - 1) + b,
and the first and last word of a row are empty, so no neighbour needs a test. Every loop runs on one thread:
threads that wait by spinning made such short loops 50 times slower on a busy machine. They hold no lock on
the interpreter, so structures can be measured at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from AmlartContourLib.measures.compiling import (
    AREAS,
    BITS,
    CODES,
    FLAGS,
    LAST,
    ONE,
    RANKS,
    REAL,
    TABLE,
    THREE,
    WHOLE,
    WORDS,
    compiled,
    high_zeros,
    low_zeros,
    set_bits,
)


@compiled(types.int64(BITS, BITS, THREE, types.int64, types.int64))
def outline(voxels: Any, elements: Any, room: Any, first: int, stop: int) -> int:
    """Marks the elements of layers of points `first` to `stop`; how many there are.

    `voxels` has an empty row and slice on every side, so point (k, j) lies between its rows k and k + 1;
    `elements` has `room` of them.
    """
    found = 0
    for k in range(first, stop):
        for j in range(voxels.shape[1] - 1):
            for w in range(1, voxels.shape[2]):
                some, every = np.uint64(0), ~np.uint64(0)
                for corner in range(4):
                    row = voxels[k + (corner >> 1), j + (corner & 1)]
                    before = (row[w] << ONE) | (row[w - 1] >> LAST)
                    some |= row[w] | before
                    every &= row[w] & before
                some &= ~every
                elements[k + room[0], j + room[1], w] = some
                found += set_bits(some)
    return found


@compiled(types.void(BITS, BITS, THREE, types.int64, types.int64, types.int64, THREE, WHOLE, CODES))
def collect(
    voxels: Any,
    elements: Any,
    room: Any,
    first: int,
    stop: int,
    lead: int,
    strides: Any,
    places: Any,
    codes: Any,
) -> None:
    """Writes number and code of every element of those layers, in ascending order."""
    n = 0
    for k in range(first, stop):
        for j in range(voxels.shape[1] - 1):
            for w in range(1, voxels.shape[2]):
                left = elements[k + room[0], j + room[1], w]
                while left:
                    bit = low_zeros(left)
                    left &= left - ONE
                    code: Any = 0
                    for corner in range(4):
                        row = voxels[k + (corner >> 1), j + (corner & 1)]
                        here = (row[w] >> np.uint64(bit)) & ONE
                        before = row[w] >> np.uint64(bit - 1) if bit else row[w - 1] >> LAST
                        code |= np.int64((here << ONE) | (before & ONE)) << (2 * corner)
                    places[n] = lead + k * strides[0] + j * strides[1] + (w - 1) * 64 + bit
                    codes[n] = code
                    n += 1


@compiled(types.void(BITS, WHOLE, types.int64, THREE, FLAGS))
def hold(voxels: Any, places: Any, lead: int, strides: Any, held: Any) -> None:
    """Writes for every place whether all eight voxels round it are set."""
    k, j, start = 0, 0, lead
    for n in range(len(places)):
        i = places[n] - start
        if not 0 <= i < strides[1]:  # another row than the last place's; dividing each time took longest
            k, rest = divmod(places[n] - lead, strides[0])
            j, i = divmod(rest, strides[1])
            start = places[n] - i
        w, bit = 1 + (i >> 6), i & 63
        every = ONE
        for corner in range(4):
            row = voxels[k + (corner >> 1), j + (corner & 1)]
            before = row[w] >> np.uint64(bit - 1) if bit else row[w - 1] >> LAST
            every &= (row[w] >> np.uint64(bit)) & before
        held[n] = (every & ONE) != 0


@compiled(types.void(BITS, THREE, WHOLE, types.int64, THREE, WHOLE, REAL, REAL, RANKS, WHOLE))
def meet(
    elements: Any, room: Any, places: Any, lead: int, strides: Any,
    rows: Any, squares: Any, along: Any, rank: Any, met: Any,
) -> None:  # fmt: skip
    """Writes for every place the rank of the step to the nearest element, -1 where none is as near.

    `rows` says how many words on each row of steps lies. They come nearest first, so the search ends at the
    first that lies no nearer than the best found. There is room for all of them.
    """
    seen = along[63]  # farther along a row than this nothing is looked at
    words = elements.ravel()
    start, here = lead, 0
    for n in range(len(places)):
        i = places[n] - start
        if not 0 <= i < strides[1] or n == 0:
            k, rest = divmod(places[n] - lead, strides[0])
            j, i = divmod(rest, strides[1])
            start = places[n] - i
            here = ((k + room[0]) * elements.shape[1] + j + room[1]) * elements.shape[2] + 1
        w, bit = here + (i >> 6), i & 63
        if (words[w] >> np.uint64(bit)) & ONE:
            met[n] = 0
            continue
        best, found = np.inf, -1
        for r in range(len(squares)):
            if squares[r] >= best:
                break
            at = w + rows[r]
            up, down = words[at] >> np.uint64(bit), words[at] << np.uint64(63 - bit)
            if bit:
                up |= words[at + 1] << np.uint64(64 - bit)
            if bit < 63:
                down |= words[at - 1] >> np.uint64(bit + 1)
            if up | down:
                step = min(low_zeros(up), high_zeros(down))
                apart = squares[r] + along[step]
                if apart < best:
                    best, found = apart, rank[r, step]
        met[n] = found if best <= seen else -1


@compiled(types.float64(WORDS, types.int64, types.float64, types.float64, types.float64))
def _along(row: Any, i: int, square: float, spacing: float, best: float) -> float:
    """The least of `best` and the squared distances of the elements of a row from point i beside it."""
    w, bit = 1 + (i >> 6), i & 63
    up = row[w] >> np.uint64(bit) << np.uint64(bit)
    while up == 0 and w + 1 < len(row) and square + ((64 * w - i) * spacing) ** 2 < best:
        w += 1
        up = row[w]
    if up:
        best = min(best, square + ((64 * (w - 1) + low_zeros(up) - i) * spacing) ** 2)
    w = 1 + (i >> 6)
    down = row[w] << np.uint64(63 - bit) >> np.uint64(63 - bit)
    while down == 0 and w > 1 and square + ((i - 64 * (w - 1) + 1) * spacing) ** 2 < best:
        w -= 1
        down = row[w]
    if down:
        best = min(best, square + ((i - 64 * (w - 1) - 63 + high_zeros(down)) * spacing) ** 2)
    return best


@compiled(types.void(BITS, THREE, WHOLE, types.int64, THREE, types.UniTuple(types.float64, 3), REAL))
def search(elements: Any, room: Any, places: Any, lead: int, strides: Any, spacing: Any, apart: Any) -> None:
    """Writes for every place the distance in mm of the nearest element, of which there must be one."""
    layers, lines = elements.shape[0] - 2 * room[0], elements.shape[1] - 2 * room[1]
    for n in range(len(places)):
        k, rest = divmod(places[n] - lead, strides[0])
        j, i = divmod(rest, strides[1])
        best = np.inf
        for turn_k in range(2 * layers):
            dk = (turn_k + 1) // 2 * (1 if turn_k & 1 else -1)
            square_k = (dk * spacing[0]) ** 2
            if square_k >= best:
                break
            if not 0 <= k + dk < layers:
                continue
            for turn_j in range(2 * lines):
                dj = (turn_j + 1) // 2 * (1 if turn_j & 1 else -1)
                square = square_k + (dj * spacing[1]) ** 2
                if square >= best:
                    break
                if not 0 <= j + dj < lines:
                    continue
                best = min(
                    best, _along(elements[k + dk + room[0], j + dj + room[1]], i, square, spacing[2], best)
                )
        apart[n] = np.sqrt(best)


@compiled(types.int64(WORDS, types.int64, types.int64, types.int64, types.int64))
def _code(voxels: Any, at: int, row: int, slice_: int, bit: int) -> Any:
    """The code of a point, bit b for the voxel at the step surfel_table.CORNERS[b].

    `at` is the word of the first of its four rows, `row` and `slice_` how many words on the others are.
    """
    code: Any = np.int64(0)
    for corner in range(4):
        w = at + (corner & 1) * row + (corner >> 1) * slice_
        here = voxels[np.uint64(w)]
        two = here >> np.uint64(bit - 1) if bit else here << ONE | voxels[np.uint64(w - 1)] >> LAST
        code |= np.int64(two & np.uint64(3)) << (2 * corner)
    return code


@compiled(
    types.void(BITS, BITS, BITS, BITS, THREE, types.int64, WHOLE, WHOLE, REAL, REAL, REAL, TABLE, AREAS)
)
def bands(
    voxels: Any, elements: Any, other_voxels: Any, other_elements: Any, room: Any, first: int,
    rows_k: Any, rows_j: Any, squares: Any, along: Any, tolerances: Any, areas: Any, found: Any,
) -> None:  # fmt: skip
    """Writes the area of the elements of each layer from `first` on to `found` (layers, bands, 2).

    An element's band is how many of the ascending tolerances are shorter than its distance from the other
    contour's nearest element, the last index 1 where it lies within that contour. Rows of steps come nearest
    first, as in `meet`, as far as the longest tolerance needs them.
    """
    words, own, others = other_elements.ravel(), voxels.ravel(), other_voxels.ravel()
    _, lines, each = voxels.shape
    rows = (rows_k * elements.shape[1] + rows_j) * each
    found[:] = 0
    for layer in range(len(found)):
        k = first + layer
        for j in range(lines - 1):
            point = ((k + room[0]) * elements.shape[1] + j + room[1]) * each
            voxel = (k * lines + j) * each
            for w in range(1, each):
                left = elements[k + room[0], j + room[1], w]
                while left:
                    bit = low_zeros(left)
                    left &= left - ONE
                    up_by, down_by = np.uint64(bit), np.uint64(63 - bit)
                    best = np.inf
                    for r in range(len(squares)):
                        if squares[r] >= best:
                            break
                        at = point + w + rows[r]
                        here = words[np.uint64(at)]
                        up, down = here >> up_by, here << down_by
                        if bit:
                            up |= words[np.uint64(at + 1)] << np.uint64(64 - bit)
                        if bit < 63:
                            down |= words[np.uint64(at - 1)] >> np.uint64(bit + 1)
                        if up | down:
                            best = min(best, squares[r] + along[min(low_zeros(up), high_zeros(down))])
                    apart, band, inside = np.sqrt(best), 0, 0
                    while band < len(tolerances) and apart > tolerances[band]:
                        band += 1
                    if band and _code(others, voxel + w, each, lines * each, bit) == 255:
                        inside = 1
                    found[layer, band, inside] += areas[_code(own, voxel + w, each, lines * each, bit)]
