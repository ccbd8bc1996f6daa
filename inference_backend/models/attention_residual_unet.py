"""The 3D attention residual U-Net: residual blocks, additive attention gates on the skips, sigmoid head.

Four levels by default (16-32-64-128). Each block is two 3x3x3 convolutions with batch normalisation and
ReLU beside a 1x1x1 shortcut. On the way up the coarser level is upsampled, the skip is weighed by a gate that
looks at both, and the two are joined. The head is one 1x1x1 convolution with an output for each structure; a
sigmoid on each keeps them independent, so structures may overlap. The module returns logits: its user applies
the sigmoid.

Sources: Ronneberger 2015 (U-Net), He 2016 (residual blocks), Oktay 2018 (attention gates), Shi 2016
(sub-pixel convolution).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64, 128)
LEAST_LEVELS = 2
RARE_LOGIT = -4.0  # untrained, the network says what is true of most voxels: no structure here


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; ReLU after their sum."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.ReLU(inplace=True),
        )
        self.second = nn.Sequential(
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs)
        )
        self.shortcut = nn.Sequential(
            nn.Conv3d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm3d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, k, j, i] to [b, outputs, k, j, i], halved where the stride is 2."""
        return functional.relu(self.second(self.first(x)) + self.shortcut(x), inplace=True)


class AttentionGate(nn.Module):
    """Weighs every voxel of a skip by what the coarser level, already upsampled, says of it."""

    def __init__(self, skip: int, gating: int) -> None:
        super().__init__()
        inner = max(skip // 2, 1)
        self.of_skip = nn.Conv3d(skip, inner, 1, bias=False)
        self.of_gating = nn.Conv3d(gating, inner, 1)
        self.weight = nn.Conv3d(inner, 1, 1)

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """The skip times weights in 0 to 1, one for each voxel."""
        joined = functional.relu(self.of_skip(skip) + self.of_gating(gating), inplace=True)
        return skip * torch.sigmoid(self.weight(joined))


class UpBlock(nn.Module):
    """Upsamples the coarser level, gates the skip, joins both."""

    def __init__(self, coarse: int, skip: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(coarse, skip, 2, stride=2)
        self.gate = AttentionGate(skip, skip)
        self.join = ResidualBlock(2 * skip, skip)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """[b, coarse, k, j, i] and a skip of twice that size to [b, skip, 2k, 2j, 2i]."""
        gating = self.up(coarse)
        joined: Tensor = self.join(torch.cat([self.gate(skip, gating), gating], dim=1))
        return joined


class AttentionResidualUNet(nn.Module):
    """[b, inputs, k, j, i] to logits [b, outputs, k, j, i]; every side a multiple of `step`.

    `stem` 2 halves the volume in the first convolution: an eighth of the work, for machines without a GPU.
    The head then says eight logits at every coarse point, one for each voxel it stands for (Shi 2016), so a
    plate of two voxels can be drawn. ValueError for fewer than two levels or another stem.
    """

    def __init__(self, inputs: int, outputs: int, channels: Sequence[int] = CHANNELS, stem: int = 1) -> None:
        super().__init__()
        if len(channels) < LEAST_LEVELS or stem not in (1, 2):
            raise ValueError("the network needs two levels or more, and a stem of 1 or 2")
        self.step = stem * 2 ** (len(channels) - 1)
        levels = (inputs, *channels)
        self.down = nn.ModuleList(
            ResidualBlock(a, b, stride=stem if n == 0 else 2) for n, (a, b) in enumerate(pairwise(levels))
        )
        self.up = nn.ModuleList(
            UpBlock(coarse, skip)
            for coarse, skip in zip(reversed(channels[1:]), reversed(channels[:-1]), strict=True)
        )
        self.head = nn.Conv3d(channels[0], outputs * stem**3, 1)
        if self.head.bias is not None:
            nn.init.constant_(self.head.bias, RARE_LOGIT)
        self.stem = stem

    def forward(self, x: Tensor) -> Tensor:
        """Logits, one channel for each structure."""
        skips: list[Tensor] = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(x, skips.pop())
        logits: Tensor = self.head(x)
        return logits if self.stem == 1 else spread(logits, self.stem)


def spread(x: Tensor, factor: int) -> Tensor:
    """[b, c * factor^3, k, j, i] to [b, c, factor k, factor j, factor i]: a point gives a block of voxels."""
    b, channels, *sides = x.shape
    blocks = x.reshape(b, channels // factor**3, factor, factor, factor, *sides)
    side_by_side = blocks.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return side_by_side.reshape(b, channels // factor**3, *(factor * side for side in sides))
