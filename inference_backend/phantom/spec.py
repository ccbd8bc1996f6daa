"""What a phantom is made of: every number that shapes the patient, the scan and the picture.

One frozen, typed value: two equal specifications give identical bytes. Lengths are millimetres of the
reference woman of `bones.py` (origin midway between the centres of the femoral heads) unless the name says
otherwise. Nothing here is measured on a patient population: the ranges are those in which the drawing stays
a pelvis.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry

Triple = tuple[float, float, float]
MIDDLE_Y_MM = 14.0  # the middle of trunk and couch lies this far behind the femoral heads


class PatientPosition(Enum):
    """How the patient lies; the values are DICOM's Patient Position."""

    HEAD_FIRST_SUPINE = "HFS"
    FEET_FIRST_SUPINE = "FFS"
    HEAD_FIRST_PRONE = "HFP"
    FEET_FIRST_PRONE = "FFP"

    @property
    def is_prone(self) -> bool:
        """True when the couch touches the belly."""
        return self.value.endswith("P")

    @property
    def axes(self) -> NDArray[np.float64]:
        """3x3 in LPS; columns are the directions of i, j and k of a scan in this position."""
        left = 1.0 if self.value in ("HFS", "FFP") else -1.0
        back = -1.0 if self.is_prone else 1.0
        return np.diag([left, back, left * back])


@dataclass(frozen=True)
class PhantomSpec:
    """A synthetic patient and her scan. BadSetting where a number leaves the range it can be drawn in.

    Scan: `matrix_ij` pixels of `pixel_mm`, slices every `slice_step_mm` from `bottom_mm` to `top_mm` above
    the femoral heads; the midpoint of the femoral heads lies at `heads_lps`. `grid_tilt_deg` turns the
    image grid about x, y, z; `pose_deg` turns the patient instead. Patient: `body_scale` stretches all
    lengths left-right, front-back and along the body; `warp_mm` is the amplitude of a smooth random
    deformation; `fat_mm` is the subcutaneous fat of the belly. Organs: volumes in cm3 and lengths are
    nominal, before neighbours indent them. `tumour_radius_mm` 0 and `lymph_nodes` 0 mean none.
    `anteversion_deg` is the angle of the corpus forward of the body's axis, negative for a retroverted
    uterus; `uterus_drop_mm` lowers cervix and uterus. `sigmoid_drop` 0 to 1 lets the sigmoid hang into the
    left parametrium. `bowel_gas` is the share of bowel that holds gas. Picture: `noise_hu` and `texture_hu`
    are standard deviations; `metal_hip` is "", "left" or "right". `missing` holds catalogue ids that this
    patient does not have.
    """

    name: str = "standard"
    seed: int = 1
    matrix_ij: tuple[int, int] = (192, 160)
    pixel_mm: tuple[float, float] = (2.1, 2.1)
    slice_step_mm: float = 3.0
    bottom_mm: float = -96.0
    top_mm: float = 288.0
    patient_position: PatientPosition = PatientPosition.HEAD_FIRST_SUPINE
    grid_tilt_deg: Triple = (0.0, 0.0, 0.0)
    heads_lps: Triple = (0.0, 0.0, 0.0)
    body_scale: Triple = (1.0, 1.0, 1.0)
    pose_deg: Triple = (0.0, 0.0, 0.0)
    warp_mm: float = 0.0
    fat_mm: float = 20.0
    bladder_filling_cc: float = 220.0
    uterus_cc: float = 85.0
    anteversion_deg: float = 45.0
    uterus_drop_mm: float = 0.0
    tumour_radius_mm: float = 20.0
    vagina_length_mm: float = 80.0
    parametrium_thickness_mm: float = 20.0
    lymph_nodes: int = 2
    node_radius_mm: float = 7.0
    rectum_radius_mm: float = 13.0
    sigmoid_drop: float = 0.0
    bowel_gas: float = 0.3
    contrast: bool = True
    noise_hu: float = 12.0
    texture_hu: float = 6.0
    metal_hip: str = ""
    nasogastric_tube: bool = False
    couch: bool = True
    missing: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = LIMITS.get(field.name, (-np.inf, np.inf))
            if field.name in LIMITS and not _within(getattr(self, field.name), low, high):
                raise BadSetting(f"The phantom's {field.name} is not between {low:g} and {high:g}.")
        if self.top_mm - self.bottom_mm < 4 * self.slice_step_mm:
            raise BadSetting("The phantom's scan holds fewer than five slices.")
        if self.metal_hip not in ("", "left", "right"):
            raise BadSetting("The phantom's metal_hip is neither left, right nor empty.")

    def geometry(self) -> Geometry:
        """The image grid: centred on the body, directions from position and tilt."""
        slices = round((self.top_mm - self.bottom_mm) / self.slice_step_mm) + 1
        size = np.asarray([*self.matrix_ij, slices])
        spacing = np.asarray([*self.pixel_mm, self.slice_step_mm])
        direction = rotation(self.grid_tilt_deg) @ self.patient_position.axes
        height = (self.top_mm + self.bottom_mm) / 2
        centre = np.add(self.heads_lps, (0.0, MIDDLE_Y_MM, height))
        return Geometry.from_matrix(size, spacing, centre - direction @ (spacing * (size - 1) / 2), direction)


LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "matrix_ij": (16, 1024),
    "pixel_mm": (0.5, 8.0),
    "slice_step_mm": (0.5, 10.0),
    "bottom_mm": (-400.0, 400.0),
    "top_mm": (-300.0, 500.0),
    "grid_tilt_deg": (-45.0, 45.0),
    "body_scale": (0.8, 1.25),
    "pose_deg": (-25.0, 25.0),
    "warp_mm": (0.0, 8.0),
    "fat_mm": (6.0, 40.0),
    "bladder_filling_cc": (30.0, 600.0),
    "uterus_cc": (20.0, 250.0),
    "anteversion_deg": (-60.0, 75.0),
    "uterus_drop_mm": (-10.0, 30.0),
    "tumour_radius_mm": (0.0, 45.0),
    "vagina_length_mm": (40.0, 95.0),
    "parametrium_thickness_mm": (6.0, 36.0),
    "lymph_nodes": (0, 3),
    "node_radius_mm": (3.0, 14.0),
    "rectum_radius_mm": (9.0, 20.0),
    "sigmoid_drop": (0.0, 1.0),
    "bowel_gas": (0.0, 1.0),
    "noise_hu": (0.0, 80.0),
    "texture_hu": (0.0, 40.0),
}


def rotation(degrees: Triple) -> NDArray[np.float64]:
    """3x3 rotation about x, then y, then z (the fixed LPS axes)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_x = np.asarray([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.asarray([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.asarray([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned: NDArray[np.float64] = about_z @ about_y @ about_x
    return turned


def _within(value: float | tuple[float, ...], low: float, high: float) -> bool:
    values = np.atleast_1d(np.asarray(value, dtype=float))
    return bool(np.all(np.isfinite(values)) and np.all((values >= low) & (values <= high)))
