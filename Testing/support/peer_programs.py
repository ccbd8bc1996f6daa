"""Other programs' measures between two masks, each called as its own documentation does.

All take the reference, the test (arrays [k, j, i]) and the spacing in mm in that order, and give the figures
they have by name. A program whose package is not installed is left out of `installed`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.accelerator import COMPILED, NUMPY, VARIABLE
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.incremental import LiveComparison
from AmlartContourLib.measures.overlap import overlap
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.path_length import Tolerance, path_length
from AmlartContourLib.measures.surface_distance import surface_distances
from support.programs import runs

Spacing = tuple[float, float, float]
Figures = dict[str, float]
Program = Callable[[np.ndarray, np.ndarray, Spacing], Figures]
TOLERANCES = (1.0, 2.0, 3.0)
SURFACE_DICE = ("sD@1", "sD@2", "sD@3")
NAMES = ("Dice", *SURFACE_DICE, "HD95", "HD", "ASSD")
OURS, OURS_COMPILED = "ours, everything", "ours, everything, compiled"
SAME_SET, SAME_SET_COMPILED = "ours, these figures", "ours, these figures, compiled"
DICE_ONLY, DICE_ONLY_COMPILED = "ours, sD only", "ours, sD only, compiled"


def ours(reference: np.ndarray, test: np.ndarray, spacing: Spacing, *, loops: str = NUMPY) -> Figures:
    """Everything `compare` has: direction, path length and slices too; on numpy and scipy alone."""
    os.environ[VARIABLE] = loops
    masks = as_masks(reference, test, spacing)
    found = compare(*masks, tolerance_mm=3.0, extra_tolerances_mm=TOLERANCES)
    dice = {r.tolerance_mm: r.surface_dice for r in found.redraws}
    surface = found.surface
    lengths = (surface.hd95_mm, surface.hausdorff_mm, surface.average_symmetric_mm)
    return _named(found.overlap.dice, *(dice[t] for t in TOLERANCES), *lengths)


def ours_same_set(
    reference: np.ndarray, test: np.ndarray, spacing: Spacing, *, loops: str = NUMPY
) -> Figures:
    """What the others give, and no more."""
    os.environ[VARIABLE] = loops
    both = pair(*as_masks(reference, test, spacing))
    found = surface_distances(both)
    lengths = (found.percentile_mm(95), found.hausdorff_mm, found.average_symmetric_mm)
    return _named(overlap(both).dice, *(found.surface_dice(t) for t in TOLERANCES), *lengths)


def ours_dice(reference: np.ndarray, test: np.ndarray, spacing: Spacing, *, loops: str = NUMPY) -> Figures:
    """Surface Dice at the tolerances the sooner way: compiled loops sum areas without a list."""
    os.environ[VARIABLE] = loops
    masks = as_masks(reference, test, spacing)
    if loops == NUMPY:
        distances = surface_distances(pair(*masks))
        values = [distances.surface_dice(mm) for mm in TOLERANCES]
    else:
        found = LiveComparison(*masks, tolerance_mm=TOLERANCES[-1], extra_tolerances_mm=TOLERANCES).headline
        by_mm = {one.tolerance_mm: one.surface_dice for one in found.redraws}
        values = [by_mm[mm] for mm in TOLERANCES]
    return {name: float(value or 0.0) for name, value in zip(SURFACE_DICE, values, strict=True)}


def added_paths_mm(
    reference: np.ndarray, test: np.ndarray, spacing: Spacing, tolerances_mm: tuple[float, ...]
) -> Figures:
    """Ours, in whole pixels as platipy counts it, by the tolerance as text."""
    both = pair(*as_masks(reference, test, spacing))
    found = {f"{mm:g}": path_length(both, mm, Tolerance.WHOLE_PIXELS) for mm in tolerances_mm}
    return {name: float(path.added_mm.sum()) for name, path in found.items()}


def as_masks(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> tuple[Mask, Mask]:
    """Ours, of two arrays."""
    geometry = Geometry.from_matrix(reference.shape[::-1], spacing[::-1], (0, 0, 0), np.eye(3))
    return Mask.from_array(reference, geometry), Mask.from_array(test, geometry)


def surface_distance(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> Figures:
    """The published implementation; ASSD is worked out from its surface elements."""
    import surface_distance as peer

    found = peer.compute_surface_distances(reference, test, spacing)
    areas = [np.asarray(found[f"surfel_areas_{side}"]) for side in ("gt", "pred")]
    apart = [np.asarray(found[f"distances_{way}"]) for way in ("gt_to_pred", "pred_to_gt")]
    mean = sum(float((d * a).sum()) for d, a in zip(apart, areas, strict=True)) / sum(a.sum() for a in areas)
    return _named(
        peer.compute_dice_coefficient(reference, test),
        *(peer.compute_surface_dice_at_tolerance(found, t) for t in TOLERANCES),
        *(peer.compute_robust_hausdorff(found, percent) for percent in (95, 100)),
        mean,
    )


def monai(reference: np.ndarray, test: np.ndarray, spacing: Spacing, *, subvoxels: bool = False) -> Figures:
    """MONAI as it comes: surface Dice counts pixels, unless `subvoxels` asks for areas."""
    import monai.metrics as peer
    import torch

    one, other = (torch.from_numpy(array.astype(np.float32))[None, None] for array in (test, reference))
    shared = {"include_background": True, "spacing": spacing}
    dice = [peer.compute_surface_dice(one, other, [t], use_subvoxels=subvoxels, **shared) for t in TOLERANCES]
    if subvoxels:
        return {name: float(value) for name, value in zip(SURFACE_DICE, dice, strict=True)}
    return _named(
        peer.compute_dice(one, other, include_background=True),
        *dice,
        peer.compute_hausdorff_distance(one, other, percentile=95, **shared),
        peer.compute_hausdorff_distance(one, other, **shared),
        peer.compute_average_surface_distance(one, other, symmetric=True, **shared),
    )


def monai_subvoxels(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> Figures:
    """MONAI's surface Dice by area."""
    return monai(reference, test, spacing, subvoxels=True)


