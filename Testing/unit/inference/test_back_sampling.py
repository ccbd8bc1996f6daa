"""Class decisions on the scan's grid against interpolating everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.measures.accelerator import COMPILED, NUMPY, VARIABLE
from inference_backend.inference.back_sampling import SLICES_AT_ONCE, labels_of

POINTS = (2 * SLICES_AT_ONCE + 5, 14, 11)  # so that more than one lot of slices is looked at
VOXELS = (3 * POINTS[0] + 1, 29, 30)
CLASSES = 5


def _grids() -> tuple[Geometry, Geometry]:
    scan = Geometry(tuple(reversed(VOXELS)), (1.1, 0.9, 2.0))
    spacing = tuple(
        s * n / m for s, n, m in zip(scan.spacing_mm, scan.size_ijk, reversed(POINTS), strict=True)
    )
    origin = tuple((m - s) / 2 for m, s in zip(spacing, scan.spacing_mm, strict=True))
    return Geometry(tuple(reversed(POINTS)), spacing, origin), scan


@pytest.mark.parametrize("way", [NUMPY, COMPILED])
def test_the_largest_class_of_every_voxel_is_that_of_interpolating_all_classes(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == COMPILED:
        pytest.importorskip("numba", reason="numba is not installed")
    monkeypatch.setenv(VARIABLE, way)
    grid, scan = _grids()
    values = np.random.default_rng(4).standard_normal((CLASSES, *POINTS)).astype(np.float32)
    found = labels_of(values, Box((0, 0, 0), POINTS), grid, scan)
    every = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None].double(), VOXELS, mode="trilinear"
    )[0]
    first, second = every.sort(dim=0, descending=True).values[:2]
    decided = (first - second > 1e-5).numpy()  # nearer than this the order of single precision sums decides
    assert decided.mean() > 0.999
    assert np.array_equal(found[decided], every.argmax(0).numpy()[decided])
    assert set(np.unique(found)) == set(range(CLASSES))
