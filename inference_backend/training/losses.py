"""The loss of the bundle networks: soft Dice and binary cross-entropy, each structure on its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH_VOXELS = 20.0
CROSS_ENTROPY_WEIGHT = 4.0


def dice_loss(logits: Tensor, share: Tensor) -> Tensor:
    """1 - soft Dice, mean over structures. [b, structures, k, j, i] both; `share` 0 to 1.

    A structure that is absent pulls its false positives down through the smoothing alone: with none, its Dice
    is 1.
    """
    axes = (0, 2, 3, 4)
    found = torch.sigmoid(logits)
    both = (found * share).sum(axes)
    total = found.sum(axes) + share.sum(axes)
    return (1 - (2 * both + SMOOTH_VOXELS) / (total + SMOOTH_VOXELS)).mean()


def structure_loss(logits: Tensor, share: Tensor) -> Tensor:
    """Dice loss plus weighed cross-entropy; the latter keeps partly filled voxels partly filled."""
    entropy = functional.binary_cross_entropy_with_logits(logits, share)
    return dice_loss(logits, share) + CROSS_ENTROPY_WEIGHT * entropy
