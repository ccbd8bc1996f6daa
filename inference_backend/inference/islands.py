"""Keeping the largest part of a structure that is one piece in every patient, and saying what was left
out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.mask import Mask


def largest_part(mask: Mask) -> tuple[Mask, float]:
    """The largest part of a mask whose voxels touch by faces, and the cm3 of all others."""
    labels, count = ndimage.label(mask.block_kji)
    if count < 2:
        return mask, 0.0
    sizes = np.bincount(labels.ravel())
    kept = int(sizes[1:].argmax()) + 1
    left_out = float(sizes[1:].sum() - sizes[kept]) * mask.geometry.voxel_volume_cc
    return Mask.from_block(labels == kept, mask.box, mask.geometry), left_out
