"""From closed polygons to a mask: a pixel is inside when its centre is, by the even-odd rule.

All polygons on one slice of one structure count together: a ring within a ring is a hole, a ring within that
an island, and a keyhole's bridge cancels itself. Ties are defined, not left to chance: coordinates are first
rounded to a thousandth of a pixel, and a centre that then lies exactly on an edge belongs to the polygon when
the polygon continues towards +i (for an edge along i, towards +j). Two polygons that share an edge therefore
never both take a pixel, and never both leave it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from AmlartContourLib.domain.box import EMPTY_BOX, Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.boundary import IntArray
from AmlartContourLib.exchange.polygons import Polygons, following_point

DECIMALS = 3
CROSSINGS_AT_ONCE = 2_000_000  # bounds the memory that one pass over the edges takes


def fill_even_odd(polygons: Polygons, geometry: Geometry) -> Mask:
    """The mask of all polygons. What reaches beyond the image in i or j is cut; every slice must exist."""
    box = _box(polygons, geometry)
    if box.is_empty:
        return Mask.empty(geometry)
    slices, rows, columns = box.shape_kji
    toggles = np.zeros((slices, rows, columns + 1), dtype=np.uint8)
    for at in _crossings(polygons, box):
        np.add.at(toggles.reshape(-1), at, 1)
    parity = np.cumsum(toggles[:, :, :columns], axis=2, dtype=np.uint8) & 1
    return Mask.from_block(parity.astype(np.bool_), box, geometry)


def _box(polygons: Polygons, geometry: Geometry) -> Box:
    """The pixels that can be inside: the polygons' extent, cut to the image."""
    if not len(polygons.points_ij):
        return EMPTY_BOX
    last_i, last_j, _ = geometry.size_ijk
    low = np.floor(polygons.points_ij.min(axis=0)).clip(0, (last_i, last_j)).astype(int)
    high = np.ceil(polygons.points_ij.max(axis=0)).clip(-1, (last_i - 1, last_j - 1)).astype(int) + 1
    first_k, last_k = int(polygons.slices_k.min()), int(polygons.slices_k.max())
    return Box((first_k, int(low[1]), int(low[0])), (last_k + 1, int(high[1]), int(high[0])))


def _crossings(polygons: Polygons, box: Box) -> Iterator[IntArray]:
    """Where the edges cross the rows of pixel centres, as flat indices of the first pixel at or after them.

    One array for each batch of edges. An edge crosses the rows from its upper end, included, to its lower
    end, not included; so an edge along a row crosses none, and a vertex that the outline passes counts once.
    """
    points = np.round(polygons.points_ij, DECIMALS) - np.asarray([box.start_kji[2], box.start_kji[1]])
    after = points[following_point(polygons.starts)]
    slices = np.repeat(polygons.slices_k - box.start_kji[0], np.diff(polygons.starts))
    swap = points[:, 1] > after[:, 1]
    upper = np.where(swap[:, None], after, points)  # the same ends, the same order: a bridge cancels exactly
    lower = np.where(swap[:, None], points, after)
    _, rows, columns = box.shape_kji
    first = np.ceil(upper[:, 1]).clip(0, rows).astype(np.int64)
    counts = np.ceil(lower[:, 1]).clip(0, rows).astype(np.int64) - first
    used = np.flatnonzero(counts)
    batches = np.cumsum(counts[used]) // CROSSINGS_AT_ONCE
    for edges in np.split(used, np.flatnonzero(np.diff(batches)) + 1):
        which = np.repeat(edges, counts[edges])
        ends = np.cumsum(counts[edges])
        row = np.arange(len(which)) - np.repeat(ends - counts[edges], counts[edges]) + first[which]
        share = (row - upper[which, 1]) / (lower[which, 1] - upper[which, 1])
        at_i = upper[which, 0] + share * (lower[which, 0] - upper[which, 0])
        column = np.ceil(at_i).clip(0, columns).astype(np.int64)
        yield (slices[which] * rows + row) * (columns + 1) + column
