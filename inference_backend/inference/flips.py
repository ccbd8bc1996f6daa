"""Asking a network about the patient's mirror image too, where her anatomy and the bundle allow it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from inference_backend.inference.blending import Ask
from inference_backend.models.manifest import Manifest

LEFT_RIGHT = -1  # the last axis of a model grid runs from right to left


def mirror_channels(manifest: Manifest) -> tuple[int, ...] | None:
    """For each structure the channel that holds it in the mirror image; None where flips are not allowed."""
    if manifest.flip_left_right is None:
        return None
    partner = {name: name for name in manifest.structures}
    for one, other in manifest.flip_left_right.swaps:
        partner[one], partner[other] = other, one
    return tuple(manifest.structures.index(partner[name]) for name in manifest.structures)


def with_mirror_image(ask: Ask, channels: Sequence[int]) -> Ask:
    """The mean of what the network says of a window and of its mirror image."""

    def ask_both(window: Tensor) -> Tensor:
        logits = ask(window)
        mirrored = ask(window.flip(LEFT_RIGHT)).flip(LEFT_RIGHT)
        return logits.add_(mirrored[:, list(channels)]).mul_(0.5)

    return ask_both
