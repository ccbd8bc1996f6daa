"""Ready-made phantoms, one for each case that the notes of the source data warn of, and random ones.

`random_spec` covers more than any clinic sees, on purpose: it is for training a demonstration network and for
tests, and says nothing about how often anything happens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference_backend.phantom.spec import PatientPosition, PhantomSpec

STANDARD = PhantomSpec()


_ALL = (
    STANDARD,
    replace(STANDARD, name="no_gtvp", seed=2, tumour_radius_mm=0.0),
    replace(STANDARD, name="one_kidney", seed=3, missing=frozenset({"kidney_left"})),
    replace(STANDARD, name="cropped_above", seed=4, top_mm=168.0),
    replace(STANDARD, name="cropped_below", seed=5, bottom_mm=-6.0),
    replace(STANDARD, name="extra_slices", seed=6, bottom_mm=-240.0, top_mm=399.0, slice_step_mm=3.0),
    replace(
        STANDARD,
        name="no_contrast",
        seed=7,
        contrast=False,
        nasogastric_tube=True,
        parametrium_thickness_mm=9.0,
        uterus_drop_mm=20.0,
        uterus_cc=70.0,
    ),
    replace(
        STANDARD,
        name="small_parametrium_low_uterus",
        seed=8,
        parametrium_thickness_mm=9.0,
        uterus_drop_mm=20.0,
    ),
    replace(
        STANDARD, name="large_tumour", seed=9, tumour_radius_mm=42.0, lymph_nodes=3, bladder_filling_cc=160.0
    ),
    replace(
        STANDARD,
        name="oblique",
        grid_tilt_deg=(9.0, -6.0, 12.0),
        matrix_ij=(224, 192),
        bottom_mm=-126.0,
        top_mm=318.0,
    ),
    replace(STANDARD, name="sigmoid_in_parametrium", seed=11, sigmoid_drop=1.0),
    replace(STANDARD, name="prone", patient_position=PatientPosition.HEAD_FIRST_PRONE),
    replace(STANDARD, name="feet_first", patient_position=PatientPosition.FEET_FIRST_SUPINE),
    replace(STANDARD, name="feet_first_prone", patient_position=PatientPosition.FEET_FIRST_PRONE),
    replace(STANDARD, name="non_square", matrix_ij=(160, 176), pixel_mm=(2.6, 1.9)),
    replace(STANDARD, name="full_bladder", seed=16, bladder_filling_cc=420.0),
    replace(STANDARD, name="no_nodes", seed=17, lymph_nodes=0),
    replace(STANDARD, name="after_hysterectomy", seed=18, missing=frozenset({"uterus", "cervix", "gtvp"})),
    replace(STANDARD, name="metal_hip", seed=19, metal_hip="left"),
)
VARIANTS: dict[str, PhantomSpec] = {spec.name: spec for spec in _ALL}

CAN_BE_MISSING = ("kidney_left", "kidney_right", "uterus", "gtvn", "sigmoid")


def random_spec(rng: np.random.Generator) -> PhantomSpec:
    """A specification drawn at random from everything `PhantomSpec` can vary, at a coarse resolution."""
    pixel = float(rng.uniform(2.0, 3.2))
    squeeze = float(rng.uniform(0.85, 1.15)) if rng.uniform() < 0.2 else 1.0
    size = (_even(410.0 / pixel), _even(330.0 / (pixel * squeeze)))
    missing = [name for name in CAN_BE_MISSING if rng.uniform() < 0.05]
    if rng.uniform() < 0.05:
        missing += ["uterus", "cervix", "gtvp"]
    body = replace(
        STANDARD,
        name="random",
        seed=int(rng.integers(2**31)),
        matrix_ij=size,
        pixel_mm=(pixel, pixel * squeeze),
        slice_step_mm=float(rng.uniform(2.0, 5.0)),
        bottom_mm=float(rng.uniform(-140, -85)) if rng.uniform() < 0.85 else float(rng.uniform(-60, 0)),
        top_mm=float(rng.uniform(230, 310)) if rng.uniform() < 0.7 else float(rng.uniform(120, 380)),
        patient_position=list(PatientPosition)[int(rng.choice(4, p=[0.8, 0.08, 0.08, 0.04]))],
        grid_tilt_deg=_triple(rng.normal(0, 4.0, 3)) if rng.uniform() < 0.15 else (0.0, 0.0, 0.0),
        heads_lps=_triple(rng.uniform(-60, 60, 3)),
        body_scale=_triple(rng.uniform(0.9, 1.12, 3)),
        pose_deg=_triple(np.clip(rng.normal(0, 3.0, 3), -12, 12)),
        warp_mm=float(rng.uniform(0.0, 7.0)),
        fat_mm=float(rng.uniform(8.0, 36.0)),
        missing=frozenset(missing),
    )
    return _with_picture(_with_organs(body, rng), rng)


def _with_organs(spec: PhantomSpec, rng: np.random.Generator) -> PhantomSpec:
    retroverted = rng.uniform() < 0.15
    return replace(
        spec,
        bladder_filling_cc=float(np.clip(rng.lognormal(5.2, 0.55), 40, 550)),
        uterus_cc=float(rng.uniform(30, 170)),
        anteversion_deg=float(rng.uniform(-50, -5) if retroverted else rng.uniform(5, 70)),
        uterus_drop_mm=float(rng.uniform(-8, 25)),
        tumour_radius_mm=0.0 if rng.uniform() < 0.15 else float(rng.uniform(8, 44)),
        vagina_length_mm=float(rng.uniform(50, 95)),
        parametrium_thickness_mm=float(rng.uniform(8, 32)),
        lymph_nodes=int(rng.integers(0, 4)),
        node_radius_mm=float(rng.uniform(4, 12)),
        rectum_radius_mm=float(rng.uniform(9.5, 19)),
        sigmoid_drop=float(rng.uniform(0, 1)) if rng.uniform() < 0.3 else 0.0,
        bowel_gas=float(rng.uniform(0, 0.9)),
    )


def _with_picture(spec: PhantomSpec, rng: np.random.Generator) -> PhantomSpec:
    return replace(
        spec,
        contrast=bool(rng.uniform() < 0.65),
        noise_hu=float(rng.uniform(4, 40)),
        texture_hu=float(rng.uniform(2, 14)),
        metal_hip=("left", "right")[int(rng.integers(2))] if rng.uniform() < 0.05 else "",
        nasogastric_tube=bool(rng.uniform() < 0.1),
        couch=bool(rng.uniform() < 0.85),
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _even(size: float) -> int:
    return 2 * round(size / 2)
