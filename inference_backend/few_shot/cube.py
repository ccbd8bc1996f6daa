"""A scan as a few-shot network is shown it: the box of the body as a cube of 128 points a side.

The cube runs along the patient (LPS), whatever way the scan was taken, so prone, feet-first and oblique scans
look alike. Its points lie closer along shorter sides: every plane across it is a picture of 128 x 128, axial
[j, i], coronal [k, i] and sagittal [k, j]. HU from -500 to 1000 become 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.body_crop import LOOK_EVERY_MM, body_box
from inference_backend.models.model_grid import Floats, HuWindow, hu_on, model_grid

T = TypeVar("T", bound=np.generic)
SIDE = 128
AXES = ("axial", "coronal", "sagittal")
"""The planes across the cube's axes k, j, i, in that order."""
WINDOW = HuWindow(-500.0, 1000.0)


@dataclass(frozen=True, eq=False)
class Cube:
    """A scan on its cube. hu_kji: float32."""

    grid: Geometry
    hu_kji: Floats

    @property
    def step_k_mm(self) -> float:
        """From one axial plane to the next."""
        return self.grid.spacing_mm[2]


def cube_of(ct: CtScan) -> Cube:
    """The box of the body on its cube. NothingToContour where the scan holds none."""
    coarse = model_grid(ct.geometry, (LOOK_EVERY_MM,) * 3)
    box = body_box(hu_on(coarse, ct.hu_kji, ct.geometry), coarse.spacing_kji_mm)
    low = coarse.index_to_lps(np.asarray(box.start_kji[::-1]) - 0.5).reshape(3)
    sides_mm = np.asarray(box.shape_kji[::-1]) * LOOK_EVERY_MM
    step_mm = sides_mm / SIDE
    grid = Geometry.from_matrix((SIDE,) * 3, step_mm, low + step_mm / 2, np.eye(3))
    return Cube(grid, hu_on(grid, ct.hu_kji, ct.geometry))


def scaled(hu: NDArray[np.generic]) -> Floats:
    """HU as the network takes them, float32, 0 to 1."""
    values: Floats = (WINDOW.apply(np.asarray(hu, dtype=np.float32)) + np.float32(1.0)) * np.float32(0.5)
    return values


def plane(array_kji: NDArray[T], axis: int, number: int) -> NDArray[T]:
    """One picture across an axis of the cube, a view."""
    picture: NDArray[T] = np.moveaxis(array_kji, axis, 0)[number]
    return picture
