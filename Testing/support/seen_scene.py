"""What a station's MRML scene held at a moment, as a watched station wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from AmlartContourLib.domain.mask import BoolArray

FILE_OF = "AMLART_TEST_SCENE_FILE"
"""The environment variable that tells a watched station where to write."""


@dataclass(frozen=True, eq=False)
class SeenScene:
    """The CT in HU and the masks on its whole grid, by `<node>/<structure id>`; nodes: original, working,
    composites."""

    hu_kji: np.ndarray
    masks: Mapping[str, BoolArray]

    @classmethod
    def read(cls, path: Path) -> SeenScene:
        """From a watched station's file."""
        with np.load(path, allow_pickle=False) as file:
            hu_kji = file["hu_kji"]
            names = [name for name in file.files if "/" in name]
            flat = {n: np.unpackbits(file[n], count=hu_kji.size).astype(np.bool_) for n in names}
        return cls(hu_kji, {name: mask.reshape(hu_kji.shape) for name, mask in flat.items()})

    def part(self, structure_id: str) -> BoolArray:
        """A part as the segment editor has it."""
        return self.masks[f"working/{structure_id}"]

    def differs_from(self, other: SeenScene) -> set[str]:
        """Names of the segments that came, went, or differ in a voxel."""
        common = set(self.masks) & set(other.masks)
        changed = {name for name in common if not np.array_equal(self.masks[name], other.masks[name])}
        return changed | (set(self.masks) ^ set(other.masks))
