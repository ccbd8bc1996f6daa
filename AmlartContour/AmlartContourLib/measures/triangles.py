"""The surface of a contour as a mesh of triangles, and the exact distance of points from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.shells import Spacing
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfel_table import code_triangles
from AmlartContourLib.measures.surfels import Layout

Points = NDArray[np.float64]  # (..., 3) mm along k, j, i from the centre of the block's first voxel
CANDIDATES = 16  # triangles tried first for a point; most points need no more
AT_ONCE = 1 << 16  # pairs of point and triangle, to bound the memory


@dataclass(frozen=True)
class Mesh:
    """`corners_mm` (n, 3, 3) of each triangle."""

    corners_mm: Points

    @property
    def centres_mm(self) -> Points:
        """(n, 3)"""
        centres: Points = self.corners_mm.mean(axis=1)
        return centres

    @property
    def areas_mm2(self) -> NDArray[np.float64]:
        """(n,)"""
        a, b, c = (self.corners_mm[:, n] for n in range(3))
        areas: NDArray[np.float64] = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        return areas


def mesh(block_kji: BoolArray, spacing_kji_mm: Spacing) -> Mesh:
    """Marching cubes at the level 0.5: corners in the middle between a voxel inside and one outside.

    The triangles are those the areas of the surface elements are made of (`surfel_table`).
    """
    k, j, i = block_kji.shape
    found = surface(block_kji, Layout.of((k, j, i), (0, 0, 0)))
    table = code_triangles()
    counts = np.asarray([len(triangles) for triangles in table])
    starts, each = np.cumsum(counts) - counts, counts[found.codes]
    within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    chosen = np.repeat(starts[found.codes], each) + within
    first_voxels = np.repeat(found.layout.kji(found.places) - 1, each, axis=0)
    corners = np.concatenate(table)[chosen] + first_voxels[:, None]
    return Mesh(corners * np.asarray(spacing_kji_mm))


def distances_mm(points_mm: Points, target: Mesh) -> NDArray[np.float64]:
    """(n,) distance of points (n, 3) from the nearest point of any triangle; the mesh has one.

    Exact: a triangle lies within `reach` of its centre, so those whose centres are farther than the best
    distance found so far and that reach cannot be nearer. Where more may be, four times as many are tried.
    """
    centres = target.centres_mm
    reach = np.linalg.norm(target.corners_mm - centres[:, None], axis=2).max()
    tree = cKDTree(centres)
    best = np.full(len(points_mm), np.inf)
    left, count = np.arange(len(points_mm)), min(CANDIDATES, len(centres))
    while len(left):
        unsure = []
        for part in np.array_split(left, -(-len(left) * count // AT_ONCE)):
            apart, chosen = tree.query(points_mm[part], k=np.arange(1, count + 1))
            near = _from_triangles(points_mm[part][:, None], target.corners_mm[chosen])
            best[part] = near.min(axis=1)
            unsure.append(part[(apart[:, -1] < best[part] + reach) & (count < len(centres))])
        left, count = np.concatenate(unsure), min(count * 4, len(centres))
    return best


def _from_triangles(points: Points, corners: Points) -> NDArray[np.float64]:
    """(n, m) distances of points (n, 1, 3) from triangles (n, m, 3, 3)."""
    nearest = np.full(corners.shape[:2], np.inf)
    sides = [corners[:, :, (n + 1) % 3] - corners[:, :, n] for n in range(3)]
    normal = np.cross(sides[0], sides[1])
    above = np.ones(nearest.shape, dtype=np.bool_)
    for n, side in enumerate(sides):
        away = points - corners[:, :, n]
        along = np.clip(_dot(away, side) / _dot(side, side), 0, 1)
        rest = away - along[..., None] * side
        np.minimum(nearest, _dot(rest, rest), out=nearest)
        above &= _dot(np.cross(side, away), normal) >= 0
    height = _dot(points - corners[:, :, 0], normal) ** 2 / _dot(normal, normal)
    distances: NDArray[np.float64] = np.sqrt(np.where(above, height, nearest))
    return distances


def _dot(one: Points, other: Points) -> NDArray[np.float64]:
    products: NDArray[np.float64] = np.einsum("...d,...d->...", one, other)
    return products
