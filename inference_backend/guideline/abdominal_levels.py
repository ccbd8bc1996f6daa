"""The levels above the pelvis: common iliac of one side, and para-aortic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import BoolArray, Mask
from inference_backend.guideline.exclusions import closed_spine
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.patient_view import PatientView
from inference_backend.guideline.pelvic_levels import between


def common_iliac_level(
    view: PatientView,
    side: str,
    preset: GuidelineMargins,
    vessels: Mask,
    lower: LevelBorder | None,
    upper: LevelBorder | None,
) -> Mask:
    """Margin round the vessels between both bifurcations, and the fat between psoas and vertebra. Raw.

    A border of None does not cut: the scan ends before it.
    """
    base = between(expand(vessels, Margin.isotropic(preset.vessel_margin.value)), lower, upper)
    if base.is_empty:
        return base
    return base | between(_fat_wedge(view, side, preset, vessels, base), lower, upper)


def para_aortic_level(
    view: PatientView, preset: GuidelineMargins, lower: LevelBorder | None, upper: LevelBorder | None
) -> Mask:
    """Each great vessel with its own margins between the borders. Raw."""
    sides = preset.para_aortic
    aorta = expand(view.mask("aorta"), sides.aorta.margin)
    cava = expand(view.mask("inferior_vena_cava"), sides.inferior_vena_cava.margin)
    return between(aorta | cava, lower, upper)


def _fat_wedge(view: PatientView, side: str, preset: GuidelineMargins, vessels: Mask, base: Mask) -> Mask:
    """Fat and soft tissue that has the psoas on its outer and the spine on its inner side, in the same row.

    Begins at the front of the vessels in each slice, ends under the middle of the psoas, and goes no farther
    from the base than the preset says.
    """
    psoas, spine = view.mask(f"iliopsoas_{side}"), closed_spine(view)
    if psoas.is_empty or spine.is_empty:
        return view.empty
    near = expand(base, Margin.isotropic(preset.fat_wedge_reach.value))
    box = near.box.union(spine.box).union(psoas.box)
    outward = 1 if side == "left" else -1
    firm, muscle = spine.window(box)[..., ::outward], psoas.window(box)[..., ::outward]
    inner = np.logical_or.accumulate(firm, axis=2)
    outer = np.logical_or.accumulate(muscle[..., ::-1], axis=2)[..., ::-1]
    between_both = inner & outer & (np.arange(firm.shape[2]) <= _middle_of_psoas(muscle)[:, None, None])
    hu = view.hu_kji[box.slices]
    tissue = (hu >= preset.fat_wedge_lowest_hu.value) & (hu <= preset.fat_wedge_highest_hu.value)
    behind = np.logical_or.accumulate(vessels.window(box).any(axis=2), axis=1)[..., None]
    wedge = near.window(box) & between_both[..., ::outward] & tissue & behind
    return Mask.from_block(wedge, box, view.geometry) - psoas - spine


def _middle_of_psoas(muscle_kji: BoolArray) -> NDArray[np.float64]:
    """[k]: mean column of the part of the muscle nearest to the midline (the psoas without the iliacus)."""
    middle = np.full(len(muscle_kji), -1.0)
    for k, section in enumerate(muscle_kji):
        labels, count = ndimage.label(section, np.ones((3, 3)))
        if count:
            columns = [np.nonzero(labels == n)[1] for n in range(1, count + 1)]
            middle[k] = min(float(c.mean()) for c in columns)
    return middle
