"""One call gives every figure; what has no value says so."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import (
    BOTH_EMPTY,
    NOTHING_TO_REDRAW,
    REFERENCE_EMPTY,
    TEST_EMPTY,
    Comparison,
    compare,
)
from support.shapes import DIRECTIONS, ball, block, centre, grid

GRID = grid()
EMPTY = Mask.empty(GRID)
BALL = ball(GRID, centre(GRID), 12)
SMALL = grid(size_ijk=(7, 6, 5))
few_voxels = arrays(np.bool_, SMALL.shape_kji, elements=st.booleans(), fill=st.just(False))


def numbers(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for part in value.values():
            yield from numbers(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers(part)
    else:
        yield value


def shifted(mask: Mask, **moved: int) -> Mask:
    array = mask.to_array()
    for axis, name in enumerate("kji"):
        array = np.roll(array, moved.get(name, 0), axis=axis)
    return Mask.from_array(array, mask.geometry)


def test_identical_contours_need_no_editing() -> None:
    found = compare(BALL, BALL, tolerance_mm=0.0)
    assert found.surface_dice == found.overlap.dice == 1.0
    assert found.fraction_to_redraw == found.surface.hausdorff_mm == found.surface.hd95_mm == 0.0
    assert found.path.added_mm == found.path.false_negative_mm == 0.0
    assert found.undefined == {"redraw.0.inward_share": NOTHING_TO_REDRAW}


def test_both_empty_is_undefined_and_says_so() -> None:
    found = compare(EMPTY, EMPTY, tolerance_mm=3.0)
    assert found.empty == BOTH_EMPTY
    assert found.surface_dice is found.fraction_to_redraw is found.overlap.dice is None
    assert found.surface.hausdorff_mm is found.surface.hd95_mm is found.path.added_mm is None
    assert found.overlap.accuracy == 1.0
    assert found.overlap.reference_cc == 0.0
    assert found.slices == ()
    assert set(found.undefined.values()) == {BOTH_EMPTY}


def test_a_missed_structure_is_to_draw_in_full_outward() -> None:
    found = compare(BALL, EMPTY, tolerance_mm=3.0)
    assert found.empty == TEST_EMPTY
    assert found.surface_dice == found.overlap.dice == 0.0
    assert found.fraction_to_redraw == found.redraws[0].outward_fraction == 1.0
    assert found.redraws[0].inward_fraction == 0.0
    assert found.surface.hausdorff_mm is found.surface.average_symmetric_mm is None
    assert found.path.added_mm == found.path.false_negative_mm == found.path.reference_mm
    assert set(found.undefined.values()) == {TEST_EMPTY}


def test_a_structure_that_should_not_be_there_is_to_erase_in_full_inward() -> None:
    found = compare(EMPTY, BALL, tolerance_mm=3.0)
    assert found.empty == REFERENCE_EMPTY
    assert found.fraction_to_redraw == found.redraws[0].inward_fraction == 1.0
    assert found.path.added_mm is found.path.false_negative_mm is None
    assert found.overlap.signed_volume_difference is None
    assert all(figures.added_path_mm is None for figures in found.slices)
    assert found.undefined["path.added_mm"] == REFERENCE_EMPTY


def test_an_over_contoured_organ_redraws_inward_and_a_missed_target_outward() -> None:
    smaller = ball(GRID, centre(GRID), 7)
    over, missed = compare(smaller, BALL, tolerance_mm=2.0), compare(BALL, smaller, tolerance_mm=2.0)
    assert over.redraws[0].inward_share == missed.redraws[0].outward_fraction == 1.0
    assert over.redraws[0].outward_fraction == missed.redraws[0].inward_fraction == 0.0
    assert over.fraction_to_redraw == missed.fraction_to_redraw == 1.0
    assert over.path.false_negative_mm == 0.0
    assert missed.path.false_negative_mm == missed.path.added_mm


def test_one_voxel_moved_by_one_is_as_far_as_the_voxel_is_long() -> None:
    array = np.zeros(GRID.shape_kji, dtype=bool)
    array[10, 11, 12] = True
    voxel = Mask.from_array(array, GRID)
    found = compare(voxel, shifted(voxel, i=1), tolerance_mm=1.0, extra_tolerances_mm=[1.3])
    assert found.surface.hausdorff_mm == found.surface.hd95_mm == pytest.approx(1.3)
    assert found.surface_dice == pytest.approx(0.5)  # the four shared corner points
    assert found.redraws[1].surface_dice == 1.0
    assert found.overlap.dice == 0.0
    assert found.path.added_mm == pytest.approx((1.3 + 1.0) / 2)


def test_contact_with_the_image_border_changes_nothing() -> None:
    low = GRID.index_to_lps((0, 0, 0))
    corner = block(GRID, low, np.add(low, [9, 8, 12]))
    moved = {"k": 9, "j": 11, "i": 13}
    at_border = compare(corner, shifted(corner, j=1), tolerance_mm=0.9)
    away = compare(shifted(corner, **moved), shifted(corner, k=9, j=12, i=13), tolerance_mm=0.9)
    assert at_border.surface == away.surface
    assert at_border.redraws == away.redraws
    assert at_border.path == away.path


def test_a_missed_component_counts_by_its_own_surface() -> None:
    one, other = (ball(GRID, np.add(centre(GRID), [x, 0, 0]), 6) for x in (-14, 14))
    found = compare(one | other, one, tolerance_mm=3.0)
    surface = found.surface
    assert found.redraws[0].redraw_cm2 == pytest.approx(surface.reference_cm2 - surface.test_cm2)
    assert found.redraws[0].inward_fraction == 0.0


def test_a_hole_filled_by_the_test_is_over_contoured() -> None:
    hole = ball(GRID, centre(GRID), 4)
    found = compare(BALL - hole, BALL, tolerance_mm=2.0)
    assert found.redraws[0].outward_fraction == 0.0
    hole_cm2 = found.surface.reference_cm2 - found.surface.test_cm2
    assert found.redraws[0].redraw_cm2 == pytest.approx(hole_cm2)
    assert found.redraws[0].inward_share == 1.0


def test_several_tolerances_come_from_one_call_with_the_structures_own_first() -> None:
    moved = shifted(BALL, i=2)
    found = compare(BALL, moved, tolerance_mm=2.0, extra_tolerances_mm=(1.0, 2.0, 3.0))
    assert [figures.tolerance_mm for figures in found.redraws] == [2.0, 1.0, 3.0]
    for figures in found.redraws:
        alone = compare(BALL, moved, tolerance_mm=figures.tolerance_mm)
        assert alone.redraws[0] == figures
    assert found.surface_dice == found.redraws[0].surface_dice


def test_exchanging_the_two_contours_exchanges_what_has_a_direction() -> None:
    one, other = BALL, shifted(BALL, i=3, k=1)
    there, back = (compare(a, b, tolerance_mm=2.0) for a, b in ((one, other), (other, one)))
    assert there.surface_dice == pytest.approx(back.surface_dice)
    assert there.surface.hd95_mm == back.surface.hd95_mm
    assert there.redraws[0].inward_fraction == pytest.approx(back.redraws[0].outward_fraction)
    assert there.surface.mean_reference_to_test_mm == back.surface.mean_test_to_reference_mm
    assert there.overlap.precision == back.overlap.recall


@settings(max_examples=60, deadline=None)
@given(few_voxels, few_voxels, st.sampled_from([0.0, 1.0, 1.3, 3.0]), st.sampled_from(sorted(DIRECTIONS)))
def test_no_figure_is_ever_a_nan_and_every_missing_one_has_its_reason(
    reference: np.ndarray, test: np.ndarray, tolerance: float, direction: str
) -> None:
    geometry = grid(size_ijk=(7, 6, 5), direction=direction)
    masks = [Mask.from_array(array, geometry) for array in (reference, test)]
    found = compare(*masks, tolerance_mm=tolerance, extra_tolerances_mm=[2.0], path_tolerance_mm=tolerance)
    written = found.to_json()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    figures = {key: value for key, value in written.items() if key not in ("slices", "undefined")}
    missing = [value for value in numbers(figures) if value is None]
    assert len(missing) == len(found.undefined)
    assert all(math.isfinite(value) for value in numbers(figures) if isinstance(value, float))
    require_consistent(found)


def require_consistent(found: Comparison) -> None:
    for figures in found.redraws:
        if figures.fraction_to_redraw is not None:
            assert figures.surface_dice is not None
            assert figures.inward_fraction is not None
            assert figures.outward_fraction is not None
            assert figures.fraction_to_redraw == pytest.approx(1 - figures.surface_dice)
            parts = figures.inward_fraction + figures.outward_fraction
            assert parts == pytest.approx(figures.fraction_to_redraw, abs=1e-12)
    surface = found.surface
    if surface.hausdorff_mm is not None and surface.hd95_mm is not None:
        assert surface.hd95_mm <= surface.hausdorff_mm
        assert surface.average_symmetric_mm is not None
        assert surface.average_symmetric_mm <= surface.hausdorff_mm + 1e-12


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["tolerance_mm", "extra_tolerances_mm", "path_tolerance_mm"])
def test_a_tolerance_that_is_no_length_is_refused(name: str, bad: float) -> None:
    given: dict[str, object] = {"tolerance_mm": 2.0, name: [bad] if name.startswith("extra") else bad}
    with pytest.raises(BadSetting):
        compare(BALL, BALL, **given)


def test_contours_of_different_grids_are_refused() -> None:
    with pytest.raises(GeometryMismatch):
        compare(BALL, Mask.empty(SMALL), tolerance_mm=2.0)
