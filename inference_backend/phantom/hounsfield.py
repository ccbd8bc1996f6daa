"""The picture: tissues painted in order, blurred, then given texture, noise and, around metal, streaks.

Mean values are typical of 120 kV CT, chosen by eye against a public scan; with contrast they stand for a
portal venous phase. Every slice has its own random stream (seed, slice number), so a slice never depends on
how the volume was worked through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from inference_backend.phantom import anatomy, bones
from inference_backend.phantom.frame import Canvas
from inference_backend.phantom.spec import PhantomSpec

AIR_HU = -1000
LOWEST_HU, HIGHEST_HU = -1024, 3071
BLUR_MM = (0.6, 1.0)  # Gaussian sigma along and within slices
TEXTURE_MM = 4.0
STREAK_HU = 240.0
STREAK_HALF_HEIGHT_MM = 24.0
SLAB_SLICES = 12


@dataclass(frozen=True)
class Tissue:
    """Mean HU without and with contrast, and how much stronger than soft tissue its texture is."""

    plain: int
    enhanced: int
    texture: float = 1.0


def _one(hu: int, texture: float = 1.0) -> Tissue:
    return Tissue(hu, hu, texture)


MUSCLE = Tissue(52, 62)
ARTERY = Tissue(42, 165)
VEIN = Tissue(41, 128)
MARROW = _one(190, 6.0)
CORTEX = _one(620, 8.0)
GAS = _one(-930, 2.0)
WALL = Tissue(38, 72)
PAINT: tuple[tuple[str, Tissue], ...] = (
    ("body", _one(10)),
    ("body:fat", _one(-104)),
    ("body:wall", MUSCLE),
    ("body:cavity", _one(-100, 1.6)),
    ("parametrium_left", _one(-38, 4.0)),
    ("parametrium_right", _one(-38, 4.0)),
    ("body:rectus", MUSCLE),
    ("body:muscles", MUSCLE),
    ("body:pelvic_wall", MUSCLE),
    *((name, MUSCLE) for name in anatomy.NAMED_MUSCLES),
    ("body:joints", _one(60)),
    ("body:ribs", _one(320, 6.0)),
    ("body:discs", _one(82)),
    *((name, CORTEX) for name in anatomy.BONES),
    *((f"{name}:marrow", MARROW) for name in anatomy.BONES),
    ("spinal_cord", _one(22)),
    ("body:lungs", _one(-840, 5.0)),
    ("body:heart", Tissue(42, 135)),
    ("body:liver", Tissue(58, 108)),
    ("body:spleen", Tissue(48, 118)),
    ("body:stomach", Tissue(32, 45, 2.0)),
    ("body:pancreas", Tissue(38, 92, 2.0)),
    ("kidney_left", Tissue(33, 185)),
    ("kidney_right", Tissue(33, 185)),
    ("kidney_left:sinus", Tissue(-30, -10, 3.0)),
    ("kidney_right:sinus", Tissue(-30, -10, 3.0)),
    ("duodenum", Tissue(34, 62, 2.0)),
    ("small_bowel", WALL),
    ("small_bowel:content", Tissue(16, 24, 2.0)),
    ("small_bowel:gas", GAS),
    ("colon", WALL),
    ("colon:content", _one(-40, 12.0)),
    ("colon:gas", GAS),
    ("sigmoid", WALL),
    ("sigmoid:content", _one(-15, 8.0)),
    ("sigmoid:gas", GAS),
    ("anorectum", WALL),
    ("anorectum:content", _one(5, 5.0)),
    ("bladder", Tissue(34, 48)),
    ("bladder:urine", _one(6)),
    ("body:urethra", Tissue(40, 62)),
    ("vagina", Tissue(42, 68, 1.5)),
    ("uterus", Tissue(48, 104, 1.5)),
    ("cervix", Tissue(46, 84, 1.5)),
    ("gtvp", Tissue(44, 66, 2.5)),
    ("gtvn", Tissue(44, 82)),
    ("body:vessels", VEIN),
    ("inferior_vena_cava", VEIN),
    ("iliac_vein_left", VEIN),
    ("iliac_vein_right", VEIN),
    ("iliac_artery_left", ARTERY),
    ("iliac_artery_right", ARTERY),
    ("aorta", ARTERY),
    ("body:tube", _one(420)),
    ("couch", _one(120, 0.5)),
    ("couch:foam", _one(-940, 0.5)),
)


def picture(canvas: Canvas, drawn: Mapping[str, Mask]) -> NDArray[np.int16]:
    """int16 [k, j, i] HU of the patient on the canvas' grid."""
    spec, geometry = canvas.spec, canvas.geometry
    painted = np.full(geometry.shape_kji, AIR_HU, dtype=np.int16)
    roughness = np.zeros(geometry.shape_kji, dtype=np.uint8)
    for name, tissue in PAINT:
        if name in drawn and not drawn[name].is_empty:
            _fill(painted, drawn[name], tissue.enhanced if spec.contrast else tissue.plain)
            _fill(roughness, drawn[name], round(8 * tissue.texture))
    for name in anatomy.SIDES:
        if spec.metal_hip == name:
            _fill(painted, drawn[f"femur_{name}"], HIGHEST_HU)
    return _finish(canvas, painted, roughness)


