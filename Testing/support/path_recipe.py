"""Added path length as platipy describes it, written with the SimpleITK filters it uses."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk


def added_path_by_filters_mm(
    reference_kji: np.ndarray, test_kji: np.ndarray, tolerance_mm: float, pixel_mm: float
) -> float:
    """Slice by slice the reference's contour that is not on the test's, dilated by a ball of whole pixels.

    Its contours leave out what lies on the image's border. Unlike platipy it skips no slice.
    """
    radius = int(np.ceil(tolerance_mm / pixel_mm))
    count = 0
    for one, other in zip(reference_kji.astype(np.uint8), test_kji.astype(np.uint8), strict=True):
        path, other_path = (sitk.LabelContour(sitk.GetImageFromArray(a)) for a in (one, other))
        if radius:
            other_path = sitk.BinaryDilate(other_path, [radius, radius])
        count += int(sitk.GetArrayFromImage(sitk.MaskNegated(path, other_path)).sum())
    return count * pixel_mm
