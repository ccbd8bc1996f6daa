"""A network that knows how much processor time it took, so that what lies outside it can be told."""

from __future__ import annotations

import time

import torch


class Clocked(torch.nn.Module):
    """A network that knows how much processor time it took."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.seconds = network, 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the network says."""
        started = time.process_time()
        found: torch.Tensor = self.network(x)
        self.seconds += time.process_time() - started
        return found
