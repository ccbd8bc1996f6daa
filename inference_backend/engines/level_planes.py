"""Level borders read off nodal levels that a network drew: horizontal planes, always marked estimated.

A network gives levels as masks and no borders. For each pair of neighbours the plane is the height that
leaves the least of both on the wrong side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask, union

EVIDENCE = "between the levels {} and {} as the network drew them"
HEAD, LEFT = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
PAIRS = (
    (BorderKind.AORTIC_BIFURCATION, "ln_paraaortic", "ln_common_iliac"),
    (BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, "ln_common_iliac", "ln_pelvic"),
    (BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, "ln_common_iliac", "ln_pelvic"),
)


def borders_between(levels: Mapping[str, Mask]) -> tuple[LevelBorder, ...]:
    """The borders between levels of which both sides are there, with a midline for the two sides' own.

    `levels`: masks by catalogue id; empty ones and other structures are no harm.
    """
    there = {name: mask for name, mask in levels.items() if not mask.is_empty}
    nodes = [there[n] for n in ("ln_paraaortic", "ln_common_iliac", "ln_pelvic") if n in there]
    if not nodes:
        return ()
    middle = _middle(union(nodes, nodes[0].geometry))
    found = []
    for kind, above, below in PAIRS:
        if above not in there or below not in there:
            continue
        upper, lower = there[above], there[below]
        if kind is not BorderKind.AORTIC_BIFURCATION:
            side = 0 if kind is BorderKind.COMMON_ILIAC_BIFURCATION_LEFT else 1
            upper, lower = middle.splits(upper)[side], middle.splits(lower)[side]
        if upper.is_empty or lower.is_empty:
            continue
        point = (*upper.centroid_lps()[:2].tolist(), _height_between(upper, lower))
        found.append(LevelBorder(kind, point, HEAD, EVIDENCE.format(above, below), estimated=True))
    return (*found, middle) if found else ()


def _middle(nodes: Mask) -> LevelBorder:
    x, y, z = nodes.centroid_lps().tolist()
    return LevelBorder(BorderKind.MIDLINE, (x, y, z), LEFT, "middle of the levels drawn", estimated=True)


def _height_between(upper: Mask, lower: Mask) -> float:
    """The z in mm with the least of `upper` below it and of `lower` above it, by volume."""
    heights = np.concatenate([upper.points_lps()[:, 2], lower.points_lps()[:, 2]])
    belongs_above = np.repeat([1, -1], [upper.voxel_count, lower.voxel_count])
    order = np.argsort(heights)
    sorted_mm = heights[order]
    wrong = np.cumsum(np.concatenate([[0], belongs_above[order]]))  # of `upper` below, less `lower` below
    edges = np.concatenate([[sorted_mm[0]], (sorted_mm[1:] + sorted_mm[:-1]) / 2, [sorted_mm[-1]]])
    best = np.flatnonzero(wrong == wrong.min())
    return float(edges[best[len(best) // 2]])
