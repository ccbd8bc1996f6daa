"""Small networks of the real library segment-anything with random weights, models made of them, and an
answerer that is a known rule."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import Wish
from inference_backend.prompted.adding import add_prompted
from inference_backend.prompted.asking import SlicePrompt
from inference_backend.prompted.description import LIBRARY, Look, Prompted
from inference_backend.prompted.network import Sizes, empty_network
from inference_backend.prompted.pictures import BRIGHT, HIGH_HU, LOW_HU, Frame

SMALL = Sizes(
    image=128,
    patch=16,
    width=32,
    depth=2,
    heads=2,
    window=3,
    everywhere=(1,),
    prompt=32,
    decoder=64,
)
LICENCE = "Apache-2.0"


def write_weights(path: Path, sizes: Sizes = SMALL, seed: int = 1) -> Path:
    """Random weights as the library writes them."""
    if importlib.util.find_spec(LIBRARY) is None:
        pytest.skip(f"{LIBRARY} is not installed")
    torch.manual_seed(seed)
    network = empty_network(sizes)
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point() and "norm" not in name:
            tensor.normal_(0.0, 0.2)
    torch.save(state, path)
    return path


def add_model(
    tmp_path: Path,
    name: str = "sam",
    *,
    look: Look = Look.MEDSAM,
    gives: tuple[str, ...] = ("bladder", "anorectum"),
    accepted: bool = True,
) -> Prompted:
    """A prompted model, in the home that the environment names."""
    weights = write_weights(tmp_path / "weights.pth")
    model = add_prompted(weights, gives, look, Wish(name, LICENCE, "MedSAM of the ward"))
    if accepted:
        accept(bundle_folder(name), LICENCE, "a test")
    return model


class Threshold:
    """An answerer that calls all that is brighter than a HU inside, whatever the prompt; it remembers what it
    was asked. The gain is so small that a sigmoid is a straight line."""

    side = 256

    def __init__(self, above_hu: float) -> None:
        self._bright = (above_hu - LOW_HU) * BRIGHT / (HIGH_HU - LOW_HU)
        self.asked: list[SlicePrompt] = []
        self.looks = 0

    def look(self, frame: Frame, hu_ji: NDArray[np.int16]) -> Tensor:
        """The picture itself, at a quarter of its size, as the decoder works."""
        self.looks += 1
        return avg_pool2d(frame.padded(frame.picture(hu_ji))[:, :1], 4)

    def answer(self, frame: Frame, seen: Tensor, prompt: SlicePrompt) -> Tensor:
        """Above the threshold."""
        self.asked.append(prompt)
        return (seen - self._bright) * 1e-4
