"""Masks as bits: eight voxels in a byte, in C order of [k, j, i], the first voxel in the lowest bit.

The last byte is filled with zero bits; anything else there is refused, so equal masks have equal bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import DamagedFile


def packed_bytes(shape_kji: tuple[int, int, int]) -> int:
    """Bytes that a mask of that shape takes."""
    k, j, i = shape_kji
    return (k * j * i + 7) // 8


def pack(mask_kji: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Boolean [k, j, i] to bytes."""
    return np.packbits(np.ascontiguousarray(mask_kji).reshape(-1), bitorder="little")


def unpack(packed: NDArray[np.uint8], shape_kji: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Bytes to boolean [k, j, i]. DamagedFile where the length or the filling bits are wrong."""
    k, j, i = shape_kji
    count = k * j * i
    if len(packed) != packed_bytes(shape_kji):
        raise DamagedFile("A packed mask does not have the length of its shape.")
    flat = np.unpackbits(packed, bitorder="little")
    if flat[count:].any():
        raise DamagedFile("A packed mask holds voxels beyond its shape.")
    mask: NDArray[np.bool_] = flat[:count].view(np.bool_).reshape(shape_kji)
    return mask
