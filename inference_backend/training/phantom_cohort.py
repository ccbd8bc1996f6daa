"""Random phantoms for training, calibration and evaluation, on the model's grid and kept on the disk.

Case n of a split is made from a seed of its own, so every split is the same on every machine and no phantom
is in two splits. A case is made when it is first asked for; several processes may share one folder, since a
file appears whole or not at all.

The file of a case is an npz: `hu` int16 [k, j, i], `share` uint8 [structure, k, j, i]
(255: the structure fills the voxel), in the order of the structures the cohort was made for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.models.model_grid import hu_on, model_grid, occupancy_on
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.variants import random_spec

FULL = 255


class Split(IntEnum):
    """What a phantom is for. The value is part of its seed: never change one."""

    TRAIN = 0
    CALIBRATE = 1
    EVALUATE = 2


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """One phantom on the model's grid: HU int16 [k, j, i], shares uint8 [structure, k, j, i]."""

    hu_kji: NDArray[np.int16]
    share_skji: NDArray[np.uint8]


def spec_of_case(seed: int, split: Split, number: int) -> PhantomSpec:
    """The specification of one case, the same on every machine."""
    return random_spec(np.random.default_rng([seed, int(split), number]))


@dataclass(frozen=True)
class PhantomCohort:
    """The cases of one split, in a folder. `spacing_mm` (i, j, k) and `structures` are the model's."""

    folder: Path
    seed: int
    split: Split
    structures: tuple[str, ...]
    spacing_mm: tuple[float, float, float]

    def case(self, number: int) -> TrainingCase:
        """Case `number`, made and kept if it is not there yet."""
        path = self.folder / f"{self.split.name.lower()}-{number:04d}.npz"
        if not path.exists():
            self._keep(path, self._made(make_phantom(spec_of_case(self.seed, self.split, number))))
        with np.load(path, allow_pickle=False) as file:
            return TrainingCase(file["hu"], file["share"])

    def _made(self, phantom: Phantom) -> TrainingCase:
        truth = phantom.truth
        masks = [truth.mask(name) if truth.has(name) else None for name in self.structures]
        return training_case(phantom.scan, masks, self.spacing_mm)

    def _keep(self, path: Path, case: TrainingCase) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        with open(part, "wb") as file:
            np.savez_compressed(file, hu=case.hu_kji, share=case.share_skji)
        part.replace(path)


def training_case(
    scan: CtScan, masks: Sequence[Mask | None], spacing_mm: tuple[float, float, float]
) -> TrainingCase:
    """A scan and its structures, in this order, on the model's grid; None: no voxel."""
    grid = model_grid(scan.geometry, spacing_mm)
    hu = np.rint(hu_on(grid, scan.hu_kji, scan.geometry)).astype(np.int16)
    share = np.zeros((len(masks), *grid.shape_kji), dtype=np.uint8)
    for channel, mask in enumerate(masks):
        if mask is not None:
            share[channel] = np.rint(occupancy_on(grid, mask) * FULL)
    return TrainingCase(hu, share)
