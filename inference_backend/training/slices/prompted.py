"""What SAM or MedSAM is asked in fine-tuning: one slice of a case, by a box round a structure's label.

Each side of the box lies by chance a little beyond the label, as a box that a person draws does. Cases are
kept as the slices that hold a structure, in the order nearest to left, posterior, superior: `hu.npy` int16
[n, j, i], `bits.npy` [structure, n, j, i / 8].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.prompted.asking import SamAnswerer, SlicePrompt
from inference_backend.prompted.pictures import BoxJi, Frame
from inference_backend.training.slices.recipe import SQUARE, PromptedRecipe
from inference_backend.training.windows import varied

HU, BITS = "hu.npy", "bits.npy"
TISSUE_HU = (-1024, 3071)  # metal beyond it would not fit 16 bits once contrast is raised


@dataclass(frozen=True)
class SliceCase:
    """One case's slices, on the disk. `held`: of each structure that has any, the slices that hold it."""

    folder: Path
    held: tuple[tuple[int, tuple[int, ...]], ...]

    def slice_of(self, structure: int, number: int) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """HU and label of one slice, [j, i]."""
        hu = np.array(np.load(self.folder / HU, mmap_mode="r", allow_pickle=False)[number])
        bits = np.load(self.folder / BITS, mmap_mode="r", allow_pickle=False)[structure, number]
        return hu, np.unpackbits(bits, axis=1, count=hu.shape[1]).astype(bool)


def write_slices(folder: Path, scan: CtScan, labels: Sequence[Mask | None]) -> None:
    """Writes a case's slices into a folder that is there; None: not labelled."""
    order = canonical(scan.geometry)
    hu = order.array(scan.hu_kji)
    inside = np.zeros((len(labels), *hu.shape), dtype=bool)
    for n, label in enumerate(labels):
        if label is not None:
            inside[n] = label.reordered(order).to_array()
    some = inside.any(axis=(0, 2, 3))
    np.save(folder / HU, np.ascontiguousarray(hu[some]), allow_pickle=False)
    np.save(folder / BITS, np.packbits(inside[:, some], axis=3), allow_pickle=False)


def read_slices(folder: Path) -> SliceCase:
    """A case as it was written."""
    bits = np.load(folder / BITS, mmap_mode="r", allow_pickle=False)
    held = [(n, tuple(np.flatnonzero(one.any(axis=(1, 2))).tolist())) for n, one in enumerate(bits)]
    return SliceCase(folder, tuple((n, numbers) for n, numbers in held if numbers))


class PromptedLesson:
    """See the module. `training`, `validation`: cases with at least one structure."""

    def __init__(
        self,
        recipe: PromptedRecipe,
        network: nn.Module,
        training: Sequence[SliceCase],
        validation: Sequence[SliceCase],
        device: str = "cpu",
    ) -> None:
        self.network = network
        self._recipe, self._device = recipe, device
        self._training, self._validation = training, validation
        self._answerer = SamAnswerer(network, recipe.look, device)

    def answer(self, rng: np.random.Generator, *, plain: bool) -> tuple[Tensor, Tensor]:
        """See `Lesson`; on the network's square."""
        cases = self._validation if plain else self._training
        case = cases[int(rng.integers(len(cases)))]
        structure, numbers = case.held[int(rng.integers(len(case.held)))]
        hu, inside = case.slice_of(structure, numbers[int(rng.integers(len(numbers)))])
        frame = Frame((hu.shape[0], hu.shape[1]), self._answerer.side, self._recipe.look)
        box = self.box(inside, frame, rng)
        if self._recipe.augment and not plain:
            tissue = np.clip(hu, *TISSUE_HU).astype(np.float32)
            hu = np.rint(varied(tissue, rng)).astype(np.int16)
        logits = self._answerer.answer(frame, self._answerer.look(frame, hu), SlicePrompt(box))
        side = (self._answerer.side,) * 2
        label = torch.from_numpy(inside.astype(np.float32))[None, None]
        square = frame.padded(interpolate(label, frame.filled_ji, mode="nearest-exact"))
        return interpolate(logits, side, mode="bilinear", align_corners=False), square.to(self._device)

    def box(self, inside: NDArray[np.bool_], frame: Frame, rng: np.random.Generator) -> BoxJi:
        """The box round a label, each side by chance up to the recipe's margin farther out."""
        most = self._recipe.box_margin_pixels * frame.side / SQUARE
        ends = []
        for axis, (size, filled) in enumerate(zip(frame.shape_ji, frame.filled_ji, strict=True)):
            held = np.flatnonzero(inside.any(axis=1 - axis))
            before, after = (round(pixels * size / filled) for pixels in rng.uniform(0, most, 2))
            ends.append((max(int(held[0]) - before, 0), min(int(held[-1]) + 1 + after, size)))
        (j0, j1), (i0, i1) = ends
        return j0, i0, j1, i1
