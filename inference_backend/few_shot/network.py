"""The network of the library universeg, built from what its weights tell of it and filled.

The library is not on PyPI, so it is no extra of this package. Its weights are published for research only.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from inference_backend.few_shot.description import MEND, FewShot
from inference_backend.models.bundle import tensors_of

CROSSED, WENT_ON = "enc_blocks.{}.cross.cross_conv.weight", "enc_blocks.{}.target.vmapped.conv.weight"
Blocks = tuple[tuple[int, int], ...]


def blocks_of(state: Mapping[str, Tensor]) -> Blocks:
    """The channels of each stage, from the weights. DamagedFile where they are of no such network."""
    found: list[tuple[int, int]] = []
    while CROSSED.format(len(found)) in state:
        crossed, went_on = (state.get(name.format(len(found))) for name in (CROSSED, WENT_ON))
        if crossed is None or went_on is None or crossed.ndim != 4 or went_on.ndim != 4:
            break
        found.append((int(crossed.shape[0]), int(went_on.shape[0])))
    if not found:
        raise DamagedFile("These are no weights of UniverSeg.", kept="Nothing was added.")
    return tuple(found)


def empty_network(blocks: Blocks) -> nn.Module:
    """The network with weights of chance. BadSetting where the library is missing."""
    try:
        with warnings.catch_warnings():  # it calls pydantic by names that are to go away
            warnings.simplefilter("ignore", DeprecationWarning)
            from universeg.model import UniverSeg

            network: nn.Module = UniverSeg(encoder_blocks=list(blocks))
    except ImportError as error:
        raise BadSetting("universeg is not installed.", advice=f"Install it: {MEND}") from error
    return network


def fill(network: nn.Module, state: Mapping[str, Tensor], what: str) -> nn.Module:
    """The network with these weights, not training. DamagedFile where they do not fit."""
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        raise DamagedFile(
            f"The weights {what} do not fit the network.", kept="Nothing was loaded."
        ) from error
    return network.eval().requires_grad_(False)


def few_shot_network(folder: Path, model: FewShot) -> nn.Module:
    """A model's network, on the CPU. DamagedFile where the weights are not what they were, or do not fit."""
    return fill(empty_network(model.blocks), tensors_of(folder, model.weights), model.weights.file)
