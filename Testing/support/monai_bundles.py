"""MONAI bundles made here: the published bundles' own form, with real networks of MONAI's and weights of
chance or of a known rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.vista3d import vista3d132
from torch import Tensor, nn

from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import Wish
from inference_backend.monai_bundle.adding import Choices, add_monai
from inference_backend.monai_bundle.description import MonaiModel

LICENCE = "Apache-2.0"
LABELS = {"0": "background", "1": "urinary_bladder", "2": "spleen", "3": "rectum"}
WINDOW_HU = (-1000.0, 1000.0)
GAIN = 40.0  # 0.02 a HU: all but a straight line from voxel to voxel, and more than the steps of blended sums
SEGRESNET = {
    "_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 4, "init_filters": 8,
    "blocks_down": [1, 1], "blocks_up": [1],
}  # fmt: skip
SWIN = {
    "_target_": "SwinUNETR", "spatial_dims": 3, "img_size": 32, "in_channels": 1, "out_channels": 4,
    "feature_size": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "use_checkpoint": False,
}  # fmt: skip
VISTA = "$monai.networks.nets.vista3d132(in_channels=@input_channels)"


def network_of(definition: object) -> nn.Module:
    """The real network of a definition, with weights of chance."""
    torch.manual_seed(3)
    if definition == VISTA:
        return vista3d132(in_channels=1).eval()
    assert isinstance(definition, dict)
    arguments = {k: v for k, v in definition.items() if k not in ("_target_", "img_size", "use_checkpoint")}
    kind = SegResNet if definition["_target_"] == "SegResNet" else SwinUNETR
    return kind(**arguments).eval()


def config_of(
    definition: object = SEGRESNET, *, side: int = 32, spacing: object = (4.0, 4.0, 4.0), **changes: object
) -> dict[str, Any]:
    """What inference.json holds, in the form of the published bundles; `changes` replace its parts."""
    name = "VistaPostTransformd" if definition == VISTA else "AsDiscreted"
    config: dict[str, Any] = {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "image_key": "image",
        "input_channels": 1,
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "pixdim": list(spacing) if isinstance(spacing, tuple) else spacing,
        "window": [side] * 3,
        "network_def": definition,
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "@image_key"},
                {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
                {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
                {"_target_": "Spacingd", "keys": "@image_key", "pixdim": "@pixdim", "mode": "bilinear"},
                scaling(),
                {"_target_": "EnsureTyped", "keys": "@image_key", "dtype": "$torch.float32"},
            ],
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": "@window",
            "overlap": 0.25,
            "device": "$torch.device('cpu')",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [{"_target_": name, "keys": "pred", "argmax": True}],
        },
        "run": ["$@evaluator.run()"],
    }
    return {**config, **changes}


def scaling(
    window_hu: tuple[float, float] = WINDOW_HU, values: tuple[float, float] = (0.0, 1.0)
) -> dict[str, Any]:
    """The usual step that scales HU."""
    low, high = values
    return {
        "_target_": "ScaleIntensityRanged", "keys": "image", "a_min": window_hu[0], "a_max": window_hu[1],
        "b_min": low, "b_max": high, "clip": True,
    }  # fmt: skip


def write_bundle(
    folder: Path,
    config: Mapping[str, Any],
    state: object,
    labels: Mapping[str, str] = LABELS,
    licence: str = "Apache License\nVersion 2.0",
) -> Path:
    """A whole bundle."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    metadata = {
        "version": "0.2.0",
        "name": "Pelvis (for tests)",
        "data_source": "Weights of chance.",
        "network_data_format": {
            "outputs": {"pred": {"num_channels": len(labels), "channel_def": dict(labels)}}
        },
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    (folder / "LICENSE").write_text(licence)
    torch.save(state, folder / "models" / "model.pt")
    return folder


def add_model(
    source: Path, name: str = "monai", choices: Choices | None = None, *, accepted: bool = True
) -> MonaiModel:
    """The model of a bundle, in the home that the environment names."""
    model = add_monai(source, Wish(name, LICENCE, name), choices or Choices())
    if accepted:
        accept(bundle_folder(name), LICENCE, "a test")
    return model


def rule_definition(channels: int = 4) -> dict[str, Any]:
    """A SegResNet whose norms do nothing once their statistics are set."""
    return {**SEGRESNET, "norm": "BATCH", "out_channels": channels}


def rule_state(definition: Mapping[str, Any], above_hu: Mapping[int, float]) -> dict[str, Tensor]:
    """Weights by which channel n says GAIN * (HU - threshold) of the window, and all others 0: the last ReLU
    is passed by x and by -x, on two channels."""
    network = network_of(dict(definition))
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.fill_(1.0 - 1e-5)  # what the norm adds for safety makes it 1
        elif name.startswith("conv_final.0") and name.endswith("weight"):
            tensor.fill_(1.0)
    state["convInit.conv.weight"][0, 0, 1, 1, 1] = 1.0
    state["convInit.conv.weight"][1, 0, 1, 1, 1] = -1.0
    low, high = WINDOW_HU
    for channel, hu in above_hu.items():
        state["conv_final.2.conv.weight"][channel, 0] = GAIN
        state["conv_final.2.conv.weight"][channel, 1] = -GAIN
        state["conv_final.2.conv.bias"][channel] = -GAIN * (hu - low) / (high - low)
    return state
