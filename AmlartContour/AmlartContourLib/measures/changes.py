"""Where two states of one contour differ, soon found: nearly all of their megabytes is the same."""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.box import EMPTY_BOX, Box
from AmlartContourLib.domain.mask import BoolArray, Mask

WORD = 8  # voxels compared at once


def changed_box(before: Mask, after: Mask) -> Box:
    """A box that holds every voxel in which they differ: tight along the first axis, to a word of voxels."""
    if before is after:
        return EMPTY_BOX
    box = before.box.union(after.box)
    same_place = before.box == after.box
    one, other = (mask.block_kji if same_place else mask.window(box) for mask in (before, after))
    ends = _differing(np.ascontiguousarray(one).reshape(-1), np.ascontiguousarray(other).reshape(-1))
    if ends is None:
        return EMPTY_BOX
    slice_voxels = one[0].size
    first, last = (box.start_kji[0] + end // slice_voxels for end in ends)
    return Box((first, *box.start_kji[1:]), (last + 1, *box.stop_kji[1:]))


def _differing(one: BoolArray, other: BoolArray) -> tuple[int, int] | None:
    """A first and a last voxel that enclose all in which they differ; None where they are the same."""
    words = len(one) // WORD
    differ = one[: words * WORD].view(np.uint64) != other[: words * WORD].view(np.uint64)
    rest = bool((one[words * WORD :] != other[words * WORD :]).any())
    if not differ.any():
        return (words * WORD, len(one) - 1) if rest else None
    first = int(differ.argmax())
    last = words - 1 - int(differ[::-1].argmax())
    return first * WORD, len(one) - 1 if rest else last * WORD + WORD - 1
