"""Figures of single slices, and how they add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from support.shapes import grid

GRID = grid(size_ijk=(7, 6, 8))
few_voxels = arrays(np.bool_, GRID.shape_kji, elements=st.booleans(), fill=st.just(False))


@settings(max_examples=60, deadline=None)
@given(few_voxels, few_voxels, st.sampled_from([0.0, 1.3, 2.0, 3.0]))
def test_the_slices_add_up_to_the_whole(reference: np.ndarray, test: np.ndarray, tolerance: float) -> None:
    found = compare(Mask.from_array(reference, GRID), Mask.from_array(test, GRID), tolerance_mm=tolerance)
    redraw_mm2 = sum(figures.redraw_mm2 for figures in found.slices)
    assert redraw_mm2 / 100 == pytest.approx(found.redraws[0].redraw_cm2, abs=1e-9)
    assert [figures.k for figures in found.slices] == np.flatnonzero(
        (reference | test).any(axis=(1, 2))
    ).tolist()
    for name, whole in (
        ("added_path_mm", found.path.added_mm),
        ("false_negative_path_mm", found.path.false_negative_mm),
    ):
        known = [getattr(figures, name) for figures in found.slices if getattr(figures, name) is not None]
        assert sum(known) == pytest.approx(whole or 0.0)
        assert len(known) == np.count_nonzero(reference.any(axis=(1, 2)))
    assert all(0 <= figures.fraction_to_redraw <= 1 for figures in found.slices)


def test_the_slice_that_was_changed_is_the_worst() -> None:
    reference = np.zeros(GRID.shape_kji, dtype=bool)
    reference[1:7, 1:5, 1:5] = True
    test = reference.copy()
    test[4, 1:5, 3:5] = False
    found = compare(Mask.from_array(reference, GRID), Mask.from_array(test, GRID), tolerance_mm=0.0)
    worst = found.worst_slices(3)
    assert [figures.k for figures in worst] == [4, 3, 5]
    assert worst[0].position_mm == pytest.approx(GRID.index_to_lps((0, 0, 4))[2])
    assert [figures.added_path_mm for figures in found.slices if figures.k != 4] == [0.0] * 5
    assert len(found.worst_slices(1)) == 1


def test_a_slice_without_the_reference_has_no_added_path_but_all_of_it_to_redraw() -> None:
    reference, test = (np.zeros(GRID.shape_kji, dtype=bool) for _ in range(2))
    reference[2, 1:5, 1:5] = True
    test[2:8, 1:5, 1:5] = True
    found = compare(Mask.from_array(reference, GRID), Mask.from_array(test, GRID), tolerance_mm=1.0)
    top = found.slices[-1]
    assert top.k == 7
    assert top.added_path_mm is top.false_negative_path_mm is None
    assert top.fraction_to_redraw == 1.0


def test_identical_contours_have_no_worst_slice() -> None:
    block = np.ones(GRID.shape_kji, dtype=bool)
    mask = Mask.from_array(block, GRID)
    assert compare(mask, mask, tolerance_mm=0.0).worst_slices(5) == ()