def _fill(volume: NDArray[np.generic], mask: Mask, value: int) -> None:
    volume[mask.box.slices][mask.block_kji] = value


def _finish(canvas: Canvas, painted: NDArray[np.int16], roughness: NDArray[np.uint8]) -> NDArray[np.int16]:
    spec, spacing = canvas.spec, canvas.geometry.spacing_kji_mm
    sigma = (BLUR_MM[0] / spacing[0], BLUR_MM[1] / spacing[1], BLUR_MM[1] / spacing[2])
    halo = int(np.ceil(4 * sigma[0])) + 1
    count = painted.shape[0]
    result = np.empty_like(painted)
    texture = _Texture(spec, canvas.geometry)
    streaks = _Streaks(canvas) if spec.metal_hip else None
    for first in range(0, count, SLAB_SLICES):
        last = min(first + SLAB_SLICES, count)
        low, high = max(first - halo, 0), min(last + halo, count)
        slab = ndimage.gaussian_filter(painted[low:high].astype(np.float32), sigma, mode="nearest")
        for k in range(first, last):
            hu = slab[k - low]
            hu += texture.slice(k) * roughness[k] * np.float32(spec.texture_hu / 8)
            hu += _noise(spec, k, hu.shape)
            if streaks:
                hu += streaks.slice(k)
            result[k] = np.clip(np.rint(hu), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    return result


def _noise(spec: PhantomSpec, k: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """White noise, lightly smoothed as by a reconstruction kernel, of the wanted standard deviation."""
    white = np.random.default_rng([spec.seed, 3, k]).standard_normal(shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, 0.6, mode="wrap")
    gain = np.float32(spec.noise_hu / max(float(smooth.std()), 1e-6))
    scaled: NDArray[np.float32] = smooth * gain
    return scaled


class _Texture:
    """Unit-variance random field, smooth over TEXTURE_MM in the slice and between slices."""

    def __init__(self, spec: PhantomSpec, geometry: Geometry) -> None:
        self._seed = spec.seed
        self._shape = geometry.shape_kji[1:]
        step, row, column = geometry.spacing_kji_mm
        self._sigma = (TEXTURE_MM / row, TEXTURE_MM / column)
        self._keep = float(np.exp(-step / TEXTURE_MM))
        self._last: NDArray[np.float32] | None = None

    def slice(self, k: int) -> NDArray[np.float32]:
        """The field of slice k; ask for slices in order, since each follows from the one before."""
        white = np.random.default_rng([self._seed, 4, k]).standard_normal(self._shape, dtype=np.float32)
        fresh = ndimage.gaussian_filter(white, self._sigma, mode="wrap")
        fresh /= max(float(fresh.std()), 1e-6)
        if self._last is None:
            self._last = fresh
        else:
            self._last = self._keep * self._last + np.float32(np.sqrt(1 - self._keep**2)) * fresh
        return self._last


class _Streaks:
    """Bright and dark rays round a metal hip, fading with distance from it and beyond its heights."""

    def __init__(self, canvas: Canvas) -> None:
        geometry, side = canvas.geometry, 1.0 if canvas.spec.metal_hip == "left" else -1.0
        x, y, z = bones.HEAD_CENTRE
        i, j, self._k = geometry.lps_to_index(canvas.to_lps((side * x, y, z)))
        rows, columns = geometry.shape_kji[1:]
        across = (np.arange(columns) - i)[None, :] * geometry.spacing_mm[0]
        down = (np.arange(rows) - j)[:, None] * geometry.spacing_mm[1]
        rays = np.cos(14 * np.arctan2(down, across) + canvas.spec.seed % 7)
        self._plane = (STREAK_HU * rays * np.exp(-np.hypot(across, down) / 70.0)).astype(np.float32)
        self._step_mm = geometry.spacing_mm[2]

    def slice(self, k: int) -> NDArray[np.float32]:
        """The rays of slice k."""
        away = abs(k - self._k) * self._step_mm
        faded: NDArray[np.float32] = self._plane * np.float32(
            np.exp(-max(away - STREAK_HALF_HEIGHT_MM, 0.0) / 5.0)
        )
        return faded
