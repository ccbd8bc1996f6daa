"""Several networks of one structure each, side by side: to its user one network of all structures.

This is how "one network for each structure" and "all structures at once" come as the same kind of bundle and
are compared by the same evaluation. Weights of structure n have names that begin with `n.`
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class OneNetworkEach(nn.ModuleList):
    """[b, inputs, k, j, i] to logits [b, structures, k, j, i]; network n gives channel n."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__(networks)

    def forward(self, x: Tensor) -> Tensor:
        """The networks know nothing of each other."""
        return torch.cat([network(x) for network in self], dim=1)
