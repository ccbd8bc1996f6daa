"""Small random masks, and where the published implementation's HD95 hangs on its rounding."""

from __future__ import annotations

from math import isclose

import numpy as np
from scipy import ndimage

from AmlartContourLib.measures.surface_distance import SurfaceDistances

Spacing = tuple[float, float, float]
KINDS = ("voxels", "blob", "box", "one voxel")
SPACINGS: list[Spacing] = [
    (1.0, 1.0, 1.0),
    (2.5, 1.3, 1.3),
    (3.0, 0.9, 1.1),
    (1.3, 2.5, 1.0),
    (0.7, 0.7, 5.0),
]


def random_mask(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Never empty."""
    mask = np.zeros(shape, dtype=bool)
    low = [rng.integers(0, n) for n in shape]
    high = [rng.integers(a, n) + 1 for a, n in zip(low, shape, strict=True)]
    if kind == "voxels":
        mask = rng.random(shape) < rng.choice([0.01, 0.2, 0.7])
    elif kind == "blob":
        smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
        mask = smooth > np.quantile(smooth, rng.choice([0.6, 0.9]))
    elif kind == "box":
        mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    mask[tuple(low)] = True  # for the kind "one voxel" the only one
    return mask


def rounding_decided(ours: SurfaceDistances, their_hd95_mm: float) -> bool:
    """Whether exactly 95 % of the area lies within our HD95, and theirs is the next distance."""
    for profile in (ours.reference.profile, ours.test.profile):
        ours_mm = profile.percentile_mm(95)
        share = profile.within_mm2(ours_mm) / profile.total_mm2
        farther = profile.distances_mm[profile.distances_mm > ours_mm]
        exactly = isclose(share, 0.95, rel_tol=0, abs_tol=1e-12)
        if exactly and any(np.isclose(farther[:1], their_hd95_mm, rtol=0, atol=1e-9)):
            return True
    return False
