"""Analytic shapes on the usual grid and on one four times finer: what a measure loses by the voxels.

How a shape becomes voxels depends on where the grid happens to lie: a plate of 6.4 mm is four voxels of
1.3 mm or five. One position is luck, so a shape is looked at in several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.triangles import distances_mm, mesh

SPACING_MM = (1.3, 1.3, 2.5)
FINER = 4
# Parts of a voxel along x, y, z by which the grid is moved, evenly spread; the first: not at all.
POSITIONS = tuple((n / 8, (3 * n % 8) / 8, (5 * n % 8) / 8) for n in range(8))
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]  # x, y, z in mm from the middle, ready to be broadcast
Inside = Callable[[Axes], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """Which points are inside, and half the extent in mm that holds it and its edited version."""

    name: str
    inside: Inside
    half_mm: tuple[float, float, float]


def _ellipsoid(a: float, b: float, c: float) -> Inside:
    return lambda p: (p[0] / a) ** 2 + (p[1] / b) ** 2 + (p[2] / c) ** 2 <= 1


def _plate(a: float, b: float, c: float) -> Inside:
    return lambda p: (np.abs(p[0]) <= a) & (np.abs(p[1]) <= b) & (np.abs(p[2]) <= c)


def _leaning(p: Axes) -> np.ndarray:
    return (p[0] ** 2 + (p[1] - p[2] / 4) ** 2 <= 169) & (np.abs(p[2]) <= 36)


def _branch(p: Axes) -> np.ndarray:
    """A trunk that parts into two tubes of 11 mm radius."""
    x, y, z = p
    trunk = (x**2 + y**2 <= 121) & (z >= 0) & (z <= 40)
    lean = np.abs(x) - np.clip(-z, 0, 40) * 0.6
    return trunk | ((lean**2 + y**2 <= 121) & (z <= 0) & (z >= -40))


SHAPES = (
    Shape("bladder", _ellipsoid(40, 32, 30), (46, 38, 36)),
    Shape("uterus", _ellipsoid(21, 24, 38), (27, 30, 44)),
    Shape("vagina", _ellipsoid(16, 10, 30), (22, 16, 36)),
    Shape(
        "rectum", lambda p: (p[0] ** 2 + (p[1] - p[2] / 4) ** 2 <= 169) & (np.abs(p[2]) <= 36), (19, 30, 42)
    ),
    Shape("parametrium", _plate(38, 3.2, 20), (44, 10, 26)),
    Shape("branching CTVn", _branch, (44, 17, 46)),
)


def edited_pair(
    shape: Shape, finer: int, moved_by: tuple[float, float, float] = POSITIONS[0]
) -> tuple[Mask, Mask]:
    """The shape and its edited version, a smooth change of 2.5 mm root mean square, on a finer grid that is
    moved by these parts of a voxel."""
    size = [2 * int(np.ceil(half / mm)) * finer for half, mm in zip(shape.half_mm, SPACING_MM, strict=True)]
    spacing = [mm / finer for mm in SPACING_MM]
    geometry = Geometry.from_matrix(size, spacing, (0, 0, 0), np.eye(3))
    x, y, z = (
        (np.arange(n) - (n - 1) / 2 + part) * mm for n, mm, part in zip(size, spacing, moved_by, strict=True)
    )
    before, after = (np.zeros(geometry.shape_kji, dtype=bool) for _ in range(2))
    for k, height in enumerate(z):
        points = (x[None, :], y[:, None], np.asarray([[height]]))
        before[k] = shape.inside(points)
        after[k] = shape.inside(_moved(points))
    return Mask.from_array(before, geometry), Mask.from_array(after, geometry)


def _moved(points: Axes) -> Axes:
    x, y, z = points
    size = 2.5 * np.sqrt(2 / 3)
    return (
        x + size * np.sin(y / 11 + z / 17 + 0.3),
        y + size * np.sin(z / 9 - x / 21 + 1.1),
        z + size * np.sin(x / 13 + y / 19 + 2.0),
    )


def nearly_continuous_mm(shape: Shape) -> float:
    """Average symmetric distance of the edited pair on a grid four times finer, by meshes.

    From every 16th triangle, 20,000 and more of the larger shapes: all would take minutes.
    """
    both = pair(*edited_pair(shape, FINER))
    one, other = (mesh(block, both.spacing_kji_mm) for block in (both.reference_kji, both.test_kji))
    chosen = slice(None, None, 16)
    apart = [distances_mm(a.centres_mm[chosen], b) for a, b in ((one, other), (other, one))]
    weights = [a.areas_mm2[chosen] for a in (one, other)]
    return float(np.average(np.concatenate(apart), weights=np.concatenate(weights)))
