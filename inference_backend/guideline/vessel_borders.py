"""Borders that vessels give: the aortic and the common iliac bifurcations, and the top at the renal hilum."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import BoolArray, Mask, union
from inference_backend.guideline.bone_borders import (
    ISLAND,
    at_face,
    disc_lps,
    level_plane,
    pocket,
)
from inference_backend.guideline.patient_view import SIDES, PatientView, largest_parts, slices_of

STABLE_SLICES = 3
EIGHT = np.ones((3, 3), dtype=bool)
SACRUM = ("vertebra_s1", "sacrum")


def aortic_bifurcation(view: PatientView, tolerance_mm: float, messages: list[str]) -> LevelBorder | None:
    """Below the lowest slice with one aortic section; checked against L4's lower half.

    Falls back to where the iliac arteries begin, then to the lower end of L4, both estimated. None where the
    scan ends above it, or nothing shows it.
    """
    kind = BorderKind.AORTIC_BIFURCATION
    aorta = largest_parts(view.mask("aorta"), ISLAND)
    iliacs = union([view.mask(f"iliac_artery_{side}") for side in SIDES], view.geometry)
    border: LevelBorder | None = None
    if not aorta.is_empty:
        k = _lowest_single_section(aorta)
        if k > 0 or not iliacs.is_empty:
            border = at_face(
                view, kind, aorta, k, -1, "lowest slice with one aortic section", estimated=False
            )
        else:
            messages.append("The scan ends above the aortic bifurcation.")
            return None
    elif not iliacs.is_empty and slices_of(iliacs)[1] < view.top_k:
        text = "no aorta mask; highest slice of the iliac arteries"
        border = at_face(view, kind, iliacs, slices_of(iliacs)[1], +1, text, estimated=True)
        messages.append("No aorta mask: its bifurcation is estimated from where the iliac arteries begin.")
    if border is None:
        return _disc_fallback(view, kind, "vertebra_l4", ("vertebra_l5",), "L4 and L5", messages)
    _check_against_l4(view, border, tolerance_mm, messages)
    return border


def common_iliac_bifurcation(
    view: PatientView, side: str, tolerance_mm: float, messages: list[str]
) -> LevelBorder | None:
    """Where the iliac artery parts for good; L5-S1, estimated, where its mask does not part.

    None where neither shows it.
    """
    kind = BorderKind[f"COMMON_ILIAC_BIFURCATION_{side.upper()}"]
    artery = largest_parts(view.mask(f"iliac_artery_{side}"), ISLAND)
    k = None if artery.is_empty else first_stable_split(artery)
    if k is None:
        what = "has no mask" if artery.is_empty else "does not part in its mask"
        messages.append(f"The {side} iliac artery {what}: its bifurcation is taken at L5-S1 (estimated).")
        return _disc_fallback(view, kind, "vertebra_l5", SACRUM, "L5 and S1", messages)
    text = f"highest slice from which the {side} iliac artery stays parted"
    border = at_face(view, kind, artery, k, +1, text, estimated=False)
    disc = disc_lps(view, "vertebra_l5", SACRUM)
    if disc is not None and abs(disc[2] - border.point_lps[2]) > tolerance_mm:
        apart = abs(disc[2] - border.point_lps[2])
        messages.append(f"The {side} common iliac bifurcation lies {apart:.0f} mm from L5-S1: check it.")
    return border


def para_aortic_top(view: PatientView, tolerance_mm: float, messages: list[str]) -> LevelBorder | None:
    """Middle of the left renal hilum, standing in for the renal vein, which has no mask: always estimated.

    Without a left kidney: the right one or the disc between L1 and L2, whichever lies higher (the right
    hilum lies lower than the left). None where the scan ends below, or nothing shows it.
    """
    disc = disc_lps(view, "vertebra_l1", ("vertebra_l2",))
    left = _hilum_border(view, "left", messages)
    if left is not None:
        if disc is not None and abs(disc[2] - left.point_lps[2]) > tolerance_mm:
            apart = abs(disc[2] - left.point_lps[2])
            messages.append(
                f"The left renal hilum lies {apart:.0f} mm from L1-L2: check the para-aortic top."
            )
        return left
    right = _hilum_border(view, "right", messages)
    if right is not None and (disc is None or disc[2] <= right.point_lps[2]):
        messages.append("No left kidney to go by: the right one gives the para-aortic top.")
        return right
    return _disc_fallback(
        view, BorderKind.PARAAORTIC_TOP, "vertebra_l1", ("vertebra_l2",), "L1 and L2", messages
    )


def _hilum_border(view: PatientView, side: str, messages: list[str]) -> LevelBorder | None:
    """The border at one kidney's hilum; None without that kidney, or where the scan's upper end cuts it."""
    kidney = largest_parts(view.mask(f"kidney_{side}"), ISLAND)
    if kidney.is_empty:
        return None
    if slices_of(kidney)[1] == view.top_k:
        messages.append(f"The {side} kidney is cut by the upper end of the scan: its hilum is not known.")
        return None
    k, what = _hilum_slice(kidney)
    text = f"{what} of the {side} kidney"
    return at_face(view, BorderKind.PARAAORTIC_TOP, kidney, k, +1, text, estimated=True)


def first_stable_split(vessel: Mask) -> int | None:
    """Highest slice from which, going down, the vessel shows two sections that both leave the one above.

    The parting must hold for three slices. None where it never does.
    """
    block = vessel.block_kji
    counts = [int(ndimage.label(section, EIGHT)[1]) for section in block]
    for n in range(len(counts) - 2, STABLE_SLICES - 2, -1):
        stays = all(counts[n - step] >= 2 for step in range(STABLE_SLICES))
        if stays and counts[n + 1] == 1 and _both_touch(block[n], block[n + 1]):
            return n + vessel.box.start_kji[0]
    return None


def _both_touch(parted: BoolArray, parent: BoolArray) -> bool:
    """True when at least two sections lie against the section above (a loop's other limb does not)."""
    labels, _ = ndimage.label(parted, EIGHT)
    near = ndimage.binary_dilation(parent, EIGHT)
    return len(set(np.unique(labels[near])) - {0}) >= 2


def _lowest_single_section(aorta: Mask) -> int:
    """Going down, the last slice before the mask parts for good, or its last slice."""
    counts = [int(ndimage.label(section, EIGHT)[1]) for section in aorta.block_kji]
    for n in range(len(counts) - 1, -1, -1):
        if counts[n] >= 2 and all(c >= 2 for c in counts[max(n - STABLE_SLICES + 1, 0) : n]):
            return min(n + 1, len(counts) - 1) + aorta.box.start_kji[0]
    return aorta.box.start_kji[0]


def _hilum_slice(kidney: Mask) -> tuple[int, str]:
    """Middle slice of the kidney's hollow, weighted by its area, or of the whole where it shows none."""
    area = pocket(kidney.block_kji, axis=1).sum(axis=(1, 2)).astype(float)
    pixel = kidney.geometry.spacing_mm[0] * kidney.geometry.spacing_mm[1]
    area[area * pixel < 20.0] = 0.0  # a few pixels are roughness, not the sinus
    what = "middle of the hilum" if area.any() else "middle, as no hilum shows,"
    if not area.any():
        area = kidney.block_kji.sum(axis=(1, 2)).astype(float)
    middle = float((area * np.arange(len(area))).sum() / area.sum())
    return round(middle) + kidney.box.start_kji[0], what


def _check_against_l4(
    view: PatientView, border: LevelBorder, tolerance_mm: float, messages: list[str]
) -> None:
    l4 = view.mask("vertebra_l4")
    if l4.is_empty:
        messages.append("No L4 mask: the aortic bifurcation could not be checked against it.")
        return
    heights = l4.points_lps()[:, 2]
    low, middle = float(heights.min()), float(heights.mean())
    z = border.point_lps[2]
    apart = max(low - z, z - middle, 0.0)
    if apart > tolerance_mm:
        messages.append(
            f"The aortic bifurcation lies {apart:.0f} mm from the lower half of L4 (rare anatomy, a cropped "
            "scan or a wrong mask): check it."
        )


def _disc_fallback(
    view: PatientView,
    kind: BorderKind,
    upper: str,
    lower: tuple[str, ...],
    names: str,
    messages: list[str],
) -> LevelBorder | None:
    point = disc_lps(view, upper, lower)
    if point is None:
        messages.append(f"Nothing in the scan or its masks shows the {kind.value}.")
        return None
    return level_plane(kind, point, f"between {names}, as nothing better shows it", estimated=True)
