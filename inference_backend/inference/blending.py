"""One network over one volume, window by window, summed in place.

Logits are blended, not probabilities. The sums are float32; half precision is for callers that can show its
error (at most 0.02 where the logits stay within 40, see the bench).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inference_backend.inference.windows import WindowPlan

Ask = Callable[[Tensor], Tensor]
"""Takes [1, 1, k, j, i], gives float32 logits [1, structures, k, j, i]."""


def blended_logits(
    ask: Ask,
    volume_kji: Tensor,
    plan: WindowPlan,
    channels: Sequence[int],
    before_each: Callable[[int], None],
    sums: torch.dtype = torch.float32,
) -> Tensor:
    """Logits [channels, k, j, i] of the whole volume, on the volume's device.

    `before_each` is called with the number of the window before the network is asked; what it raises ends
    all.
    """
    chosen = torch.as_tensor(list(channels), device=volume_kji.device)
    total: Tensor | None = None
    for number, (box, (k, j, i)) in enumerate(plan):
        before_each(number)
        logits = ask(volume_kji[box.slices][None, None])[0]
        if list(channels) != list(range(len(logits))):
            logits = logits.index_select(0, chosen)
        if len(plan) == 1:
            return logits.to(sums)
        if total is None:
            total = torch.zeros((len(logits), *plan.shape_kji), dtype=sums, device=volume_kji.device)
        plane = torch.from_numpy(j[:, None] * i).to(volume_kji.device)
        _add(total[(slice(None), *box.slices)], logits, k.tolist(), plane)
    if total is None:
        raise ValueError("a plan has at least one window")
    return total


def _add(total: Tensor, logits: Tensor, along_k: Sequence[float], plane_ji: Tensor) -> None:
    """Adds weighed logits in place, slice by slice: the weights of one stay in the processor's cache."""
    for k, weight in enumerate(along_k):
        total[:, k].addcmul_(logits[:, k], plane_ji, value=weight)
