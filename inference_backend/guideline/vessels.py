"""Pelvic vessels of one side told apart into common, external and internal.

Models label artery and vein only. Below the bifurcation the branch that lies more to the back and to the
middle is the internal one; a vein follows the artery it lies nearest to. Where the artery does not part in
its mask, all of it counts as external and the internal branch is unknown: nothing is made up here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.bone_borders import ISLAND
from inference_backend.guideline.patient_view import PatientView, largest_parts

NEAR_TOP_MM = 15.0  # branches are told apart where they begin


@dataclass(frozen=True, eq=False)
class IliacVessels:
    """Artery and vein of one side: all of it, and what lies below the bifurcation by branch."""

    whole: Mask
    external: Mask
    internal: Mask


def iliac_vessels(
    view: PatientView, side: str, bifurcation: LevelBorder | None, midline: LevelBorder | None
) -> IliacVessels:
    """Vessels of one side, empty where no mask was given or no bifurcation is known."""
    artery = largest_parts(view.mask(f"iliac_artery_{side}"), ISLAND)
    vein = largest_parts(view.mask(f"iliac_vein_{side}"), ISLAND)
    if bifurcation is None:
        return IliacVessels(artery | vein, view.empty, view.empty)
    artery_below, vein_below = bifurcation.splits(artery)[1], bifurcation.splits(vein)[1]
    external, internal = _branches(artery_below, midline)
    if bifurcation.estimated or internal.is_empty:
        return IliacVessels(artery | vein, artery_below | vein_below, view.empty)
    with_internal = _nearer(vein_below, internal, external)
    return IliacVessels(artery | vein, external | (vein_below - with_internal), internal | with_internal)


def _branches(artery: Mask, midline: LevelBorder | None) -> tuple[Mask, Mask]:
    """External and internal branch; the internal one is empty where there is only one."""
    labels, count = ndimage.label(artery.block_kji, np.ones((3, 3, 3)))
    if count < 2:
        return artery, Mask.empty(artery.geometry)
    parts = [Mask.from_block(labels == n, artery.box, artery.geometry) for n in range(1, count + 1)]
    top = max(part.points_lps()[:, 2].max() for part in parts)
    external = min(parts, key=lambda part: _backward_and_medial(part, top, midline))
    return external, artery - external


def _backward_and_medial(part: Mask, top_z: float, midline: LevelBorder | None) -> float:
    points = part.points_lps()
    begin = points[points[:, 2] >= min(top_z, points[:, 2].max()) - NEAR_TOP_MM].mean(axis=0)
    if midline is None:
        return float(begin[1])
    off = float((begin - np.asarray(midline.point_lps)) @ np.asarray(midline.normal_lps))
    return float(begin[1]) - abs(off)


def _nearer(vein: Mask, one: Mask, other: Mask) -> Mask:
    """The vein's voxels that lie nearer to one artery than to the other."""
    if vein.is_empty:
        return vein
    box = vein.box.union(one.box).union(other.box)
    step = vein.geometry.spacing_kji_mm
    to_one = ndimage.distance_transform_edt(~one.window(box), sampling=step)
    to_other = ndimage.distance_transform_edt(~other.window(box), sampling=step)
    return Mask.from_block(vein.window(box) & (to_one < to_other), box, vein.geometry)
