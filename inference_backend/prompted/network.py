"""The networks of the library segment-anything, built from what their weights tell and filled.

Of the library only the networks are used. Its package imports torchvision for other parts of it, and a
torchvision that does not fit torch ends every import; so the networks are imported without those parts.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from inference_backend.models.bundle import tensors_of
from inference_backend.prompted.description import LIBRARY, MEND, Prompted

ENCODER, DECODER = "image_encoder.", "mask_decoder."
HEADS_OF_DECODER = 8
MEAN, DEVIATION = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # of photographs, as SAM was trained
LIMIT = 1 << 16
TABLES = 3


@dataclass(frozen=True)
class Sizes:
    """What a network's weights tell of it. `image`: side of the square picture in pixels."""

    image: int
    patch: int
    width: int
    depth: int
    heads: int
    window: int
    everywhere: tuple[int, ...]
    prompt: int
    decoder: int


def sizes_of(state: Mapping[str, Tensor]) -> Sizes:
    """The sizes of a network, from its weights. DamagedFile where they are of no such network."""
    try:
        return _sizes(state)
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise DamagedFile("These are no weights of SAM or MedSAM.", kept="Nothing was added.") from error


def empty_network(sizes: Sizes) -> nn.Module:
    """The network with weights of chance. BadSetting where the library is missing."""
    modeling = _modeling()
    side = sizes.image // sizes.patch
    network: nn.Module = modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            depth=sizes.depth,
            embed_dim=sizes.width,
            img_size=sizes.image,
            mlp_ratio=4,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=sizes.heads,
            patch_size=sizes.patch,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=sizes.everywhere,
            window_size=sizes.window,
            out_chans=sizes.prompt,
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=sizes.prompt,
            image_embedding_size=(side, side),
            input_image_size=(sizes.image, sizes.image),
            mask_in_chans=16,
        ),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=sizes.prompt, mlp_dim=sizes.decoder, num_heads=HEADS_OF_DECODER
            ),
            transformer_dim=sizes.prompt,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
        pixel_mean=MEAN,
        pixel_std=DEVIATION,
    )
    return network


def filled(state: Mapping[str, Tensor], what: str) -> nn.Module:
    """The network of these weights, not training. DamagedFile where they do not fit."""
    network = empty_network(sizes_of(state))
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        told = f"The weights {what} do not fit the network."
        raise DamagedFile(told, kept="Nothing was loaded.") from error
    return network.eval().requires_grad_(False)


def prompted_network(folder: Path, model: Prompted) -> nn.Module:
    """A model's network, on the CPU. DamagedFile where the weights are not what they were, or do not fit."""
    return filled(tensors_of(folder, model.weights), model.weights.file)


def working_bytes(network: nn.Module) -> int:
    """What the look at one picture takes: three tables of places by places for each head of the encoder are
    held at once."""
    encoder: Any = network.get_submodule("image_encoder")
    heads, places = int(encoder.blocks[0].attn.num_heads), int(encoder.pos_embed.shape[1]) ** 2
    return TABLES * heads * places**2 * 4


def _sizes(state: Mapping[str, Tensor]) -> Sizes:
    blocks = ENCODER + "blocks.{}.attn.rel_pos_h"
    patches = state[ENCODER + "pos_embed"]
    patch = int(state[ENCODER + "patch_embed.proj.weight"].shape[-1])
    depth = next(n for n in range(LIMIT) if blocks.format(n) not in state)
    reach = [int(state[blocks.format(n)].shape[0] + 1) // 2 for n in range(depth)]
    width, side = int(patches.shape[-1]), int(patches.shape[1])
    everywhere = tuple(n for n, r in enumerate(reach) if r == side)
    windows = {r for r in reach if r != side}
    if not depth or len(windows) > 1 or side * patch > LIMIT:
        raise ValueError("sizes that do not go together")
    return Sizes(
        image=side * patch,
        patch=patch,
        width=width,
        depth=depth,
        heads=width // int(state[blocks.format(0)].shape[1]),
        window=windows.pop() if windows else 0,
        everywhere=everywhere,
        prompt=int(state[ENCODER + "neck.0.weight"].shape[0]),
        decoder=int(state[DECODER + "transformer.layers.0.mlp.lin1.weight"].shape[0]),
    )


def _modeling() -> Any:
    try:
        with _package_without_torchvision():
            return importlib.import_module(f"{LIBRARY}.modeling")
    except ImportError as error:
        raise BadSetting("segment-anything is not installed.", advice=f"Install it: {MEND}") from error


@contextmanager
def _package_without_torchvision() -> Iterator[None]:
    """The library's package as an empty one for a moment, so that only the networks below it are imported."""
    spec = None if LIBRARY in sys.modules else importlib.util.find_spec(LIBRARY)
    if spec is None:
        yield
        return
    sys.modules[LIBRARY] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[LIBRARY]
