"""One network over one volume, window by window, summed in place.

Logits are blended, not probabilities. On a GPU the sums are float32. On the CPU they are whole numbers of
`STEP`, held in 16 bits: half the memory and less to move, and an error of at most half a step for each
window over a voxel, 0.008 of a logit where eight meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from AmlartContourLib.measures import accelerator
from inference_backend.inference.windows import Window, WindowPlan

Ask = Callable[[Tensor], Tensor]
"""Takes [1, 1, k, j, i], gives float32 logits [1, structures, k, j, i]."""

STEPS_IN_ONE = 512
STEP = 1 / STEPS_IN_ONE
LIMIT = 60.0  # a probability of 1e-26; 16 bits hold 64


@dataclass(frozen=True, eq=False)
class Blended:
    """Logits [channels, k, j, i] of a whole volume on its device: float32, or int16 in numbers of `STEP`."""

    sums: Tensor

    def logits(self, channel: int) -> Tensor:
        """Of one channel, float32 [k, j, i]."""
        found = self.sums[channel]
        return found.float().mul_(STEP) if found.dtype is torch.int16 else found


def blended_logits(
    ask: Ask,
    volume_kji: Tensor,
    plan: WindowPlan,
    channels: Sequence[int],
    before_each: Callable[[int], None],
) -> Blended:
    """Logits of these channels all over the volume.

    `before_each` is called with the number of the window before the network is asked; what it raises ends
    all.
    """
    device = volume_kji.device
    chosen = torch.as_tensor(list(channels), device=device)
    sums: Tensor | None = None
    for number, window in enumerate(plan):
        before_each(number)
        logits = ask(volume_kji[window.seen.slices][None, None])[0]
        if list(channels) != list(range(len(logits))):
            logits = logits.index_select(0, chosen)
        if len(plan) == 1:
            return Blended(logits)
        if sums is None:
            held = torch.int16 if device.type == "cpu" else torch.float32
            sums = torch.zeros((len(logits), *plan.shape_kji), dtype=held, device=device)
        _add(sums, logits, window)
    if sums is None:
        raise ValueError("a plan has at least one window")
    return Blended(sums)


def _add(sums: Tensor, logits: Tensor, window: Window) -> None:
    """Adds in place what counts of a window."""
    kernels = _kernels() if sums.dtype is torch.int16 else None
    if kernels is None:
        _add_slice_by_slice(sums, logits, window)
    else:
        first = tuple(part.start for part in window.counted_of_seen)
        said = logits.contiguous().numpy()
        kernels.add_weighed(sums.numpy(), said, *window.rows, window.counted.start_kji, first)


def _add_slice_by_slice(sums: Tensor, logits: Tensor, window: Window) -> None:
    """The weights of one slice stay in the processor's cache."""
    here = sums[(slice(None), *window.counted.slices)]
    said = logits[(slice(None), *window.counted_of_seen)]
    k, j, i = (torch.from_numpy(row).to(sums.device) for row in window.rows)
    for number, weight in enumerate(k):
        if sums.dtype is torch.int16:
            weights = (weight * j * STEPS_IN_ONE)[:, None] * i
            here[:, number] += (said[:, number].clamp(-LIMIT, LIMIT) * weights).round_().to(torch.int16)
        else:
            here[:, number].addcmul_(said[:, number], (weight * j)[:, None] * i)


def _kernels() -> ModuleType | None:
    """The compiled loop where numba is installed and not switched off (`AMLART_MEASURES`)."""
    if accelerator.kernels() is None:
        return None
    from inference_backend.inference import compiled_blending

    return compiled_blending
