"""nnU-Net's two U-Nets, built from an `Architecture` with the tensor names of its checkpoints.

Written here so that trained folders run on torch alone; a test holds both against the library's own,
weight for weight and output for output. A checkpoint names each convolution twice and the encoder a third
time within the decoder; `checkpoint.py` drops those copies. Dropout is not built: it does nothing after
training. The outputs for deep supervision have weights and are kept, so that every tensor of a checkpoint
has its place; only the finest is asked.

Sources: Isensee 2021 (nnU-Net), Isensee 2024 (residual encoder), He 2019 (the residual block of "ResNet-D").
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from inference_backend.nnunet.architecture import PLAIN, Architecture, Steps

ONES: Steps = (1, 1, 1)
NORMS: dict[str, Callable[..., nn.Module]] = {
    "InstanceNorm": nn.InstanceNorm3d,
    "BatchNorm": nn.BatchNorm3d,
}


class Convolution(nn.Module):
    """A convolution of equal size, the norm, and the nonlinearity unless it is left out."""

    def __init__(
        self,
        plan: Architecture,
        inputs: int,
        outputs: int,
        kernel: Steps,
        stride: Steps,
        *,
        bias: bool,
        nonlinear: bool = True,
    ) -> None:
        super().__init__()
        a, b, c = kernel
        padding = ((a - 1) // 2, (b - 1) // 2, (c - 1) // 2)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=bias)
        self.norm = _norm(plan, outputs)
        self.nonlin = _nonlinearity(plan) if nonlinear else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, ...] to [b, outputs, ...]."""
        found: Tensor = self.nonlin(self.norm(self.conv(x)))
        return found


class Stack(nn.Module):
    """Convolutions one after another; the first may halve the volume."""

    def __init__(
        self, plan: Architecture, inputs: int, outputs: int, kernel: Steps, stride: Steps, n: int
    ) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(
                Convolution(
                    plan, outputs if m else inputs, outputs, kernel, ONES if m else stride, bias=plan.bias
                )
                for m in range(n)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, ...] to [b, outputs, ...]."""
        found: Tensor = self.convs(x)
        return found


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which averages where the block halves and projects where it
    widens."""

    def __init__(self, plan: Architecture, inputs: int, outputs: int, kernel: Steps, stride: Steps) -> None:
        super().__init__()
        self.conv1 = Convolution(plan, inputs, outputs, kernel, stride, bias=plan.bias)
        self.conv2 = Convolution(plan, outputs, outputs, kernel, ONES, bias=plan.bias, nonlinear=False)
        self.nonlin2 = _nonlinearity(plan)
        shortcut: list[nn.Module] = []
        if stride != ONES:
            shortcut.append(nn.AvgPool3d(stride, stride))
        if inputs != outputs:
            shortcut.append(Convolution(plan, inputs, outputs, ONES, ONES, bias=False, nonlinear=False))
        self.skip = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, ...] to [b, outputs, ...]."""
        shortcut = self.skip(x)
        found: Tensor = self.nonlin2(self.conv2(self.conv1(x)) + shortcut)
        return found


class ResidualStage(nn.Module):
    """Residual blocks one after another."""

    def __init__(
        self, plan: Architecture, inputs: int, outputs: int, kernel: Steps, stride: Steps, n: int
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(plan, outputs if m else inputs, outputs, kernel, ONES if m else stride)
                for m in range(n)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, ...] to [b, outputs, ...]."""
        found: Tensor = self.blocks(x)
        return found


class Encoder(nn.Module):
    """Every stage's output, the finest first."""

    def __init__(self, plan: Architecture, inputs: int) -> None:
        super().__init__()
        self.stem: nn.Module = nn.Identity()
        stages: list[nn.Module] = []
        if plan.kind == PLAIN:
            for n, widths in enumerate(pairwise((inputs, *plan.features))):
                stack = Stack(plan, *widths, plan.kernels[n], plan.strides[n], plan.blocks[n])
                stages.append(nn.Sequential(stack))  # the library's names have this one more level
        else:
            first = plan.features[0]
            self.stem = Stack(plan, inputs, first, plan.kernels[0], ONES, 1)
            for n, widths in enumerate(pairwise((first, *plan.features))):
                stages.append(ResidualStage(plan, *widths, plan.kernels[n], plan.strides[n], plan.blocks[n]))
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[b, inputs, ...] to one tensor for each stage."""
        x = self.stem(x)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class Decoder(nn.Module):
    """Upsamples, joins with the encoder's stage, convolves; the finest level is read by the last 1x1
    layer."""

    def __init__(self, plan: Architecture, outputs: int) -> None:
        super().__init__()
        stages, ups, heads = [], [], []
        for n, (fine, coarse) in enumerate(list(pairwise(plan.features))[::-1]):
            level = len(plan.features) - 2 - n
            stride = plan.strides[level + 1]
            ups.append(nn.ConvTranspose3d(coarse, fine, stride, stride, bias=plan.bias))
            stages.append(Stack(plan, 2 * fine, fine, plan.kernels[level], ONES, plan.decoder_blocks[n]))
            heads.append(nn.Conv3d(fine, outputs, ONES, bias=True))
        self.transpconvs = nn.ModuleList(ups)
        self.stages = nn.ModuleList(stages)
        self.seg_layers = nn.ModuleList(heads)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """The encoder's tensors to logits [b, outputs, ...]."""
        x = levels[-1]
        for up, stage, skip in zip(self.transpconvs, self.stages, levels[-2::-1], strict=True):
            x = stage(torch.cat((up(x), skip), 1))
        logits: Tensor = self.seg_layers[-1](x)
        return logits


class NnUNet(nn.Module):
    """[b, inputs, k, j, i] to logits [b, outputs, k, j, i]. Sides: see `Architecture.multiple`."""

    def __init__(self, plan: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        self.encoder = Encoder(plan, inputs)
        self.decoder = Decoder(plan, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, one channel for each class or region."""
        logits: Tensor = self.decoder(self.encoder(x))
        return logits


def _norm(plan: Architecture, features: int) -> nn.Module:
    if plan.norm is None:
        return nn.Identity()
    arguments = dict(plan.norm_arguments)
    affine, eps = bool(arguments.get("affine", plan.norm == "BatchNorm")), float(arguments.get("eps", 1e-5))
    return NORMS[plan.norm](features, eps=eps, affine=affine)


def _nonlinearity(plan: Architecture) -> nn.Module:
    return nn.ReLU(inplace=True) if plan.nonlinearity == "ReLU" else nn.LeakyReLU(plan.slope, inplace=True)
