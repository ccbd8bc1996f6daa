"""What a reader notices about a scan that is usable: sentences for the user, no refusals, no positions."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.dicom_values import number, text

OBLIQUE_DEGREES = 0.1
THICK_STEP_MM = 5.0
TILT_DEGREES = 0.5
_WAYS = {"HF": "head first", "FF": "feet first"}
_SIDES = {"S": "supine", "P": "prone", "DL": "on the left side", "DR": "on the right side"}


def grid_findings(geometry: Geometry) -> tuple[str, ...]:
    """Oblique axes and wide slice steps."""
    found = []
    nearest = np.abs(geometry.direction_matrix).max(axis=0)
    angle = float(np.degrees(np.arccos(np.clip(nearest.min(), -1, 1))))
    if angle > OBLIQUE_DEGREES:
        found.append(f"The slices are oblique, {angle:.1f} degrees off the patient's axes; kept as they are.")
    if np.abs(geometry.direction_matrix[:, 2]).argmax() != 2:
        found.append("The slices are not axial; they were kept as they are.")
    if geometry.spacing_mm[2] > THICK_STEP_MM + 0.01:
        found.append(
            f"The slice step is {geometry.spacing_mm[2]:.2f} mm; contours between slices are coarse above "
            f"{THICK_STEP_MM:g} mm."
        )
    return tuple(found)


def position_findings(header: Dataset) -> tuple[str, ...]:
    """How the patient lay, where it was not head first supine, and a tilt that the positions do not show.

    For stacks that are straight; both are read from the header and change nothing.
    """
    found = []
    position = text(header, "PatientPosition").upper()
    way, side = _WAYS.get(position[:2]), _SIDES.get(position[2:])
    if way and side and position != "HFS":
        found.append(f"The patient was scanned {way}, {side} ({position}); the slices' positions say where.")
    tilt = number(header, "GantryDetectorTilt")
    if tilt is not None and abs(tilt) > TILT_DEGREES:
        found.append(
            f"The header states a gantry tilt of {tilt:g} degrees, but the slices' positions show a straight "
            "stack; the positions were taken."
        )
    return tuple(found)
