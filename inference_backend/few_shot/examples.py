"""A labelled case on its cube, as it is kept beside the weights: HU as int16, labels as bits.

The file is safetensors: `hu` [128, 128, 128], `step_k_mm` [1], and `label NAME` packed bits of as many points
for each structure; a point belongs where at least half of it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.few_shot.cube import SIDE, cube_of
from inference_backend.models.model_grid import occupancy_on

HU, STEP, LABEL = "hu", "step_k_mm", "label "
HALF = 0.5
SHAPE = (SIDE, SIDE, SIDE)


@dataclass(frozen=True, eq=False)
class LabelledCube:
    """One example. hu_kji: int16. labels_kji: bool by catalogue id, of what was labelled."""

    hu_kji: NDArray[np.int16]
    step_k_mm: float
    labels_kji: Mapping[str, NDArray[np.bool_]]


def labelled_cube(ct: CtScan, labels: Mapping[str, Mask]) -> LabelledCube:
    """A case on its cube. NothingToContour where its scan holds no body."""
    cube = cube_of(ct)
    inside = {name: occupancy_on(cube.grid, mask) >= HALF for name, mask in labels.items()}
    return LabelledCube(np.round(cube.hu_kji).astype(np.int16), cube.step_k_mm, inside)


def write_example(path: Path, example: LabelledCube) -> None:
    """Writes an example."""
    from safetensors.numpy import save_file

    bits = {LABEL + name: np.packbits(inside) for name, inside in example.labels_kji.items()}
    save_file({HU: example.hu_kji, STEP: np.asarray([example.step_k_mm]), **bits}, path)


def read_example(path: Path, structures: tuple[str, ...]) -> LabelledCube:
    """An example as it was written. DamagedFile where it is none, or has not these labels."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        hu, step_mm = arrays[HU], float(arrays[STEP][0])
        labels = {
            name: np.unpackbits(arrays[LABEL + name], count=SIDE**3).reshape(SHAPE).astype(bool)
            for name in structures
        }
    except (SafetensorError, OSError, KeyError, IndexError, ValueError, TypeError) as error:
        raise DamagedFile(
            f"{path.name} is no example that can be used.", kept="Nothing was loaded."
        ) from error
    if hu.shape != SHAPE or hu.dtype != np.int16 or not 0 < step_mm < 100:
        raise _damaged(path)
    return LabelledCube(hu, step_mm, labels)


def _damaged(path: Path) -> DamagedFile:
    return DamagedFile(f"{path.name} is no example that can be used.", kept="Nothing was loaded.")
