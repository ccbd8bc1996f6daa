"""One nnU-Net network over a volume, window by window, as nnU-Net places and weighs its windows.

The sums are float32; nnU-Net's own are half, which at the outer faces of a volume, where its weights are
subnormal, decides a few voxels by rounding. With `sums=torch.half` the logits are nnU-Net's own to the
last bit, which is what the parity test asks for. Nothing outlives a call: no thread, no copy of the
volume.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from inference_backend.nnunet.plans import Index3

SIGMA = 1 / 8  # of a window's side
PEAK = 10.0
Ask = Callable[[Tensor], Tensor]
Slices = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Tiling:
    """How windows cover a volume. `step`: part of a window's side from one to the next at most.
    `mirrors`: axes (0 to 2) along which the network is asked about the mirror image too."""

    window_a: Index3
    step: float = 0.5
    mirrors: tuple[int, ...] = ()
    sums: torch.dtype = torch.float32

    def windows(self, shape_a: Sequence[int]) -> list[Slices]:
        """The windows over a volume, each side at least a window's."""
        starts = [_starts(n, side, self.step) for n, side in zip(shape_a, self.window_a, strict=True)]
        a, b, c = self.window_a
        return [(slice(x, x + a), slice(y, y + b), slice(z, z + c)) for x, y, z in itertools.product(*starts)]

    @property
    def turns(self) -> list[tuple[int, ...]]:
        """The axes of [1, 1, a, b, c] that are mirrored each time the network is asked about a window; none
        the first time."""
        axes = [axis + 2 for axis in self.mirrors]
        return [turn for n in range(len(axes) + 1) for turn in itertools.combinations(axes, n)]


def logits_of(
    ask: Ask, values_a: Tensor, tiling: Tiling, before_each: Callable[[int, int], None], device: str
) -> Tensor:
    """Logits [channels, a, b, c] of a volume [a, b, c], sums on the volume's own device.

    `device` is the network's. `before_each` is called before the network is asked, with how often it has
    been and will be; what it raises ends all.
    """
    whole, inside = _padded(values_a, tiling)
    windows = tiling.windows(whole.shape)
    weights = window_weights(tiling.window_a, tiling.sums if tiling.sums is torch.half else torch.float32)
    weights = weights.to(device)
    turns = tiling.turns
    total: Tensor | None = None
    counted = torch.zeros(whole.shape, dtype=tiling.sums, device=whole.device)
    for number, window in enumerate(windows):
        seen = whole[window][None, None].to(device)
        found: Tensor | None = None
        for n, turn in enumerate(turns):
            before_each(number * len(turns) + n, len(windows) * len(turns))
            said = torch.flip(ask(torch.flip(seen, turn)), turn) if turn else ask(seen)
            found = said if found is None else found.add_(said)
        if found is None:
            raise ValueError("a network is asked at least once")
        found = (found / len(turns) if len(turns) > 1 else found)[0]
        found *= weights
        if total is None:
            total = torch.zeros((len(found), *whole.shape), dtype=tiling.sums, device=whole.device)
        total[(slice(None), *window)] += found.to(whole.device)
        counted[window] += weights.to(whole.device)
    if total is None:
        raise ValueError("a volume has at least one window")
    return torch.div(total, counted, out=total)[(slice(None), *inside)]


def window_weights(window_a: Index3, dtype: torch.dtype) -> Tensor:
    """A Gaussian over a window, made in half precision as nnU-Net's is; what it loses there becomes its
    least."""
    middle = np.zeros(window_a)
    middle[tuple(side // 2 for side in window_a)] = 1
    bump = gaussian_filter(middle, [side * SIGMA for side in window_a], 0, mode="constant", cval=0)
    weights = torch.from_numpy(bump / (bump.max() / PEAK)).to(torch.half)
    weights[weights == 0] = weights[weights != 0].min()
    return weights.to(dtype)


def _starts(length: int, side: int, step: float) -> list[int]:
    count = int(np.ceil((length - side) / (side * step))) + 1
    apart = (length - side) / (count - 1) if count > 1 else 0.0
    return [int(np.round(apart * n)) for n in range(count)]


def _padded(values_a: Tensor, tiling: Tiling) -> tuple[Tensor, Slices]:
    """The volume in the middle of zeros where it is smaller than a window, and where it lies there."""
    room: list[int] = []
    inside = []
    for length, side in zip(values_a.shape, tiling.window_a, strict=True):
        more = max(side - length, 0)
        room = [more // 2, more - more // 2, *room]
        inside.append(slice(more // 2, more // 2 + length))
    whole = torch.nn.functional.pad(values_a, room) if any(room) else values_a
    return whole, (inside[0], inside[1], inside[2])
