"""The presacral level: a strip in front of the upper sacrum, its foramina closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.bone_borders import pocket
from inference_backend.guideline.patient_view import PatientView
from inference_backend.guideline.pelvic_levels import between
from inference_backend.guideline.sacral_arc import SacralArc

MIDDLE_SHARE = 0.5  # of the sacrum's half width: about where the foramina lie
LUMBAR = ("vertebra_l5", "vertebra_l4")
IN_FRONT = 0.5  # cosine: within 60 degrees of straight to the front


@dataclass(frozen=True, eq=False)
class SacralStrip:
    """The strip in front of the sacrum: its middle is the presacral level, its sides belong to internal
    iliac."""

    middle: Mask
    lateral: Mask


def presacral_strip(
    view: PatientView, arc: SacralArc, midline: LevelBorder, sacrum: Mask, depth_mm: float, segments: float
) -> SacralStrip:
    """Both parts, raw. `sacrum` has its foramina closed."""
    strip = _in_front(view, arc, sacrum, depth_mm, segments)
    middle = np.asarray(midline.point_lps) @ np.asarray(midline.normal_lps)
    half_width = np.abs(sacrum.points_lps() @ np.asarray(midline.normal_lps) - middle).max()
    if strip.is_empty:
        return SacralStrip(strip, strip)
    grid = view.geometry.cropped(strip.box.start_kji, strip.box.shape_kji)
    off = np.abs(grid.signed_distance_mm(midline.point_lps, midline.normal_lps))
    inner = Mask.from_block(strip.block_kji & (off <= MIDDLE_SHARE * half_width), strip.box, view.geometry)
    return SacralStrip(inner, strip - inner)


def _in_front(view: PatientView, arc: SacralArc, sacrum: Mask, depth_mm: float, segments: float) -> Mask:
    """Voxels up to `depth_mm` in front of the sacrum, from the promontory down over a number of vertebrae.

    In front means: towards the pelvis from the nearest voxel of the sacrum.
    """
    near = expand(sacrum, Margin.isotropic(depth_mm), exclude=sacrum)
    if near.is_empty:
        return near
    box = near.box.union(sacrum.box)
    nearest = ndimage.distance_transform_edt(
        ~sacrum.window(box),
        sampling=view.geometry.spacing_kji_mm,
        return_distances=False,
        return_indices=True,
    )
    steps_kji = np.indices(box.shape_kji) - nearest
    steps_lps = np.moveaxis(steps_kji[::-1], 0, -1) @ view.geometry.affine[:3, :3].T
    length = np.linalg.norm(steps_lps, axis=-1)
    in_front = steps_lps @ arc.front >= IN_FRONT * length
    in_front &= ~pocket(sacrum.window(box), axis=1)  # the sacral canal lies in front of its rear wall only
    lumbar = view.union(*LUMBAR).window(box)
    in_front &= ~np.logical_or.accumulate(lumbar, axis=1)  # nor is the lumbar canal in front of the sacrum
    strip = Mask.from_block(near.window(box) & in_front, box, view.geometry)
    return between(strip, arc.border_after(segments), arc.border_after(0))
