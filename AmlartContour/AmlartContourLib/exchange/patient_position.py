"""How a patient must have lain for a scanner to store a grid in this order: DICOM's Patient Position."""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.geometry import Geometry

# Rows are LPS directions of the image's i and j axes as a scanner stores them, unreformatted (its own right
# and down): supine faces up, prone down, decubitus left has the left side down. k follows as i x j.
_I_AND_J = {
    "HFS": ((1, 0, 0), (0, 1, 0)),
    "HFP": ((-1, 0, 0), (0, -1, 0)),
    "FFS": ((-1, 0, 0), (0, 1, 0)),
    "FFP": ((1, 0, 0), (0, -1, 0)),
    "HFDL": ((0, -1, 0), (1, 0, 0)),
    "HFDR": ((0, 1, 0), (-1, 0, 0)),
    "FFDL": ((0, 1, 0), (1, 0, 0)),
    "FFDR": ((0, -1, 0), (-1, 0, 0)),
}


def patient_position(geometry: Geometry) -> str:
    """The position that fits the grid's axes best; empty where the slices are nearer to sagittal or coronal,
    which no position explains."""
    axes = geometry.direction_matrix
    if np.abs(axes[:, 2]).argmax() != 2:
        return ""
    fits = {
        name: float(np.dot(axes[:, 0], i) + np.dot(axes[:, 1], j) + np.dot(axes[:, 2], np.cross(i, j)))
        for name, (i, j) in _I_AND_J.items()
    }
    return max(fits, key=fits.__getitem__)
