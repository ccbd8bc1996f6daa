"""The pelvic levels of one side: external iliac, internal iliac, obturator.

All lie below the common iliac bifurcation. External iliac ends where the femoral head appears, obturator at
the obturator foramen. No mask shows the coccygeal muscle, the lower border of internal iliac: it ends with
external.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.pelvic_wall import PelvicWall
from inference_backend.guideline.workbench import Workbench

Rows = NDArray[np.intp]
LATERAL_SHARE = (
    0.5  # of the way from midline to wall: nearer to the middle lie mesorectum and presacral space
)


@dataclass(frozen=True, eq=False)
class SideLevels:
    """Raw levels of one side, before barriers; disjoint."""

    external: Mask
    internal: Mask
    obturator: Mask


def side_levels(bench: Workbench, side: str, wall: PelvicWall) -> SideLevels:
    """The three levels of a side whose bifurcation is known.

    Without a wall there is no strip; in slices without an internal branch, the back of the strip stands in.
    """
    top, head = bench.borders.common_iliac[side], bench.borders.femoral_head[side]
    external = _external(bench, side)
    seen = bench.own_half(_grown(bench, bench.around(side, "internal")), side)
    begin, divide, end = _row_ranges(bench, side, wall)
    strip = _lateral(_sidewall_strip(bench, side, wall), bench, wall, begin)
    rows = np.arange(bench.view.geometry.shape_kji[1])
    behind = _rows(strip, (rows >= divide[:, None]) & (rows < end[:, None]))
    internal = between(seen | behind, head, top) - external
    in_front = _rows(strip, (rows >= begin[:, None]) & (rows < divide[:, None]))
    return SideLevels(external, internal, in_front - external - internal)


def between(mask: Mask, lower: LevelBorder | None, upper: LevelBorder | None) -> Mask:
    """The part of a mask above one border and below another; a border of None does not cut."""
    kept = mask if lower is None else lower.splits(mask)[0]
    return kept if upper is None else upper.splits(kept)[1]


def _external(bench: Workbench, side: str) -> Mask:
    """Margin round the external vessels, and the strip to the front and side along the iliopsoas."""
    preset = bench.preset
    base = bench.own_half(_grown(bench, bench.around(side, "external")), side)
    extra = preset.external_iliac_anterolateral.value
    if extra and not base.is_empty:
        outwards = (extra, 0.0) if side == "left" else (0.0, extra)
        along = _grown(bench, bench.view.mask(f"iliopsoas_{side}"))
        base = base | expand(base, Margin(*outwards, extra, 0.0, extra, extra), within=along)
    return between(base, bench.borders.femoral_head[side], bench.borders.common_iliac[side])


def _grown(bench: Workbench, mask: Mask) -> Mask:
    return expand(mask, Margin.isotropic(bench.preset.vessel_margin.value))


def _sidewall_strip(bench: Workbench, side: str, wall: PelvicWall) -> Mask:
    """What lies inside the pelvis within the strip's width of the wall: bone, muscle, or what counts as
    muscle."""
    if wall.inside.is_empty:
        return bench.view.empty
    solid = bench.join(wall.surface, wall.estimated_muscle, bench.barriers.sacrum)
    width = Margin.isotropic(bench.preset.obturator_strip_width.value)
    strip = expand(solid, width, within=wall.inside, exclude=wall.estimated_muscle)
    strip = between(strip, bench.borders.obturator[side], bench.borders.common_iliac[side])
    return strip - bench.barriers.strips_only


def _lateral(strip: Mask, bench: Workbench, wall: PelvicWall, begin: Rows) -> Mask:
    """The strip without what lies nearer to the midline than to the farthest wall of its slice."""
    midline = bench.borders.midline
    if strip.is_empty or midline is None:
        return strip
    grid = strip.geometry.cropped(strip.box.start_kji, strip.box.shape_kji)
    off = np.abs(grid.signed_distance_mm(midline.point_lps, midline.normal_lps))
    k, j, _ = strip.box.slices
    rows = np.arange(bench.view.geometry.shape_kji[1])[j]
    behind_vessels = (rows >= begin[k, None])[..., None]
    farthest = np.where(wall.inside.window(strip.box) & behind_vessels, off, 0.0).max(
        axis=(1, 2), keepdims=True
    )
    return Mask.from_block(strip.block_kji & (off >= LATERAL_SHARE * farthest), strip.box, strip.geometry)


def _row_ranges(bench: Workbench, side: str, wall: PelvicWall) -> tuple[Rows, Rows, Rows]:
    """[k]: rows where the strip begins, where it passes from obturator to internal iliac, and where it ends.

    It begins at the middle of the external vessels, or the front of the wall. It passes over at the front of
    the internal vessels and ends at their back; where they are not seen, halfway to the back of the pelvis,
    and at its back. Below the femoral head, obturator takes the front half of the bony wall.
    """
    depth, rows, _ = bench.view.geometry.shape_kji
    begin, divide, end = (np.full(depth, rows, dtype=np.intp) for _ in range(3))
    hip, vessels = bench.view.mask(f"hip_{side}"), bench.vessels[side]
    below_head = _first_slice_above(bench, bench.borders.femoral_head[side])
    for k in range(wall.inside.box.start_kji[0], wall.inside.box.stop_kji[0]):
        cavity = _section_rows(wall.inside, k)
        if not len(cavity):
            continue
        external = _section_rows(vessels.external, k)
        begin[k] = max(round(float(external.mean())), cavity[0]) if len(external) else cavity[0]
        internal = _section_rows(vessels.internal, k)
        back = _section_rows(hip, k) if k < below_head else cavity
        divide[k] = internal[0] if len(internal) else (begin[k] + back[-1] + 1) // 2
        end[k] = internal[-1] + 1 if len(internal) else rows
    return begin, divide, end


def _first_slice_above(bench: Workbench, border: LevelBorder | None) -> int:
    """The first slice above a border, 0 where there is none."""
    if border is None:
        return 0
    return int(np.ceil(bench.view.geometry.lps_to_index(border.point_lps)[2]))


def _section_rows(mask: Mask, k: int) -> Rows:
    """Rows in which a mask has voxels in one slice."""
    if mask.is_empty or not mask.box.start_kji[0] <= k < mask.box.stop_kji[0]:
        return np.zeros(0, dtype=np.intp)
    section = mask.block_kji[k - mask.box.start_kji[0]]
    return np.flatnonzero(section.any(axis=1)) + mask.box.start_kji[1]


def _rows(mask: Mask, wanted_kj: NDArray[np.bool_]) -> Mask:
    if mask.is_empty:
        return mask
    k, j, _ = mask.box.slices
    return Mask.from_block(mask.block_kji & wanted_kj[k, j][..., None], mask.box, mask.geometry)
