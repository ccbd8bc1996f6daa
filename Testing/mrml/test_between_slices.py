"""Slices between two contours are filled by Slicer's interpolation, on every orientation of the scan."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.between_slices import filled_between
from support.shapes import ball
from support.workstation import pelvis


def _every_third(mask: Mask) -> Mask:
    axial = AxialSlices.of(mask.geometry)
    kept = mask.to_array()
    index = [slice(None)] * 3
    for axial_k in axial.holding(mask):
        if axial_k % 3:
            index[axial.axis] = axial.count - 1 - axial_k if axial.flipped else axial_k
            kept[tuple(index)] = False
    return Mask.from_array(kept, mask.geometry)


@pytest.mark.parametrize("direction", ["head first supine", "feet first supine", "sagittal slices"])
def test_a_ball_drawn_on_every_third_slice_becomes_a_ball(direction: str) -> None:
    sphere = ball(pelvis(direction), (0, 0, 0), 24)
    drawn = _every_third(sphere)
    filled = filled_between(drawn)
    axial = AxialSlices.of(sphere.geometry)
    first, *_, last = axial.holding(drawn)
    assert axial.holding(filled) == tuple(range(first, last + 1))
    assert (drawn - filled).is_empty
    between = [k for k in range(first, last + 1) if k % 3]
    index = [axial.count - 1 - k if axial.flipped else k for k in between]
    one = np.take(filled.to_array(), index, axis=axial.axis)
    other = np.take(sphere.to_array(), index, axis=axial.axis)
    assert 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)) > 0.93


def test_a_contour_without_a_gap_and_an_empty_one_stay_as_they_are() -> None:
    sphere = ball(pelvis(), (0, 0, 0), 20)
    assert filled_between(sphere) is sphere
    empty = Mask.empty(pelvis())
    assert filled_between(empty) is empty
