"""A cohort of small boxes of tissue with two organs, quick to write and to learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.dataset.cohort_out import finish, write_case
from inference_backend.dataset.layout import Form
from inference_backend.training.cohort_recipe import CohortRecipe, read_cohort_recipe

SIZE_IJK = (24, 20, 16)
SPACING_MM = (6.0, 6.0, 6.0)
ORGANS = {"bladder": (80, (8, 10, 7)), "anorectum": (-150, (16, 10, 8))}
"""HU and usual centre (i, j, k)."""


def bladder_recipe() -> CohortRecipe:
    """Two members that learn next to nothing in four steps, kept every second: for what is round training."""
    return replace(
        read_cohort_recipe(),
        structures=("bladder",),
        spacing_mm=SPACING_MM,
        patch_kji=(8, 8, 8),
        arguments={"channels": [2, 4]},
        members=2,
        steps=4,
        rule_weight=0.0,
        calibration_folds=0,
        keep_every=2,
        validation_windows=1,
        settle_windows=0,
    )


def box_patient(
    number: int, spacing_mm: tuple[float, float, float] = SPACING_MM
) -> tuple[CtScan, StructureSet]:
    """Patient `number`: a block of tissue with two balls that lie and measure a little otherwise in each."""
    rng = np.random.default_rng([7, number])
    geometry = Geometry(SIZE_IJK, spacing_mm)
    k, j, i = np.indices(geometry.shape_kji)
    hu = np.full(geometry.shape_kji, -1000, dtype=np.int16)
    hu[1:-1, 2:-2, 2:-2] = 0
    contours = []
    for name, (value, centre) in ORGANS.items():
        x, y, z = np.asarray(centre) + rng.uniform(-1.5, 1.5, 3)
        inside = (i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2 < rng.uniform(3.0, 4.2) ** 2
        hu[inside] = value
        contours.append(Contour(name, Mask.from_array(inside, geometry), Source.DRAWN))
    hu[hu > -1000] += rng.normal(0, 10, np.count_nonzero(hu > -1000)).astype(np.int16)
    return CtScan(hu, geometry), StructureSet.of(geometry, contours)


def write_box_cohort(root: Path, cases: int, first: int = 0) -> Path:
    """A folder for each patient: case-000 and so on."""
    names = [f"case-{n:03d}" for n in range(first, first + cases)]
    for n, name in enumerate(names, start=first):
        write_case(root, Form.FOLDERS, name, *box_patient(n))
    finish(root, Form.FOLDERS, dict.fromkeys(names, ""))
    return root
