"""A mask's outline on a slice view, as the path of an SVG: for contours shown beside those that can be
edited.

Only slices along the grid's own axes are outlined; on a view that was turned there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.boundary import STEP_I, STEP_J, Boundary, walk
from AmlartContourLib.web.views.projection import Numbers, Projection

ALONG = 0.999


def outline_path(mask: Mask, projection: Projection) -> str:
    """The path in units of a thousandth of the view, empty where the mask does not meet the slice."""
    geometry = mask.geometry
    axis = int(np.argmax(np.abs(geometry.direction_matrix.T @ projection.normal_lps)))
    if mask.is_empty or abs(geometry.direction_matrix[:, axis] @ projection.normal_lps) < ALONG:
        return ""
    index = round(float(geometry.lps_to_index(projection.centre_lps)[axis]))
    on_kji = 2 - axis
    within = index - mask.box.start_kji[on_kji]
    if not 0 <= within < mask.box.shape_kji[on_kji]:
        return ""
    section = np.take(mask.block_kji, within, axis=on_kji)
    start = np.asarray([s for a, s in enumerate(mask.box.start_kji) if a != on_kji], dtype=float)
    return " ".join(
        _words(_on_screen(ring + start, axis, index, mask, projection)) for ring in _rings(section)
    )


def _rings(section: NDArray[np.bool_]) -> Iterator[Numbers]:
    """(n, 2) vertices (row, column) of each ring, halfway between a pixel inside and its neighbour
    outside."""
    edge = Boundary.of(section[None])
    rows = edge.rows + STEP_J[edge.sides] / 2
    columns = edge.columns + STEP_I[edge.sides] / 2
    order, starts = walk(edge.following)
    points = np.stack([rows, columns], axis=1)[order]
    for first, last in pairwise(starts.tolist()):
        yield points[first:last]


def _on_screen(ring: Numbers, axis: int, index: int, mask: Mask, projection: Projection) -> Numbers:
    ijk = np.insert(ring[:, ::-1], axis, float(index), axis=1)
    return projection.to_fractions(mask.geometry.index_to_lps(ijk))


def _words(fractions: Numbers) -> str:
    points = (f"{x:.1f} {y:.1f}" for x, y in fractions * 1000.0)
    return f"M{'L'.join(points)}Z"
