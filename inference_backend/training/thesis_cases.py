"""Cases as the second source thesis' network sees them: a small block round one structure.

The block is centred on the label's own slices, so the recipe measures how well a structure is drawn where it
is known to be, not how well it is found. A case without that label, or with an empty one, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.cohort import Cohort, LabelledCase, read_case
from inference_backend.training.thesis_recipe import ThesisRecipe

AIR_HU = -1000.0
LEAST_SD = 1e-6


@dataclass(frozen=True, eq=False)
class Block:
    """z-scores float32 and label uint8, both [slices, in_plane, in_plane]; k to superior, i to the left."""

    picture: NDArray[np.float32]
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class ThesisCases:
    """The blocks of one structure, made when first asked for and kept in a folder."""

    cohort: Cohort
    structure: str
    recipe: ThesisRecipe
    folder: Path

    def usable(self, ids: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The cases with a block, and a sentence for each that has none."""
        kept, told = [], []
        for case_id in ids:
            try:
                why = "" if self._path(case_id).exists() or self._make(case_id) else "no such label"
            except AmlartError as error:
                why = error.what
            if why:
                told.append(f"{case_id} is left out: {why}")
            else:
                kept.append(case_id)
        return tuple(kept), tuple(told)

    def block(self, case_id: str) -> Block:
        """One case; `usable` has made it."""
        with np.load(self._path(case_id), allow_pickle=False) as file:
            return Block(file["picture"], file["label"])

    def _path(self, case_id: str) -> Path:
        size = f"{self.recipe.slices}x{self.recipe.in_plane}"
        return self.folder / f"{self.structure}-{size}-{case_id}.npz"

    def _make(self, case_id: str) -> bool:
        read = read_case(self.cohort.case(case_id), self.cohort.form)
        if not read.structures.has(self.structure):
            return False
        made = block_of(read, self.structure, self.recipe)
        path = self._path(case_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, picture=made.picture, label=made.label)
        write_file(path, part.read_bytes(), replace=True)
        part.unlink()
        return True


def block_of(read: LabelledCase, structure: str, recipe: ThesisRecipe) -> Block:
    """The block round a structure that is there."""
    order = canonical(read.scan.geometry)
    hu = torch.from_numpy(np.ascontiguousarray(order.array(read.scan.hu_kji)).astype(np.float32))
    mask = read.structures.mask(structure).reordered(order)
    label = torch.from_numpy(mask.to_array().astype(np.float32))
    side = (recipe.in_plane, recipe.in_plane)
    small = functional.interpolate(hu[:, None], side, mode="bicubic", align_corners=False)[:, 0]
    drawn = functional.interpolate(label[:, None], side, mode="nearest-exact")[:, 0]
    middle = (mask.box.start_kji[0] + mask.box.stop_kji[0]) // 2
    first = middle - recipe.slices // 2
    picture = np.full((recipe.slices, *side), AIR_HU, dtype=np.float32)
    inside = np.zeros((recipe.slices, *side), dtype=np.uint8)
    low, high = max(first, 0), min(first + recipe.slices, len(small))
    picture[low - first : high - first] = small[low:high].numpy()
    inside[low - first : high - first] = drawn[low:high].numpy() > 0.5
    spread = max(float(picture.std()), LEAST_SD)
    return Block(((picture - picture.mean()) / spread).astype(np.float32), inside)
