"""Finds the surface elements of a contour, by compiled loops where they are to be had."""

from __future__ import annotations

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.accelerator import kernels
from AmlartContourLib.measures.bit_map import BitMap
from AmlartContourLib.measures.byte_map import ByteMap
from AmlartContourLib.measures.surfels import Layout, PointMap, Surface


def surface(block_kji: BoolArray, layout: Layout) -> Surface:
    """The surface elements of a block of voxels."""
    points = point_map(layout)
    return Surface(points, *points.draw(block_kji, 0, layout.points_kji[0]))


def point_map(layout: Layout) -> PointMap:
    """A map without a contour, compiled where that is to be had."""
    loops = kernels()
    return ByteMap.empty(layout) if loops is None else BitMap.empty(layout, loops)
