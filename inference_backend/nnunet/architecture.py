"""Which of nnU-Net's two U-Nets a plans file describes, with its sizes: plain numbers, old and new plans
alike.

A plans file is input: the classes it names are compared with short lists and never imported. What this
software does not build is refused in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from AmlartContourLib.contract.errors import BadSetting

PLAIN, RESIDUAL = "PlainConvUNet", "ResidualEncoderUNet"
MAX_STAGES = 10
MAX_FEATURES = 4096
MAX_BLOCKS = 64
NORMS = ("InstanceNorm", "BatchNorm")
NONLINEARITIES = ("LeakyReLU", "ReLU")
Steps = tuple[int, int, int]


@dataclass(frozen=True)
class Architecture:
    """The sizes of one 3D U-Net, stages from the finest to the coarsest.

    `blocks`: convolutions of each encoder stage (plain) or residual blocks (residual); `decoder_blocks`:
    of each decoder stage, coarsest first. `norm` and `nonlinearity` are names of `NORMS` and
    `NONLINEARITIES`; None for no norm.
    """

    kind: str
    features: tuple[int, ...]
    kernels: tuple[Steps, ...]
    strides: tuple[Steps, ...]
    blocks: tuple[int, ...]
    decoder_blocks: tuple[int, ...]
    bias: bool = True
    norm: str | None = "InstanceNorm"
    norm_arguments: tuple[tuple[str, float], ...] = (("affine", True), ("eps", 1e-5))
    nonlinearity: str = "LeakyReLU"
    slope: float = 0.01

    def __post_init__(self) -> None:
        stages = len(self.features)
        lengths = (len(self.kernels), len(self.strides), len(self.blocks), len(self.decoder_blocks) + 1)
        if not 2 <= stages <= MAX_STAGES or set(lengths) != {stages}:
            raise _refused("its stages do not match")
        if not all(1 <= n <= MAX_FEATURES for n in self.features):
            raise _refused("a stage has too many features")
        if not all(1 <= n <= MAX_BLOCKS for n in (*self.blocks, *self.decoder_blocks)):
            raise _refused("a stage has too many blocks")
        sides = [side for row in (*self.kernels, *self.strides) for side in row]
        if not all(1 <= side <= 7 for side in sides) or not all(s % 2 for row in self.kernels for s in row):
            raise _refused("a kernel has another size than 1, 3, 5 or 7")

    @property
    def multiple(self) -> Steps:
        """Every side of a window must be a multiple of this many voxels."""
        a, b, c = (math.prod(sides) for sides in zip(*self.strides, strict=True))
        return a, b, c


def architecture_of(configuration: Mapping[str, object]) -> Architecture:
    """From one configuration of a plans file. BadSetting where it asks for what this software does not
    build."""
    try:
        if "architecture" in configuration:
            return _new(configuration["architecture"])
        return _old(configuration)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refused(f"{error} is missing or not understood") from error


def _new(architecture: object) -> Architecture:
    data = _mapping(architecture)
    kind = str(data["network_class_name"]).rsplit(".", 1)[-1]
    arguments = _mapping(data["arch_kwargs"])
    stages = int(_number(arguments["n_stages"]))
    if not 2 <= stages <= MAX_STAGES:
        raise _refused("its stages do not match")
    _refuse_unknown(arguments)
    return Architecture(
        kind=_kind(kind),
        features=_row(arguments["features_per_stage"], stages),
        kernels=_rows(arguments["kernel_sizes"], stages),
        strides=_rows(arguments["strides"], stages),
        blocks=_row(arguments["n_conv_per_stage" if kind == PLAIN else "n_blocks_per_stage"], stages),
        decoder_blocks=_row(arguments["n_conv_per_stage_decoder"], stages - 1),
        bias=bool(arguments.get("conv_bias", False)),
        norm=_norm(arguments.get("norm_op")),
        norm_arguments=_numbers(arguments.get("norm_op_kwargs")),
        nonlinearity=_listed(arguments.get("nonlin"), NONLINEARITIES, "nonlinearity"),
        slope=dict(_numbers(arguments.get("nonlin_kwargs"))).get("negative_slope", 0.01),
    )


def _old(configuration: Mapping[str, object]) -> Architecture:
    """Plans written before the network's own arguments were kept: sizes only, all else was fixed."""
    blocks = [int(_number(n)) for n in _sequence(configuration["n_conv_per_stage_encoder"])]
    base = int(_number(configuration["UNet_base_num_features"]))
    most = int(_number(configuration["unet_max_num_features"]))
    stages = len(blocks)
    return Architecture(
        kind=_kind(str(configuration["UNet_class_name"])),
        features=tuple(min(base * 2**stage, most) for stage in range(stages)),
        kernels=_rows(configuration["conv_kernel_sizes"], stages),
        strides=_rows(configuration["pool_op_kernel_sizes"], stages),
        blocks=tuple(blocks),
        decoder_blocks=_row(configuration["n_conv_per_stage_decoder"], stages - 1),
    )


KNOWN_ARGUMENTS = {
    "n_stages", "features_per_stage", "conv_op", "kernel_sizes", "strides", "n_conv_per_stage",
    "n_blocks_per_stage", "n_conv_per_stage_decoder", "conv_bias", "norm_op", "norm_op_kwargs", "dropout_op",
    "dropout_op_kwargs", "nonlin", "nonlin_kwargs", "deep_supervision",
}  # fmt: skip


def _refuse_unknown(arguments: Mapping[str, object]) -> None:
    """Anything beyond the usual arguments, unless it is switched off, changes the network."""
    for name in set(arguments) - KNOWN_ARGUMENTS:
        if arguments[name]:
            raise _refused(f"its argument {name} is not known")
    if not str(arguments["conv_op"]).endswith("Conv3d"):
        raise _refused("its convolution is not Conv3d")


def _kind(name: str) -> str:
    if name not in (PLAIN, RESIDUAL):
        raise _refused(f"its network is {name}")
    return name


def _norm(name: object) -> str | None:
    if name is None:
        return None
    return _listed(str(name).removesuffix("3d"), NORMS, "norm")


def _listed(name: object, allowed: tuple[str, ...], what: str) -> str:
    last = str(name).rsplit(".", 1)[-1]
    if last not in allowed:
        raise _refused(f"its {what} is {last}")
    return last


def _rows(value: object, stages: int) -> tuple[Steps, ...]:
    rows = [value] * stages if isinstance(value, int) else _sequence(value)
    return tuple(_steps(row) for row in rows)


def _steps(row: object) -> Steps:
    """One number for each axis, or one for all. ValueError for a network that is not 3D."""
    a, b, c = [row] * 3 if isinstance(row, int) else _sequence(row)
    return int(_number(a)), int(_number(b)), int(_number(c))


def _row(value: object, stages: int) -> tuple[int, ...]:
    return (value,) * stages if isinstance(value, int) else tuple(int(_number(n)) for n in _sequence(value))


def _numbers(value: object) -> tuple[tuple[str, float], ...]:
    if value is None:
        return ()
    return tuple(
        sorted((key, item) for key, item in _mapping(value).items() if isinstance(item, (int, float)))
    )


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("a block of settings")
    return value


def _sequence(value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple)):
        raise TypeError("a list")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a number")
    return value


def _refused(why: str) -> BadSetting:
    return BadSetting(
        f"The plans describe a network that cannot be built here: {why}.",
        advice="Supported are nnU-Net's PlainConvUNet and ResidualEncoderUNet.",
    )
