"""The decisions of `back_sampling` in numpy, for where numba is not installed: one slice of the scan at a
time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference_backend.inference.lattice import Lattice

MIXED = 255
Values = NDArray[np.float32]
Places = NDArray[np.float64]


def decide_slice_by_slice(
    out: NDArray[np.uint8],
    values_ckji: Values,
    codes: NDArray[np.uint8],
    lattice: Lattice,
    level: float | None,
) -> None:
    """See `back_sampling.decide`."""
    points = values_ckji.shape[1:]
    for k in range(len(out)):
        places = [_places(rows, k) for rows in lattice.along]
        cells, parts = zip(*(_cell(p, n) for p, n in zip(places, points, strict=True)), strict=True)
        slab = np.broadcast_to(codes[cells], out.shape[1:])
        out[k] = slab
        mixed = np.nonzero(slab == MIXED)
        if not len(mixed[0]):
            continue
        where = [np.broadcast_to(cell, out.shape[1:])[mixed] for cell in cells]
        share = [np.broadcast_to(part, out.shape[1:])[mixed] for part in parts]
        out[k][mixed] = _decisions(values_ckji, where, share, level)


def _places(rows: tuple[Places, Places, Places], k: int) -> Places:
    """Along one axis of the block, of all voxels of a slice; an axis of length 1 where it does not vary."""
    place: Places = rows[0][k : k + 1, None]
    if rows[1].any():
        place = place + rows[1][:, None]
    return place + rows[2] if rows[2].any() else place


def _cell(place: Places, points: int) -> tuple[NDArray[np.intp], Values]:
    """The cell between points that a place lies in, and its place within, 0 to 1; held to the block."""
    cell = np.clip(np.floor(place), 0, points - 2)
    return cell.astype(np.intp), np.clip(place - cell, 0.0, 1.0).astype(np.float32)


def _decisions(
    values_ckji: Values, where: list[NDArray[np.intp]], share: list[Values], level: float | None
) -> NDArray[np.uint8]:
    if level is not None:
        return (_interpolated(values_ckji[0], where, share) >= np.float32(level)).astype(np.uint8)
    best = _interpolated(values_ckji[0], where, share)
    winner = np.zeros(best.shape, dtype=np.uint8)
    for number, values in enumerate(values_ckji[1:], 1):
        found = _interpolated(values, where, share)
        winner[found > best] = number
        np.maximum(best, found, out=best)
    return winner


def _interpolated(values_kji: Values, where: list[NDArray[np.intp]], share: list[Values]) -> Values:
    """Trilinear, along i first, then j, then k."""
    k, j, i = where
    flat = values_kji.reshape(-1)
    row, layer = values_kji.shape[2], values_kji.shape[1] * values_kji.shape[2]
    first = k * layer + j * row + i
    ends = [
        _between(flat[first + step], flat[first + step + 1], share[2])
        for step in (0, row, layer, layer + row)
    ]
    return _between(_between(ends[0], ends[1], share[1]), _between(ends[2], ends[3], share[1]), share[0])


def _between(a: Values, b: Values, share: Values) -> Values:
    """Linear, and never beyond either end, whatever the rounding."""
    between: Values = np.clip(a + (b - a) * share, np.minimum(a, b), np.maximum(a, b))
    return between
