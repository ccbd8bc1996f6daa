"""Whether a CT shows the pelvis at all, from the image alone.

The sign is a pair of large bones to the left and right of the middle of the body, going on over some length:
wings of the ilium, acetabula with femoral heads. Ribs, arms and the tips of the iliac crests are smaller,
shorter or farther out. This is a small test with three answers (yes, no, "cannot tell"), not a
recogniser of anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain import lattice
from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.exchange.ct_scan import CtScan

BONE_HU = 250  # above kidneys and vessels in the portal venous phase
BODY_HU = -300
WORKING_MM = 2.0  # finer pixels are skipped: bones of this size do not need them
SLICE_MM = 3.0
OFF_MIDDLE_MM = (35.0, 160.0)  # nearer lies the spine, farther out the arms
PAIR_MM2 = 600.0
SURE_MM2 = 1200.0  # an iliac wing or an acetabulum; a femoral shaft is smaller
SURE_LENGTH_MM = 40.0
ONE_SIDED_MM2 = 1000.0
PARTIAL_LENGTH_MM = 10.0


@dataclass(frozen=True)
class PelvisFinding:
    """present: True, False, or None for "partly, or cannot tell"; and the sentence to show."""

    present: bool | None
    evidence: str


def pelvis_in_scan(scan: CtScan) -> PelvisFinding:
    """A judgement from the bones in the image. Takes about a second for a usual CT."""
    order = lattice.canonical(scan.geometry)
    hu, grid = order.array(scan.hu_kji), order.geometry(scan.geometry)
    skip = [
        max(int(wanted // step), 1)
        for wanted, step in zip((SLICE_MM, WORKING_MM, WORKING_MM), grid.spacing_kji_mm, strict=True)
    ]
    thin = hu[:: skip[0], :: skip[1], :: skip[2]]
    step = [n * mm for n, mm in zip(skip, grid.spacing_kji_mm, strict=True)]
    areas = np.asarray([_lateral_bones_mm2(section, step[1], step[2]) for section in thin])
    smaller, larger = areas.min(axis=1), areas.max(axis=1)
    paired_mm = float((smaller >= PAIR_MM2).sum() * step[0])
    if paired_mm >= SURE_LENGTH_MM and smaller.max() >= SURE_MM2:
        return PelvisFinding(
            True, f"Large bones on both sides of the middle over {paired_mm:.0f} mm: a pelvis."
        )
    if paired_mm >= PARTIAL_LENGTH_MM:
        return PelvisFinding(
            None,
            f"Large bones on both sides over {paired_mm:.0f} mm only: at most part of a pelvis.",
        )
    one_sided_mm = float((larger >= ONE_SIDED_MM2).sum() * step[0])
    if one_sided_mm >= SURE_LENGTH_MM / 2:
        return PelvisFinding(
            None, "A large bone on one side of the middle only: the scan may hold part of a pelvis."
        )
    return PelvisFinding(False, "No pair of large bones beside the middle: no pelvis in this scan.")


def _lateral_bones_mm2(section: NDArray[np.int16], dy: float, dx: float) -> tuple[float, float]:
    """Area of the largest bone beside the middle of the body, on either side, in one slice."""
    body = _largest(ndimage.binary_opening(section > BODY_HU, iterations=max(int(6.0 / dx), 1)))
    if not body.any():
        return 0.0, 0.0
    body = ndimage.binary_fill_holes(body)
    middle = float(np.median(np.nonzero(body)[1]))
    bone = np.pad((section > BONE_HU) & body, 4)
    bone = ndimage.binary_fill_holes(ndimage.binary_closing(bone))[4:-4, 4:-4]
    labels, count = ndimage.label(bone, np.ones((3, 3)))
    if not count:
        return 0.0, 0.0
    numbers = np.arange(1, count + 1)
    sizes = np.bincount(labels.ravel())[1:] * dx * dy
    columns = np.asarray([c[1] for c in ndimage.center_of_mass(bone, labels, numbers)])
    off = (columns - middle) * dx
    beside = (np.abs(off) >= OFF_MIDDLE_MM[0]) & (np.abs(off) <= OFF_MIDDLE_MM[1])
    left, right = (float(sizes[beside & (np.sign(off) == sign)].max(initial=0.0)) for sign in (1, -1))
    return left, right


def _largest(parts: BoolArray) -> BoolArray:
    labels, count = ndimage.label(parts)
    if not count:
        return parts
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: BoolArray = labels == sizes.argmax()
    return largest
