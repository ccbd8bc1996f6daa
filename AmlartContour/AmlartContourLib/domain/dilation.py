"""Dilation of a block by any body, on bit-packed lines: 64 voxels along i in a word.

Exact, in whole numbers. A body is taken row by row; a row is one run of steps along i, or several. Packing
pays here and not for single operations on masks: a body of 10 mm joins a mask some hundred times with itself,
and a word does 64 voxels of that at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
Words = NDArray[np.uint64]  # [k, j, word], the first voxel of a line in the lowest bit
WORD_BITS = 64


def dilated(inside_kji: BoolArray, body_kji: BoolArray) -> BoolArray:
    """Union of the body at every voxel inside, in a block larger by the body's size less one along each axis.

    Voxel [0, 0, 0] of the result is the first voxel of `inside_kji` moved by the first step of `body_kji`: a
    body with its middle at `reach` gives a block that reaches that far beyond on the low side.
    """
    k, j, i = (n + b - 1 for n, b in zip(inside_kji.shape, body_kji.shape, strict=True))
    lines = _Lines(_packed(inside_kji, i))
    grown = np.zeros((k, j, lines.words.shape[2]), dtype=lines.words.dtype)
    slabs: dict[bytes, Words] = {}  # a body is often the same above and below its middle
    for step_k, plane in enumerate(body_kji):
        if plane.any():
            key = plane.tobytes()
            if key not in slabs:
                slabs[key] = _slab(lines, plane)
            grown[step_k : step_k + len(inside_kji)] |= slabs[key]
    return _unpacked(grown, i)


class _Lines:
    """Lines of voxels, and what they become when every voxel is smeared over a run of steps along i."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._smears: dict[int, Words] = {1: words}
        self._runs: dict[tuple[int, int], Words] = {}

    def over(self, first: int, last: int) -> Words:
        """Every voxel moved by each step from `first` to `last`, both >= 0 and included."""
        if (first, last) not in self._runs:
            self._runs[first, last] = _moved(self._smeared(last - first + 1), first)
        return self._runs[first, last]

    def _smeared(self, length: int) -> Words:
        """Over the steps 0 to length - 1: half of it, twice."""
        if length not in self._smears:
            half = self._smeared((length + 1) // 2)
            self._smears[length] = half | _moved(half, length // 2)
        return self._smears[length]


def _slab(lines: _Lines, plane_ji: BoolArray) -> Words:
    """The lines dilated by one plane of a body."""
    k, j, words = lines.words.shape
    slab = np.zeros((k, j + len(plane_ji) - 1, words), dtype=lines.words.dtype)
    edges = np.diff(plane_ji.astype(np.int8), axis=1, prepend=0, append=0)
    starts, stops = np.argwhere(edges > 0), np.argwhere(edges < 0)  # of the runs, row by row
    for (step_j, first), (_, stop) in zip(starts.tolist(), stops.tolist(), strict=True):
        slab[:, step_j : step_j + j] |= lines.over(first, stop - 1)
    return slab


def _moved(words: Words, bits: int) -> Words:
    """Every voxel further along i by that many steps."""
    whole, rest = divmod(bits, WORD_BITS)
    count = words.shape[2]
    moved = np.zeros_like(words)
    moved[..., whole:] = words[..., : count - whole] << np.uint64(rest)
    if rest:
        moved[..., whole + 1 :] |= words[..., : max(count - whole - 1, 0)] >> np.uint64(WORD_BITS - rest)
    return moved


def _packed(block_kji: BoolArray, width: int) -> Words:
    """With room for `width` voxels a line."""
    packed = np.packbits(block_kji, axis=2, bitorder="little")
    k, j, filled = packed.shape
    lines = np.zeros((k, j, -(-width // WORD_BITS) * (WORD_BITS // 8)), dtype=np.uint8)
    lines[..., :filled] = packed
    return lines.view("<u8")


def _unpacked(words: Words, width: int) -> BoolArray:
    block: BoolArray = np.unpackbits(words.view(np.uint8), axis=2, count=width, bitorder="little").view(
        np.bool_
    )
    return block
