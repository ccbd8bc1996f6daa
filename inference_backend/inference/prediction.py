"""Probabilities of every structure from one network and one view, within the memory there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inference_backend.inference.blending import Ask, Blended, blended_logits
from inference_backend.inference.devices import Runtime, asking
from inference_backend.inference.flips import with_mirror_image
from inference_backend.inference.memory import Attempt, with_fallback
from inference_backend.inference.pace import Pace
from inference_backend.inference.view import View
from inference_backend.inference.windows import plan_windows

MakeAsk = Callable[[nn.Module, Runtime], Ask]


@dataclass(frozen=True, eq=False)
class Answer:
    """What one network says of a view, channel by channel, so that no more than one is held as floats."""

    blended: Blended
    inside: tuple[slice, slice, slice]

    def probabilities(self, channel: int) -> NDArray[np.float32]:
        """[k, j, i] on the view's block, 0 to 1; a new array."""
        with torch.inference_mode():
            found: NDArray[np.float32] = (
                torch.sigmoid(self.blended.logits(channel)[self.inside]).cpu().contiguous().numpy()
            )
        return found


@dataclass
class Predictor:
    """Asks networks about a view, window by window.

    `overlap`: part of a window that the next one shares. `multiple`: what a window's sides are multiples of.
    `mirrored`: for each structure its channel in the mirror image, None for no flips. `findings` collects
    sentences for the user. Once memory ran out, later networks start with what sufficed.
    """

    attempt: Attempt
    multiple: int
    overlap: float
    mirrored: tuple[int, ...] | None = None
    make_ask: MakeAsk = asking
    findings: list[str] = field(default_factory=list)

    def answer(self, network: nn.Module, view: View, channels: Sequence[int], pace: Pace) -> Answer:
        """What the network says of these channels. Cancelled, and MemoryError where nothing suffices."""

        def run(attempt: Attempt) -> Answer:
            device = attempt.runtime.device
            ask = self.make_ask(network.to(device), attempt.runtime)
            if self.mirrored is not None:
                ask = with_mirror_image(ask, self.mirrored)
            plan = plan_windows(_shape(view), attempt.side_kji, self.overlap)

            def before_each(number: int) -> None:
                pace.tell(number / len(plan), f"part {number + 1} of {len(plan)}")

            with torch.inference_mode():
                found = blended_logits(ask, view.values_kji.to(device), plan, channels, before_each)
            return Answer(found, view.inside)

        found, self.attempt = with_fallback(self.attempt, self.multiple, run, self.findings.append)
        return found


def _shape(view: View) -> tuple[int, int, int]:
    k, j, i = view.values_kji.shape
    return k, j, i
