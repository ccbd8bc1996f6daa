"""Filling slices without a contour from those above and below, by Slicer's morphological interpolation.

Works on a label map of its own, so the scene is not touched and any thread may run it.
"""

from __future__ import annotations

import slicer

from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.labelmaps import image_of, mask_of


def filled_between(mask: Mask) -> Mask:
    """The mask with the axial slices filled that lie between two that hold a contour (vtkITK's filter after
    Albu 2008). Slices that hold one stay as they are."""
    axial = AxialSlices.of(mask.geometry)
    held = axial.holding(mask)
    if not held or len(held) == held[-1] - held[0] + 1:
        return mask
    image = image_of(mask)
    interpolator = slicer.vtkITKMorphologicalContourInterpolator()
    interpolator.SetInputData(image)
    interpolator.SetAxis(2 - axial.axis)
    interpolator.Update()
    filled = slicer.vtkOrientedImageData()
    filled.DeepCopy(interpolator.GetOutput())
    filled.CopyDirections(image)
    return mask | mask_of(filled, mask.geometry)
