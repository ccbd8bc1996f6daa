"""The rule loss: CTVn, CTVp and anorectum are to share nothing; uterus and vagina are to lie inside the CTVp.

Both are asked of what the network draws, not of the labels, so they count where labels are missing too. With
p the probabilities of a window and sums over its voxels:

- overlap of a pair: 2 sum(p_a p_b) / (sum p_a + sum p_b), penalised;
- inside: sum(p_part p_ctvp) / sum p_part, rewarded (what is missing of 1 is the loss).

The loss is the mean over the pairs plus the mean over the parts that the network draws, 0 to 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from AmlartContourLib.domain.rules import RULE_1_PAIRS

INSIDE = (("uterus", "ctvp"), ("vagina", "ctvp"))
SMOOTH_VOXELS = 1.0


def rule_loss(logits: Tensor, structures: Sequence[str]) -> Tensor:
    """0 where all rules are kept. `logits`: [b, structures, k, j, i], channels in the order of the ids; pairs
    that the network does not draw are left out."""
    found = dict(zip(structures, torch.sigmoid(logits).unbind(1), strict=True))
    terms = []
    shared = [_shared(found[a], found[b]) for a, b in RULE_1_PAIRS if a in found and b in found]
    outside = [_outside(found[part], found[whole]) for part, whole in INSIDE if {part, whole} <= set(found)]
    for group in (shared, outside):
        if group:
            terms.append(torch.stack(group).mean())
    return torch.stack(terms).sum() if terms else logits.new_zeros(())


def _shared(one: Tensor, other: Tensor) -> Tensor:
    return 2 * (one * other).sum() / (one.sum() + other.sum() + SMOOTH_VOXELS)


def _outside(part: Tensor, whole: Tensor) -> Tensor:
    return (part * (1 - whole)).sum() / (part.sum() + SMOOTH_VOXELS)
