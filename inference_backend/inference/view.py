"""What a network sees of a scan: the body on the model's grid, its HU scaled, padded to sides that fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from AmlartContourLib.domain.box import Box, Index3
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.body_crop import body_box, grown_to, in_whole_steps
from inference_backend.models.manifest import Manifest
from inference_backend.models.model_grid import HuWindow, hu_on, model_grid

AIR = -1.0  # what `HuWindow` makes of everything below the window


@dataclass(frozen=True, eq=False)
class View:
    """A block of a model grid round the body.

    `hu_kji`: its HU, float32. `values_kji`: the same scaled to -1 to 1 and padded with air, `before` voxels
    before the first points of each axis and behind the last so that windows fit; the network is asked about
    these.
    """

    grid: Geometry
    block: Box
    hu_kji: NDArray[np.float32]
    values_kji: Tensor
    before: int = 0

    @property
    def inside(self) -> tuple[slice, slice, slice]:
        """The part of `values_kji` that is not padding."""
        k, j, i = (slice(self.before, self.before + n) for n in self.block.shape_kji)
        return k, j, i

    def moved(self, voxels: int, multiple: int) -> View:
        """The body so many voxels further on in more air, so that a coarse voxel of the network holds others
        together; sides stay multiples."""
        if not voxels:
            return self
        room = (voxels, -voxels % multiple) * 3
        values = torch.nn.functional.pad(self.values_kji, room, value=AIR)
        return replace(self, values_kji=values, before=self.before + voxels)


def view_of(ct: CtScan, manifest: Manifest, multiple: int) -> View:
    """The body on the manifest's grid. NothingToContour where the scan holds none.

    `multiple`: what the sides of a window are multiples of.
    """
    grid = model_grid(ct.geometry, manifest.spacing_mm)
    hu = hu_on(grid, ct.hu_kji, ct.geometry)
    body = body_box(hu, grid.spacing_kji_mm)
    if manifest.patch_kji:
        least, steps = manifest.patch_kji, 1
        block = grown_to(body, least, grid.shape_kji)
    else:
        least, steps = (multiple, multiple, multiple), multiple
        block = in_whole_steps(body, multiple, grid.shape_kji)
    seen = np.ascontiguousarray(hu[block.slices])
    values = torch.from_numpy(HuWindow(*manifest.window_hu).apply(seen))
    return View(grid, block, seen, _padded(values, least, steps))


def _padded(values: Tensor, least: Index3, steps: int) -> Tensor:
    room: list[int] = []
    for length, shortest in zip(reversed(values.shape), reversed(least), strict=True):
        room += [0, -(-max(length, shortest) // steps) * steps - length]
    return torch.nn.functional.pad(values, room, value=AIR) if any(room) else values