def simpleitk(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> Figures:
    """Its filters, and the usual recipe with them: Maurer distance at the other's contour voxels."""
    one, other = _images(reference, test, spacing)
    overlap, hausdorff = sitk.LabelOverlapMeasuresImageFilter(), sitk.HausdorffDistanceImageFilter()
    overlap.Execute(one, other)
    hausdorff.Execute(one, other)
    apart = []
    for source, target in ((one, other), (other, one)):
        field = sitk.Abs(sitk.SignedMaurerDistanceMap(target, squaredDistance=False, useImageSpacing=True))
        apart.append(sitk.GetArrayFromImage(field)[sitk.GetArrayFromImage(sitk.LabelContour(source)) > 0])
    pooled = np.concatenate(apart)
    return _named(
        overlap.GetDiceCoefficient(),
        *((pooled <= t).mean() for t in TOLERANCES),
        max(np.percentile(a, 95) for a in apart),
        hausdorff.GetHausdorffDistance(),
        pooled.mean(),
    )


def medpy(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> Figures:
    """Four calls that share nothing."""
    from medpy.metric import binary as peer

    apart = {"voxelspacing": spacing}
    return {
        "Dice": float(peer.dc(test, reference)),
        "HD95": float(peer.hd95(test, reference, **apart)),
        "HD": float(peer.hd(test, reference, **apart)),
        "ASSD": float(peer.assd(test, reference, **apart)),
    }


def plastimatch(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> Figures:
    """The command `plastimatch dice --all` on two files; writing them is part of it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("reference.mha", "test.mha")]
        for image, path in zip(_images(reference, test, spacing), paths, strict=True):
            sitk.WriteImage(image, path)
        command = [str(_plastimatch()), "dice", "--all", *paths]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^(.+?)\s*[:=]\s*([-\d.]+)\s*$", said, re.MULTILINE)
    found = {name: float(value) for name, value in lines}
    return {
        "Dice": found["DICE"],
        "HD95": found["Percent (0.95) Hausdorff distance (boundary)"],
        "HD": found["Hausdorff distance"],
        "ASSD": found["Avg average Hausdorff distance (boundary)"],
    }


PROGRAMS: dict[str, tuple[str, Program]] = {
    OURS: ("", ours),
    OURS_COMPILED: ("numba", partial(ours, loops=COMPILED)),
    SAME_SET: ("", ours_same_set),
    SAME_SET_COMPILED: ("numba", partial(ours_same_set, loops=COMPILED)),
    DICE_ONLY: ("", ours_dice),
    DICE_ONLY_COMPILED: ("numba", partial(ours_dice, loops=COMPILED)),
    "surface-distance": ("surface_distance", surface_distance),
    "MONAI, as it comes": ("monai", monai),
    "MONAI, sD by area only": ("monai", monai_subvoxels),
    "SimpleITK": ("", simpleitk),
    "medpy": ("medpy", medpy),
    "plastimatch": ("", plastimatch),
}


def installed() -> dict[str, Program]:
    """The programs that can run here."""
    there = {p: program for p, (package, program) in PROGRAMS.items() if not package or find_spec(package)}
    return {p: program for p, program in there.items() if program is not plastimatch or _plastimatch()}


def _plastimatch() -> str | None:
    own = shutil.which("plastimatch", path=str(Path(sys.executable).parent))
    return next((found for found in (own, shutil.which("plastimatch")) if found and runs(found)), None)


def _images(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> list[sitk.Image]:
    images = [sitk.GetImageFromArray(array.astype(np.uint8)) for array in (reference, test)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    return images


def _named(*values: object) -> Figures:
    return {name: float(value) for name, value in zip(NAMES, values, strict=True)}  # type: ignore[arg-type]
