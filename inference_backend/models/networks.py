"""Networks by name. Only the names listed here can be built, so a manifest cannot name any other code.

Each builder takes the number of input channels, the number of structures and the manifest's own arguments,
and gives a module from [b, inputs, k, j, i] to logits [b, structures, k, j, i].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.models.attention_residual_unet import CHANNELS, AttentionResidualUNet
from inference_backend.models.monai_wrapped import ClassPrompts, MonaiBundle
from inference_backend.models.one_network_each import OneNetworkEach

SEGRESNET_LEVELS = (1, 2, 2, 4)  # MONAI's default
SWIN_MULTIPLE = 32
ONE_EACH = "one_network_each"
MONAI_BUNDLE, VISTA = "monai_bundle", "vista3d"
VISTA_MULTIPLE = 16

Arguments = Mapping[str, Any]
Builder = Callable[[int, int, Arguments], nn.Module]


def build(name: str, inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    """A network with random weights. BadSetting for an unlisted name or arguments it does not take."""
    builder = BUILDERS.get(name)
    if builder is None:
        raise BadSetting(f"There is no network {name!r}.", advice=f"Known: {', '.join(sorted(BUILDERS))}.")
    try:
        return builder(inputs, structures, arguments)
    except (TypeError, ValueError, KeyError) as error:
        raise BadSetting(f"The network {name} cannot be built from these arguments: {error}.") from error


def told_network(name: str, structures: int, arguments: Arguments, window_kji: tuple[int, int, int]) -> str:
    """A network for one scan in words: its name, weights, and what goes in and comes out."""
    network = build(name, 1, structures, arguments)
    count = sum(weight.numel() for weight in network.parameters())
    window = " x ".join(map(str, window_kji))
    return f"{name}: {count:,} weights, 1 x {window} in, {structures} x {window} out"


def side_multiple(name: str, arguments: Arguments) -> int:
    """Every side of a window must be a multiple of this many voxels."""
    if name == VISTA:
        return VISTA_MULTIPLE
    if name in (ONE_EACH, MONAI_BUNDLE):
        return side_multiple(str(arguments["network"]), arguments["arguments"])
    if name == "attention_residual_unet":
        return int(arguments.get("stem", 1)) << (len(arguments.get("channels", CHANNELS)) - 1)
    if name == "monai_unet":
        return math.prod(int(stride) for stride in arguments["strides"])
    if name == "monai_segresnet":
        return 1 << (len(arguments.get("blocks_down", SEGRESNET_LEVELS)) - 1)
    return SWIN_MULTIPLE


def _attention_residual_unet(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    return AttentionResidualUNet(inputs, structures, **arguments)


def _monai_unet(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    from monai.networks.nets.unet import UNet

    return UNet(spatial_dims=3, in_channels=inputs, out_channels=structures, **arguments)


def _monai_segresnet(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    from monai.networks.nets.segresnet import SegResNet

    return SegResNet(spatial_dims=3, in_channels=inputs, out_channels=structures, **arguments)


def _monai_swin_unetr(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    from monai.networks.nets.swin_unetr import SwinUNETR

    return SwinUNETR(spatial_dims=3, in_channels=inputs, out_channels=structures, **arguments)


def _one_network_each(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    """Arguments: `network`, another one of the list, and its `arguments`."""
    name, own = arguments["network"], arguments["arguments"]
    if name == ONE_EACH or set(arguments) != {"network", "arguments"}:
        raise ValueError("it takes the name of another network and its arguments")
    return OneNetworkEach([build(name, inputs, 1, own) for _ in range(structures)])


def _monai_bundle(inputs: int, structures: int, arguments: Arguments) -> nn.Module:
    """Arguments: `network`, one of MONAI's of the list or VISTA3D, its `arguments` and `outputs`, and what
    `MonaiBundle` takes."""
    name, channels = str(arguments["network"]), [int(n) for n in arguments["channels"]]
    outputs = int(arguments["outputs"])
    if len(channels) != structures or (name != VISTA and not all(0 <= n < outputs for n in channels)):
        raise ValueError("its channels are not those of its structures")
    if name == VISTA:
        network: nn.Module = ClassPrompts(_vista(inputs, arguments["arguments"]), channels)
        channels = list(range(structures))
    elif name.startswith("monai_") and name != MONAI_BUNDLE:
        network = build(name, inputs, outputs, arguments["arguments"])
    else:
        raise ValueError(f"{name} is no network of MONAI's")
    low, high = (float(value) for value in arguments["values"])
    exclusive = bool(arguments["exclusive"])
    return MonaiBundle(network, channels, str(arguments["axes"]), (low, high), exclusive=exclusive)


def _vista(inputs: int, arguments: Arguments) -> nn.Module:
    from monai.networks.nets.vista3d import vista3d132

    network: nn.Module = vista3d132(in_channels=inputs, **arguments)
    return network


BUILDERS: dict[str, Builder] = {
    "attention_residual_unet": _attention_residual_unet,
    "monai_unet": _monai_unet,
    "monai_segresnet": _monai_segresnet,
    "monai_swin_unetr": _monai_swin_unetr,
    ONE_EACH: _one_network_each,
    MONAI_BUNDLE: _monai_bundle,
}
