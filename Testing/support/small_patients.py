"""Small patients of a worklist, as files: a CT of noise, with or without contours beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.nifti_out import write_ct, write_masks
from support.workstation import parts, pelvis

AIR_HU, RIM = -1000, 2  # voxels of air at the sides; a CT without any is refused


def write_small_patient(folder: Path, seed: int, *, contours: bool = True) -> None:
    """Voxels of 40 ± 30 HU with air round them, and the parts of `support.workstation`."""
    geometry = pelvis()
    folder.mkdir(parents=True)
    noise = np.random.default_rng(seed).normal(40, 30, geometry.shape_kji)
    hu = np.full(geometry.shape_kji, AIR_HU, dtype=np.int16)
    inside = (slice(None), slice(RIM, -RIM), slice(RIM, -RIM))
    hu[inside] = noise[inside]
    write_ct(folder / "ct.nii.gz", CtScan(hu, geometry))
    if contours:
        given = [Contour(i, mask, Source.IMPORTED) for i, mask in parts(geometry).items()]
        (folder / "masks").mkdir()
        write_masks(folder / "masks", StructureSet.of(geometry, given))
