"""A few numbers that say what a scan looks like, for telling one unlike the calibration cases from one like
them.

All are of the body on the model's grid, or of the scan's own grid; none can identify a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.geometry import Geometry
from inference_backend.inference.body_crop import BODY_HU

TISSUES = MappingProxyType(
    {
        "gas": (-3000.0, -200.0),
        "fat": (-200.0, -30.0),
        "watery tissue": (-30.0, 20.0),
        "soft tissue": (20.0, 90.0),
        "enhanced tissue": (90.0, 200.0),
        "bone": (200.0, 4000.0),
    }
)
SOFT_HU = (-30.0, 120.0)
WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{name: f"the share of {name} in the body" for name in TISSUES},
        "section_cm2": "the body's cross-section in cm2",
        "width_mm": "the body's width in mm",
        "depth_mm": "the body's depth in mm",
        "length_mm": "the length of the scan in mm",
        "pixel_mm": "the pixel size in mm",
        "slice_mm": "the distance of the slices in mm",
        "roughness_hu": "the unevenness of soft tissue in HU",
        "disagreement": "how far the networks disagree",
    }
)


def scan_features(
    hu_kji: NDArray[np.float32], spacing_kji_mm: tuple[float, float, float], scan: Geometry
) -> dict[str, float]:
    """By the names of `WORDS`, but for the networks' disagreement.

    hu_kji: HU on a model grid round the body, axes to superior, posterior, left.
    """
    body = _body(hu_kji)
    values = hu_kji[body]
    found = {name: float(np.mean((values >= low) & (values < high))) for name, (low, high) in TISSUES.items()}
    areas = body.sum(axis=(1, 2))
    held = body[areas > 0]
    voxel_mm2 = spacing_kji_mm[1] * spacing_kji_mm[2]
    found["section_cm2"] = float(np.median(areas[areas > 0])) * voxel_mm2 / 100
    found["width_mm"] = float(np.median(held.any(axis=1).sum(axis=1))) * spacing_kji_mm[2]
    found["depth_mm"] = float(np.median(held.any(axis=2).sum(axis=1))) * spacing_kji_mm[1]
    found["length_mm"] = len(held) * spacing_kji_mm[0]
    own = sorted(scan.spacing_mm)
    found["pixel_mm"], found["slice_mm"] = float(np.mean(own[:2])), float(own[2])
    found["roughness_hu"] = _roughness(hu_kji, body)
    return found


def _body(hu_kji: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The largest connected part, with the gas inside it."""
    labels, _ = ndimage.label(hu_kji > BODY_HU)
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    filled: NDArray[np.bool_] = np.stack([ndimage.binary_fill_holes(plane) for plane in largest])
    return filled


def _roughness(hu_kji: NDArray[np.float32], body: NDArray[np.bool_]) -> float:
    """Median difference of neighbours in a row, both of soft tissue."""
    soft = body & (hu_kji > SOFT_HU[0]) & (hu_kji < SOFT_HU[1])
    both = soft[:, :, 1:] & soft[:, :, :-1]
    if not both.any():
        return 0.0
    return float(np.median(np.abs(np.diff(hu_kji, axis=2)[both])))
