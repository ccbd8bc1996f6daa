"""The `surface-distance` package, the published implementation our surface figures are checked against.

It uses names that scipy deprecates, so its warnings are silenced; it cannot take empty masks with numpy 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest


def peer() -> ModuleType:
    """The package, or a skip that says it is missing."""
    return pytest.importorskip("surface_distance", reason="the surface-distance package is not installed")


def peer_figures(
    reference: np.ndarray, test: np.ndarray, spacing_kji_mm: Sequence[float], tolerances_mm: Sequence[float]
) -> dict[str, Any]:
    """Surface Dice per tolerance, HD95, HD and both directed means, as that package gives them."""
    package = peer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = package.compute_surface_distances(reference, test, spacing_kji_mm)
    there, back = package.compute_average_surface_distance(found)
    return {
        "surface_dice": [package.compute_surface_dice_at_tolerance(found, t) for t in tolerances_mm],
        "hd95_mm": package.compute_robust_hausdorff(found, 95),
        "hausdorff_mm": package.compute_robust_hausdorff(found, 100),
        "mean_reference_to_test_mm": there,
        "mean_test_to_reference_mm": back,
    }


def peer_areas(spacing_kji_mm: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """That package's area per code (256,), and the weight [k, j, i] that each voxel has in its codes."""
    peer()
    from surface_distance import lookup_tables

    areas = lookup_tables.create_table_neighbour_code_to_surface_area(spacing_kji_mm)
    return areas, lookup_tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL
