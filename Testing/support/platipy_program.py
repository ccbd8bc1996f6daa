"""Runs platipy on pairs of masks: platipy needs pydicom below 3, so an environment of its own.

    PYTHON platipy_program.py pairs.npz ROUNDS

The file holds `spacing_kji` and, per structure, `NAME.reference` and `NAME.test`. Prints one JSON object: the
`figures` and the added `paths` per structure, of each round what was found, processor ms, clock ms and MB.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from platipy.imaging.label import comparison

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.measured_run import spent, spent_with_memory

PATH_TOLERANCES = (0.0, 3.0)
Round = tuple[dict[str, float], float, float, float | None]


def figures(reference: np.ndarray, test: np.ndarray, spacing_kji: np.ndarray) -> dict[str, float]:
    """Everything platipy has between two masks but paths, with surface Dice at three tolerances."""
    images = _images(reference, test, spacing_kji)
    found = comparison.compute_surface_metrics(*images)  # with surface Dice at 3 mm
    return {
        "Dice": comparison.compute_metric_dsc(*images),
        "sD@1": comparison.compute_surface_dsc(*images, tau=1.0),
        "sD@2": comparison.compute_surface_dsc(*images, tau=2.0),
        "sD@3": found["surfaceDSC"],
        "HD95": found["hausdorffDistance95"],
        "HD": found["hausdorffDistance"],
        "ASSD": found["meanSurfaceDistance"],
    }


def paths(reference: np.ndarray, test: np.ndarray, spacing_kji: np.ndarray) -> dict[str, float]:
    """Its added path length in mm, by the tolerance as text."""
    images = _images(reference, test, spacing_kji)
    return {
        f"{mm:g}": float(comparison.compute_metric_total_apl(*images, distance_threshold_mm=mm))
        for mm in PATH_TOLERANCES
    }


def _images(reference: np.ndarray, test: np.ndarray, spacing_kji: np.ndarray) -> list[sitk.Image]:
    images = [sitk.GetImageFromArray(array.astype(np.uint8)) for array in (reference, test)]
    for image in images:
        image.SetSpacing([float(mm) for mm in spacing_kji[::-1]])
    return images


def main() -> None:
    """Every structure in every round; a single round is for the memory."""
    arrays, rounds = np.load(sys.argv[1]), int(sys.argv[2])
    measured = spent_with_memory if rounds == 1 else spent
    names = [key.removesuffix(".test") for key in arrays.files if key.endswith(".test")]
    found: dict[str, dict[str, list[Round]]] = {}
    for name in names:
        pair = arrays[f"{name}.reference"], arrays[f"{name}.test"], arrays["spacing_kji"]
        for what in (figures, paths):
            for _ in range(rounds):
                one = measured(lambda pair=pair, what=what: what(*pair))
                rows = found.setdefault(what.__name__, {}).setdefault(name, [])
                rows.append((one.answer, one.cpu_ms, one.wall_ms, one.extra_mb))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
