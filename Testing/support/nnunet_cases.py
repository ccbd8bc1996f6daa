"""Small scans and trained folders on which nnU-Net's predictor and ours are compared; its kept answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.nnunet.architecture import RESIDUAL
from support.nnunet_folders import Folder

KEPT = Path(__file__).with_name("nnunet_kept.npz")
"""Labels that nnU-Net 2.8.1 gave (torch 2.13.0, CPU), one array for each of `CASES`."""


@dataclass(frozen=True)
class Case:
    """A folder, a scan's spacing and shape, and how nnU-Net is asked: mirrored, windows so far apart."""

    what: Folder
    spacing_kji_mm: tuple[float, float, float] = (2.5, 1.3, 1.3)
    shape_kji: tuple[int, int, int] = (26, 40, 46)
    mirrored: bool = False
    step: float = 0.5

    @property
    def scan(self) -> CtScan:
        """Smooth noise; a corner of it is exactly 0 HU, which nnU-Net crops."""
        noise = np.random.default_rng(0).normal(size=self.shape_kji)
        hu = (gaussian_filter(noise, 2) * 6000).clip(-1024, 3000).astype(np.int16)
        hu[:2], hu[:, :, -3:] = 0, 0
        return CtScan(hu, Geometry(self.shape_kji[::-1], self.spacing_kji_mm[::-1]))


CASES = {
    "plain": Case(Folder(seed=2)),
    "residual, two folds": Case(Folder(kind=RESIDUAL, folds=("0", "1"))),
    "old plans, mirrored": Case(Folder(old_plans=True, mirrors=(0, 1), seed=7), mirrored=True),
    "regions": Case(
        Folder(labels={"background": 0, "Uterus": [1, 2], "Bladder": [2]}, region_order=(1, 2), seed=4)
    ),
    "turned axes": Case(Folder(forward=(1, 0, 2), spacing_mm=(3.0, 2.0, 2.5), seed=2), step=0.8),
    "slices apart": Case(Folder(spacing_mm=(5.0, 1.5, 1.5), window=(8, 24, 24), seed=2), (5.0, 1.0, 1.0)),
    "smaller than a window": Case(Folder(seed=2), (3.0, 3.0, 3.0), (14, 20, 18)),
}
