"""A network of MONAI's as its bundle shows it pictures and reads its answers, seen from here.

Here a window is [b, 1, k, j, i] with i to the left, j to posterior, k to superior, HU scaled to -1 to 1, and
the logit of a structure is above 0 where it belongs. A bundle's network sees x, y, z in an order of its own
and HU scaled otherwise; of exclusive channels the largest decides. The logit here is then how far a channel
is above the largest of the others: above 0 just where it is the largest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LPS = "LPS"
OPPOSITE = {"L": "R", "P": "A", "S": "I"}


class MonaiBundle(nn.Module):
    """`channels`: output of each structure. `axes`: what x, y, z of its pictures run to, such as RAS.
    `values`: what -1 and 1 become."""

    def __init__(
        self,
        network: nn.Module,
        channels: Sequence[int],
        axes: str,
        values: tuple[float, float],
        *,
        exclusive: bool,
    ) -> None:
        super().__init__()
        self.network = network
        self._channels = list(channels)
        self._flips = [4 - n for n, letter in enumerate(LPS) if axes[n] == OPPOSITE[letter]]
        self._low, self._high = values
        self._exclusive = exclusive

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, structures, k, j, i]."""
        seen = (x + 1.0) * ((self._high - self._low) / 2) + self._low
        answer = self.network(seen.flip(self._flips).permute(0, 1, 4, 3, 2))
        logits = answer.permute(0, 1, 4, 3, 2).flip(self._flips)
        return _margins(logits, self._channels) if self._exclusive else logits[:, self._channels]


class ClassPrompts(nn.Module):
    """VISTA3D asked for some of its classes: [b, 1, x, y, z] to logits [b, classes, x, y, z]."""

    def __init__(self, network: nn.Module, classes: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self._classes = list(classes)

    def forward(self, x: Tensor) -> Tensor:
        """One window at a time, as VISTA3D takes them."""
        prompts = torch.tensor(self._classes, device=x.device)[:, None]
        each = [self.network(input_images=one[None], class_vector=prompts)[:, 0] for one in x]
        return torch.stack(each)


def _margins(logits: Tensor, channels: Sequence[int]) -> Tensor:
    """How far each channel is above the largest of the others."""
    top = logits.topk(2, dim=1).values
    largest, second = top[:, :1], top[:, 1:]
    own = logits[:, list(channels)]
    return own - torch.where(own == largest, second, largest)
