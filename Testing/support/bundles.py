"""Bundles made on the spot: networks whose weights are set by hand, so what they draw is known beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from AmlartContourLib.contract.strict_json import to_json
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.manifest import FORMAT, MANIFEST_FILE, Manifest, NetworkChoice
from inference_backend.models.networks import build

CHOICE = NetworkChoice("attention_residual_unet", {"channels": [2, 2]})
WINDOW_HU = (-1000.0, 1000.0)


def threshold_network(above_hu: tuple[float, ...], gain: float) -> nn.Module:
    """An attention residual U-Net that says gain * (x - threshold), x being the HU between -1 and 1.

    The coarse way is switched off and the gate is held open, so what is left is one point-wise path through
    the first block, the skip and the join: two channels, x + 2 and nothing.
    """
    network = build(CHOICE.name, 1, len(above_hu), CHOICE.arguments)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.fill_(1.0 if name.endswith("running_var") else 0.0)
            if name.endswith(("running_var",)):
                value.fill_(1.0 - 1e-5)  # what normalisation adds for safety makes it 1
        state = network.state_dict()
        first, join = "down.0.shortcut", "up.0.join.shortcut"
        state[f"{first}.0.weight"][0, 0] = 1.0  # x
        state[f"{first}.1.weight"][0] = 1.0
        state[f"{first}.1.bias"][0] = 2.0  # above 0 everywhere, so ReLU lets it pass
        state["up.0.gate.weight.bias"][0] = 100.0  # the gate is open
        state[f"{join}.0.weight"][0, 0] = 1.0
        state[f"{join}.1.weight"][0] = 1.0
        for channel, hu in enumerate(above_hu):
            at = hu / WINDOW_HU[1]
            state["head.weight"][channel, 0] = gain
            state["head.bias"][channel] = -gain * (2.0 + at)
    return network.eval()


def write_bundle(
    folder: Path, structures: tuple[str, ...], networks: list[nn.Module], **changes: object
) -> Manifest:
    """A whole bundle. `changes` replace fields of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    members = []
    for number, network in enumerate(networks, 1):
        path = folder / f"member-{number}.safetensors"
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
        members.append(file_in_bundle(path))
    manifest = Manifest(
        format=FORMAT,
        id=folder.name,
        version="1",
        title="Thresholds (for tests)",
        structures=structures,
        spacing_mm=(4.0, 4.0, 4.0),
        window_hu=WINDOW_HU,
        network=CHOICE,
        members=tuple(members),
        training_data="None: the weights are set by hand.",
        licence="Apache-2.0",
        intended_use="Tests.",
        demonstration=True,
        patch_kji=(16, 16, 16),
        overlap=0.25,
    )
    manifest = replace(manifest, **changes)
    (folder / MANIFEST_FILE).write_text(json.dumps(json.loads(to_json(manifest)), indent=1))
    return manifest
