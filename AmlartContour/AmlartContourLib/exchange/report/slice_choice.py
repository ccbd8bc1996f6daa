"""Which slices the report shows: axial ones spread over the target, the planes that hold most of it, and the
slices with most to redraw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structures import Catalogue, Role
from AmlartContourLib.exchange.report.view import Plane, View
from AmlartContourLib.measures.comparison import Comparison
from AmlartContourLib.measures.set_comparison import StructureComparison
from AmlartContourLib.measures.slices import SliceFigures

AXIAL_PICTURES = 6
WORST_STRUCTURES = 5  # each adds half a megabyte
WORST = 3
APART_MM = 10.0  # neighbouring slices show the same place
TARGET_ROLES = (Role.COMPOSITE, Role.PTV, Role.GTV, Role.CTV_PART, Role.NODAL_LEVEL)


@dataclass(frozen=True)
class Choice:
    """One picture to make: plane, slice index in the canonical order, and why this one (empty if spread)."""

    plane: Plane
    index: int
    why: str = ""


def choose_slices(view: View, catalogue: Catalogue) -> tuple[Choice, ...]:
    """Axial slices from superior to inferior, then coronal and sagittal ones; the middle without contours."""
    focus = _focus(view, catalogue)
    if focus.is_empty:
        return tuple(Choice(plane, view.centre_index(plane), "middle of the scan") for plane in Plane)
    return (*_axial(focus), *_through(view, focus, Plane.CORONAL), *_through(view, focus, Plane.SAGITTAL))


def fullest(mask: Mask, plane: Plane) -> int:
    """The slice that holds most voxels of a mask; of equal ones the middle."""
    others = tuple(axis for axis in range(3) if axis != plane.axis)
    counts = mask.block_kji.sum(axis=others)
    best = np.flatnonzero(counts == counts.max())
    return mask.box.start_kji[plane.axis] + int(best[len(best) // 2])


def most_to_redraw(comparisons: Iterable[StructureComparison]) -> tuple[StructureComparison, ...]:
    """The structures that measured editing shows: those with the largest area to redraw, if any."""
    touched = [c for c in comparisons if c.comparison.redraws[0].redraw_cm2]
    return tuple(sorted(touched, key=lambda c: -c.comparison.redraws[0].redraw_cm2)[:WORST_STRUCTURES])


def worst_apart(comparison: Comparison) -> tuple[SliceFigures, ...]:
    """The slices with most to redraw, the most first, but none close to another that is chosen already."""
    chosen: list[SliceFigures] = []
    for figures in comparison.worst_slices(len(comparison.slices)):
        if all(abs(figures.position_mm - other.position_mm) >= APART_MM for other in chosen):
            chosen.append(figures)
        if len(chosen) == WORST:
            break
    return tuple(chosen)


def _focus(view: View, catalogue: Catalogue) -> Mask:
    """The CTV with the tumour; else all targets together; all structures where there is no target."""
    whole = [view.masks[i] for i in ("ctv", "gtvp", "gtvn") if i in view.masks]
    if "ctv" in view.masks:
        return union(whole, view.geometry)
    targets = [mask for i, mask in view.masks.items() if catalogue[i].role in TARGET_ROLES]
    return union(targets or list(view.masks.values()), view.geometry)


def _axial(focus: Mask) -> Iterable[Choice]:
    first, stop = focus.box.start_kji[0], focus.box.stop_kji[0]
    count = min(AXIAL_PICTURES, stop - first)
    steps = (np.arange(count) + 0.5) / count * (stop - first)
    for index in sorted({first + int(step) for step in steps}, reverse=True):
        yield Choice(Plane.AXIAL, index)


def _through(view: View, focus: Mask, plane: Plane) -> Iterable[Choice]:
    """The slices that hold most of the CTVp and of the CTVn, or of the target where neither is there."""
    wanted = {i: view.masks[i] for i in ("ctvp", "ctvn") if i in view.masks} or {"target": focus}
    names = {"ctvp": "CTVp", "ctvn": "CTVn"}
    reasons: dict[int, list[str]] = {}
    for structure_id, mask in wanted.items():
        reasons.setdefault(fullest(mask, plane), []).append(names.get(structure_id, "target"))
    for index, held in reasons.items():
        yield Choice(plane, index, f"holds most of the {' and the '.join(held)}")
