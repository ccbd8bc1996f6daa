"""Training windows: where each is cut from a case, and how its picture is varied.

Everything comes from one generator, so step n of a run is the same whenever it is reached.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from inference_backend.models.model_grid import AIR_HU, HuWindow
from inference_backend.training.phantom_cohort import FULL, TrainingCase

Floats = NDArray[np.float32]
BODY_HU = -300
JITTER_VOXELS = 8  # how far a window may leave the body in the axial plane
NOISE_HU = 30.0
SHIFT_HU = 25.0
CONTRAST = 0.12
BLUR_VOXELS = 0.8


def cut_window(
    case: TrainingCase, patch_kji: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """HU and shares (0 to 1) of one window; air and nothing where it leaves the scan."""
    starts = _starts(case.hu_kji, patch_kji, rng)
    hu = np.full(patch_kji, AIR_HU, dtype=np.float32)
    share = np.zeros((case.share_skji.shape[0], *patch_kji), dtype=np.float32)
    inside, source = _overlap(starts, patch_kji, case.hu_kji.shape)
    hu[inside] = case.hu_kji[source]
    share[(slice(None), *inside)] = case.share_skji[(slice(None), *source)]
    share /= FULL
    return hu, share


def varied(hu_kji: Floats, rng: np.random.Generator) -> Floats:
    """The same picture from another scanner: blurred, noisier, of another contrast, shifted."""
    picture = hu_kji
    if rng.uniform() < 0.3:
        picture = gaussian_filter(picture, rng.uniform(0.2, BLUR_VOXELS))
    picture = picture * rng.uniform(1 - CONTRAST, 1 + CONTRAST) + rng.uniform(-SHIFT_HU, SHIFT_HU)
    if rng.uniform() < 0.6:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + noise * np.float32(rng.uniform(0, NOISE_HU))
    return picture.astype(np.float32, copy=False)


def training_pair(
    case: TrainingCase, patch_kji: tuple[int, int, int], window: HuWindow, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """What the network sees and what it should say of it."""
    hu, share = cut_window(case, patch_kji, rng)
    return window.apply(varied(hu, rng)), share


def _starts(
    hu_kji: NDArray[np.int16], patch_kji: tuple[int, int, int], rng: np.random.Generator
) -> tuple[int, int, int]:
    """Anywhere along the body; in the axial plane so that the window holds nearly all of it."""
    body = hu_kji > BODY_HU
    starts = [_between(0, hu_kji.shape[0] - patch_kji[0], rng)]
    for axis in (1, 2):
        filled = np.flatnonzero(body.any(axis=tuple({0, 1, 2} - {axis})))
        low, high = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, hu_kji.shape[axis])
        ends = sorted((low, high - patch_kji[axis]))
        starts.append(int(rng.integers(ends[0] - JITTER_VOXELS, ends[1] + JITTER_VOXELS + 1)))
    return starts[0], starts[1], starts[2]


def _between(first: int, last: int, rng: np.random.Generator) -> int:
    low, high = sorted((first, last))
    return int(rng.integers(low, high + 1))


def _overlap(
    starts: tuple[int, ...], patch: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    inside, source = [], []
    for start, side, size in zip(starts, patch, shape, strict=True):
        low, high = max(start, 0), min(start + side, size)
        high = max(high, low)
        inside.append(slice(low - start, high - start))
        source.append(slice(low, high))
    return tuple(inside), tuple(source)
