"""The area of surface in each 2x2x2 neighbourhood, derived here from geometry.

A neighbourhood is a code of eight bits, one per voxel of a 2x2x2 block, 1 for inside. The surface between
inside and outside passes through the middles of the block's edges that join an inside to an outside voxel.
It is built of closed loops: one round each group of edge-connected voxels of the minority (of the inside
voxels where four are in and four are out), so that voxels which touch only across a face's diagonal or the
block's stay apart. Inside and outside therefore count alike, and so do mirrored and turned neighbourhoods.

Definition: Nikolov et al., arXiv 1809.04430 (surface Dice by area-weighted surface elements, "surfels").
Areas agree with the tables published with that paper for every code; a test compares them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int, int]
Edge = frozenset[Corner]

CORNERS: tuple[Corner, ...] = tuple((k, j, i) for k, j, i in product((0, 1), repeat=3))
"""The corner, as (k, j, i) steps from the block's first voxel, that bit 0, 1, ... 7 of a code stands for."""

# A pentagon starts beside the middle voxel's vertex: its fan cuts that vertex off and leaves a flat rest.
# A hexagon is cut at every second vertex: of a flat one that changes nothing, and a bent one is symmetric.
_TRIANGLES = {
    3: ((0, 1, 2),),
    4: ((0, 1, 2), (0, 2, 3)),
    5: ((0, 1, 2), (0, 2, 3), (0, 3, 4)),
    6: ((0, 2, 4), (0, 1, 2), (2, 3, 4), (4, 5, 0)),
}


@lru_cache(maxsize=16)
def surfel_areas_mm2(spacing_kji_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """(256,) area in mm2 of the surface element of each code, for voxels of this size; 0 for 0 and 255."""
    k, j, i = spacing_kji_mm
    scale = np.asarray([j * i, k * i, k * j])
    areas = np.asarray([np.linalg.norm(normals * scale, axis=1).sum() for normals in _unit_normals()])
    areas.setflags(write=False)
    return areas


@lru_cache(maxsize=1)
def _unit_normals() -> tuple[NDArray[np.float64], ...]:
    """Per code (n, 3): the area vectors of its triangles for voxels of 1 mm; they scale with the spacing."""
    return tuple(_code_normals(code) for code in range(256))


@lru_cache(maxsize=1)
def code_triangles() -> tuple[NDArray[np.float64], ...]:
    """Per code (n, 3, 3): the corners of its triangles, in steps k, j, i from the block's first voxel."""
    return tuple(_code_triangles(code) for code in range(256))


def _code_triangles(code: int) -> NDArray[np.float64]:
    inside = {corner for bit, corner in enumerate(CORNERS) if code >> bit & 1}
    minority = inside if len(inside) <= 4 else set(CORNERS) - inside
    triangles = [triangle for group in _groups(minority) for triangle in _patch(group)]
    return np.asarray(triangles, dtype=float).reshape(-1, 3, 3)


def _code_normals(code: int) -> NDArray[np.float64]:
    points = code_triangles()[code]
    return np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]) / 2


def _neighbours(corner: Corner) -> tuple[Corner, Corner, Corner]:
    k, j, i = corner
    return (1 - k, j, i), (k, 1 - j, i), (k, j, 1 - i)


def _groups(corners: set[Corner]) -> list[set[Corner]]:
    """The corners in groups that hang together along the block's edges."""
    left, groups = set(corners), []
    while left:
        group, fresh = set[Corner](), {left.pop()}
        while fresh:
            group |= fresh
            fresh = {n for corner in fresh for n in _neighbours(corner)} & left
            left -= fresh
        groups.append(group)
    return groups


def _patch(group: set[Corner]) -> list[list[NDArray[np.float64]]]:
    """The triangles, three points each, of the surface round one group."""
    loop = _loop(group)
    points = [np.asarray(sorted(edge), dtype=float).mean(axis=0) for edge in loop]
    return [[points[n] for n in triangle] for triangle in _TRIANGLES[len(loop)]]


def _loop(group: set[Corner]) -> list[Edge]:
    """The cut edges in their order round the group: each face of the block joins the two it holds."""
    cut = [frozenset({c, n}) for c in sorted(group) for n in _neighbours(c) if n not in group]
    loop = [cut[0]]
    while len(loop) < len(cut):
        loop.append(next(edge for edge in cut if edge not in loop and _share_a_face(edge, loop[-1])))
    if len(loop) == 5:
        middle = next(c for c in group if len(group & set(_neighbours(c))) == 2)
        turn = next(n for n, edge in enumerate(loop) if middle in edge) - 1
        loop = loop[turn:] + loop[:turn]
    return loop


def _share_a_face(one: Edge, other: Edge) -> bool:
    corners = np.asarray(sorted(one) + sorted(other))
    return bool((corners == corners[0]).all(axis=0).any())
