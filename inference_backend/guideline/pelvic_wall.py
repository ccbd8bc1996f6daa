"""The inner wall of the pelvis on one side: what lies inside it, and the muscle on it that has no mask.

The inside is found row by row: from the innermost voxel of the hip bone to the midline, in front of sacrum
and spine. Behind the hip bone's last row, across the sciatic notch, the wall runs straight to the sacrum's
edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import BoolArray, Mask, union
from inference_backend.guideline.patient_view import PatientView
from inference_backend.guideline.shaping import closed_in_plane, filled_in_plane

MUSCLE_HU = (0, 130)  # muscle with and without contrast; fat lies below, filled vessels above
SMOOTHING_MM = 2.0  # the noise of a planning CT, against which muscle must hold together
WALL_HU = 50  # what the wall counts as while smoothing, so that bone does not brighten the muscle on it
THINNEST_MUSCLE_MM = 9.0  # thinner cords along the wall are vessels, nerves or small nodes
ORGANS = ("bladder", "small_bowel", "colon", "sigmoid", "rectum", "anorectum", "uterus", "cervix", "vagina")


@dataclass(frozen=True, eq=False)
class PelvicWall:
    """One side: `surface` is bone, segmented muscle and the straight line across the sciatic notch."""

    surface: Mask
    inside: Mask
    estimated_muscle: Mask


def pelvic_wall(
    view: PatientView,
    side: str,
    midline: LevelBorder,
    head: LevelBorder | None,
    muscle_mm: float,
    vessels: Mask,
) -> PelvicWall:
    """The wall of one side; all empty where the hip bone has no mask.

    Above the femoral head the iliopsoas is part of the wall; below, it has left the pelvis.
    """
    hip = view.mask(f"hip_{side}")
    if hip.is_empty:
        return PelvicWall(view.empty, view.empty, view.empty)
    spine = union(
        [m for i, m in view.masks.items() if i.startswith("vertebra") or i == "sacrum"], view.geometry
    )
    box = hip.box.union(_across_midline(view, hip, midline))
    sign = 1 if side == "left" else -1
    psoas = view.mask(f"iliopsoas_{side}")
    firm = hip | (head.splits(psoas)[0] if head else psoas)
    hip_block, spine_block = firm.window(box)[..., ::sign], spine.window(box)[..., ::sign]
    edge = _inner_edge(hip_block, spine_block)
    columns = np.arange(hip_block.shape[2])
    inside = (columns < edge[..., None]) & ~np.logical_or.accumulate(spine_block, axis=1)
    notch = (columns == np.ceil(edge)[..., None]) & ~hip_block.any(axis=2, keepdims=True)
    cavity = Mask.from_block(inside[..., ::sign], box, view.geometry)
    cavity = midline.splits(cavity)[0 if side == "left" else 1]
    line = Mask.from_block(notch[..., ::sign], box, view.geometry)
    surface = firm | line
    muscle = _muscle_on(view, surface | spine, cavity - surface, muscle_mm, vessels)
    return PelvicWall(surface, cavity - surface, muscle)


def _across_midline(view: PatientView, hip: Mask, midline: LevelBorder) -> Box:
    """A box from the hip bone a little beyond the midline, as long and deep as the hip bone."""
    ijk = view.geometry.lps_to_index(midline.point_lps)
    i = int(np.clip(round(float(ijk[0])), 0, view.geometry.size_ijk[0] - 1))
    (k0, j0, _), (k1, j1, _) = hip.box.start_kji, hip.box.stop_kji
    spread = int(np.ceil(40.0 / view.geometry.spacing_mm[0]))
    rows = int(np.ceil(60.0 / view.geometry.spacing_mm[1]))
    low, high = max(i - spread, 0), min(i + spread + 1, view.geometry.size_ijk[0])
    return Box((k0, j0, low), (k1, min(j1 + rows, view.geometry.size_ijk[1]), high))


def _inner_edge(hip: BoolArray, spine: BoolArray) -> NDArray[np.float64]:
    """[k, j]: column of the innermost hip voxel of each row, or of the line across the notch; -1 for none.

    Columns count from the midline outwards.
    """
    edge = np.full(hip.shape[:2], -1.0)
    for k in range(hip.shape[0]):
        rows = np.flatnonzero(hip[k].any(axis=1))
        if not len(rows):
            continue
        inner = hip[k][rows].argmax(axis=1).astype(float)
        spine_rows = np.flatnonzero(spine[k].any(axis=1))
        if len(spine_rows):
            outermost = int(np.flatnonzero(spine[k].any(axis=0)).max())
            row = int(np.flatnonzero(spine[k][:, outermost]).min())
            if row > rows[-1]:
                rows, inner = np.append(rows, row), np.append(inner, float(outermost))
        between = np.arange(rows[0], rows[-1] + 1)
        edge[k, between] = np.interp(between, rows, inner)
    return edge


def _muscle_on(view: PatientView, wall: Mask, cavity: Mask, depth_mm: float, vessels: Mask) -> Mask:
    """Muscle density inside the pelvis that lies against the wall, no deeper than given; never a vessel.

    Stands in for obturator internus and piriformis, which have no mask. Thin sheets and islands are left out,
    so that vessels and small nodes on the wall are not taken for muscle.
    """
    if depth_mm == 0 or cavity.is_empty:
        return view.empty
    near = expand(wall, Margin.isotropic(depth_mm), within=cavity)
    if near.is_empty:
        return near
    box = near.box.padded((2, 2, 2), view.geometry.shape_kji)
    organs = view.union(*ORGANS)
    free = near.window(box) & ~organs.window(box) & ~vessels.window(box)
    step = view.geometry.spacing_kji_mm
    hu = _smoothed(view.hu_kji[box.slices], wall.window(box), step)
    soft = free & (hu >= MUSCLE_HU[0]) & (hu <= MUSCLE_HU[1])
    solid = soft | wall.window(box)  # against bone a muscle is not thin
    core = ndimage.distance_transform_edt(solid, sampling=step) > THINNEST_MUSCLE_MM / 2
    thick = ndimage.distance_transform_edt(~core, sampling=step) <= THINNEST_MUSCLE_MM / 2
    labels, count = ndimage.label(soft & thick, np.ones((3, 3, 3)))
    if not count:
        return view.empty
    touching = np.zeros(count + 1, dtype=bool)
    touching[np.unique(labels[ndimage.binary_dilation(wall.window(box), np.ones((3, 3, 3)))])] = True
    touching[0] = False
    muscle = Mask.from_block(touching[labels], box, view.geometry)
    solid_wall = closed_in_plane(muscle, SMOOTHING_MM) | wall
    return filled_in_plane(solid_wall) & Mask.from_block(free, box, view.geometry)


def _smoothed(
    hu: NDArray[np.int16], wall: BoolArray, step: tuple[float, float, float]
) -> NDArray[np.float32]:
    """HU without its noise; air, metal and the wall do not spread into their neighbours."""
    tissue = np.where(wall, WALL_HU, np.clip(hu, -150, 250)).astype(np.float32)
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(tissue, [SMOOTHING_MM / mm for mm in step])
    return smooth
