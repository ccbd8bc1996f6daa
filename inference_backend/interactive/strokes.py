"""Lines that were drawn, as voxels: the cells a scribble passes, and what a lasso holds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from AmlartContourLib.contract.prompt import PromptKind, Stroke, VoxelBox
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.polygon_fill import fill_even_odd
from AmlartContourLib.exchange.polygons import Polygons

Cells = NDArray[np.bool_]


def cells_of(stroke: Stroke, region: VoxelBox, thickness: tuple[int, int, int]) -> tuple[Cells, Box]:
    """The voxels of a line within the region, and the box they fill.

    `thickness`: of a scribble in voxels along k, j, i; across the plane it was drawn on it stays one.
    """
    start = np.asarray(region.start_kji)
    shape = tuple(np.asarray(region.stop_kji) - start)
    path = np.asarray(stroke.points_kji) - start
    cells = np.zeros(shape, dtype=bool)
    cells[tuple(_line(path, closed=stroke.kind is PromptKind.LASSO).T)] = True
    if stroke.kind is PromptKind.LASSO:
        _fill(cells, path, stroke.plane or 0)
    else:
        brush = [1 if axis == stroke.plane else max(1, n) for axis, n in enumerate(thickness)]
        cells = binary_dilation(cells, np.ones(brush, dtype=bool))
    inner = Box.around(cells)
    outer = inner.moved((int(start[0]), int(start[1]), int(start[2])))
    return np.ascontiguousarray(cells[inner.slices]), outer


def _line(path: NDArray[np.int64], *, closed: bool) -> NDArray[np.int64]:
    """The voxels that straight lines from point to point pass, [n, 3]."""
    ends = np.vstack([path, path[:1]]) if closed else path
    found = [ends[:1]]
    for a, b in pairwise(ends):
        steps = int(np.abs(b - a).max())
        share = np.linspace(0.0, 1.0, steps + 1)[:, None]
        found.append(np.rint(a + share * (b - a)).astype(np.int64))
    return np.unique(np.vstack(found), axis=0)


def _fill(cells: Cells, path: NDArray[np.int64], plane: int) -> None:
    """Adds what the closed line holds on its plane."""
    rows, columns = (axis for axis in range(3) if axis != plane)
    points_ij = path[:, [columns, rows]].astype(float)
    ring = Polygons(points_ij, np.asarray([0, len(points_ij)]), np.asarray([0]))
    flat = Geometry((cells.shape[columns], cells.shape[rows], 1), (1.0, 1.0, 1.0))
    level = [slice(None)] * 3
    level[plane] = slice(int(path[0, plane]), int(path[0, plane]) + 1)
    cells[tuple(level)] |= np.moveaxis(fill_even_odd(ring, flat).to_array(), 0, plane)
