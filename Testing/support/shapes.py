"""Grids and shapes whose answers are known by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask


def rotation(axis: str, degrees: float) -> np.ndarray:
    """3x3 rotation about the x, y or z axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrices = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.asarray(matrices[axis], dtype=float)


DIRECTIONS = {
    "head first supine": np.eye(3),
    "feet first supine": np.diag([-1.0, 1.0, -1.0]),
    "head first prone": np.diag([-1.0, -1.0, 1.0]),
    "RAS order": np.diag([-1.0, -1.0, 1.0]),
    "sagittal slices": np.asarray([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "oblique": rotation("x", 12) @ rotation("z", 7),
}


def grid(
    size_ijk: tuple[int, int, int] = (40, 36, 28),
    spacing_mm: tuple[float, float, float] = (1.3, 1.0, 2.5),
    direction: str = "head first supine",
    centre_lps: tuple[float, float, float] = (10.0, -20.0, -100.0),
) -> Geometry:
    """A grid of non-square pixels whose middle lies at `centre_lps`, in one of `DIRECTIONS`."""
    matrix = DIRECTIONS[direction]
    middle = (np.asarray(size_ijk) - 1) / 2 * np.asarray(spacing_mm)
    return Geometry.from_matrix(size_ijk, spacing_mm, np.asarray(centre_lps) - matrix @ middle, matrix)


def centre(geometry: Geometry) -> np.ndarray:
    """LPS of the middle of a grid."""
    return geometry.index_to_lps((np.asarray(geometry.size_ijk) - 1) / 2)


def voxels_lps(geometry: Geometry) -> np.ndarray:
    """[k, j, i, 3]: LPS of every voxel centre."""
    kji = np.moveaxis(np.indices(geometry.shape_kji), 0, -1)
    return geometry.index_to_lps(kji[..., ::-1])


def ball(geometry: Geometry, centre_lps: ArrayLike, radius_mm: float) -> Mask:
    """Every voxel whose centre is within the radius."""
    apart = voxels_lps(geometry) - np.asarray(centre_lps)
    return Mask.from_array((apart**2).sum(-1) <= radius_mm**2, geometry)


def block(geometry: Geometry, low_lps: ArrayLike, high_lps: ArrayLike) -> Mask:
    """Every voxel whose centre lies between two corners, both included, in LPS millimetres."""
    points = voxels_lps(geometry)
    inside = (points >= np.asarray(low_lps)) & (points <= np.asarray(high_lps))
    return Mask.from_array(inside.all(-1), geometry)
