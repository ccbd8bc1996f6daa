"""Scans whose HU rise evenly in space, in whole numbers from voxel to voxel, on every orientation.

Linear interpolation changes nothing about them, so what lies above a threshold is known beforehand.
"""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.phantom.spec import rotation

HEAD_FIRST, FEET_FIRST = np.diag([1.0, 1, 1]), np.diag([-1.0, 1, -1])
PRONE, SAGITTAL = np.diag([-1.0, -1, 1]), np.asarray([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
SCANS = {
    "head first": ((60, 60, 40), (2.0, 2.0, 3.0), HEAD_FIRST),
    "feet first": ((60, 60, 40), (2.0, 2.0, 3.0), FEET_FIRST),
    "prone": ((60, 60, 40), (2.0, 2.0, 3.0), PRONE),
    "not square": ((72, 44, 40), (1.5, 2.6, 3.0), HEAD_FIRST),
    "anisotropic": ((90, 80, 20), (1.1, 1.3, 7.0), HEAD_FIRST),
    "oblique": ((60, 60, 40), (2.0, 2.0, 3.0), rotation((9, -6, 12)) @ FEET_FIRST),
    "sagittal": ((60, 60, 40), (2.0, 2.5, 3.0), SAGITTAL),
}


def rising_scan(name: str) -> CtScan:
    """HU that rise by whole numbers along each axis, from -290 to about 1000: all of it is body."""
    size, spacing, direction = SCANS[name]
    geometry = Geometry.from_matrix(size, spacing, (11.3, -7.9, 4.2), direction)
    k, j, i = np.indices(geometry.shape_kji)
    steps = [max(int(430 / n), 1) for n in geometry.shape_kji]
    return CtScan((-290 + steps[0] * k + steps[1] * j + steps[2] * i).astype(np.int16), geometry)
