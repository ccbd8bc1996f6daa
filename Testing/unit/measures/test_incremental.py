"""Figures that follow an edit are those of a new comparison, after any sequence of edits."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.measures.accelerator import NUMPY, VARIABLE
from AmlartContourLib.measures.changes import changed_box
from AmlartContourLib.measures.comparison import Comparison, Headline, compare
from AmlartContourLib.measures.incremental import LiveComparison
from support.shapes import DIRECTIONS, ball, centre, grid

SETTINGS = {"tolerance_mm": 2.0, "extra_tolerances_mm": (0.0, 1.3, 5.0), "path_tolerance_mm": 0.0}


def require_equal(live: Comparison, anew: Comparison) -> None:
    """Counts and every decision exactly, all figures to 1e-9."""
    assert live.overlap == anew.overlap
    assert live.undefined == anew.undefined
    ours, theirs = live.to_json(), anew.to_json()
    assert_close(ours, theirs)


def assert_close(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, list):
        assert isinstance(other, list)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_close(a, b)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=0, abs=1e-9)
    else:
        assert one == other


def box_of(geometry, start: tuple[int, ...], length: tuple[int, ...]) -> Mask:
    array = np.zeros(geometry.shape_kji, dtype=bool)
    array[tuple(slice(a, a + n) for a, n in zip(start, length, strict=True))] = True
    return Mask.from_array(array, geometry)


def boxes(geometry):
    starts = st.tuples(*(st.integers(0, n - 1) for n in geometry.shape_kji))
    return st.builds(lambda a, n: box_of(geometry, a, n), starts, st.tuples(*[st.integers(1, 9)] * 3))


def strokes(geometry):
    """Adding, erasing, emptying, starting over from one box, and going back some steps."""
    painted = st.tuples(st.sampled_from(["add", "erase", "only"]), boxes(geometry))
    others = st.tuples(st.sampled_from(["empty", "undo"]), st.integers(1, 3))
    return st.lists(st.tuples(st.booleans(), painted | others), max_size=8)


def require_headline(found: Headline, anew: Comparison) -> None:
    """Counts exactly, the redraw at every tolerance to 1e-12."""
    assert (found.overlap, found.empty) == (anew.overlap, anew.empty)
    for ours, theirs in zip(found.redraws, anew.redraws, strict=True):
        assert asdict(ours) == {
            name: value if value is None else pytest.approx(value, rel=0, abs=1e-12)
            for name, value in asdict(theirs).items()
        }


@pytest.mark.parametrize("way", [NUMPY, ""])
@pytest.mark.parametrize("longest_mm", [5.0, 40.0])
@settings(max_examples=30, deadline=None)
@given(data=st.data(), direction=st.sampled_from(sorted(DIRECTIONS)))
def test_any_sequence_of_edits_ends_in_the_figures_of_a_new_comparison(
    way, longest_mm, data, direction
) -> None:
    """Asked for all figures after some edits and not after others; told where an edit was, or not."""
    geometry = grid(size_ijk=(26, 24, 22), direction=direction)
    start = ball(geometry, centre(geometry), 8)
    asked = {**SETTINGS, "extra_tolerances_mm": (0.0, 1.3, longest_mm)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, way)
        live, history = LiveComparison(start, start, **asked), ([start], [start])
        for of_reference, (action, value) in data.draw(strokes(geometry)):
            contours = history[0] if of_reference else history[1]
            contours.append(edited(contours, action, value, geometry))
            told = contours[-1].changed_box(contours[-2]) if data.draw(st.booleans()) else None
            found = (live.edit_reference if of_reference else live.edit_test)(contours[-1], told)
            anew = compare(history[0][-1], history[1][-1], **asked)
            require_headline(found, anew)
            assert found is live.headline
            if data.draw(st.booleans()):
                require_equal(live.comparison, anew)


def edited(contours: list[Mask], action: str, value: Mask | int, geometry) -> Mask:
    now = contours[-1]
    if isinstance(value, int):
        return Mask.empty(geometry) if action == "empty" else contours[max(-1 - value, -len(contours))]
    return {"add": lambda: now | value, "erase": lambda: now - value, "only": lambda: value}[action]()


@pytest.mark.parametrize("way", [NUMPY, ""])
def test_many_strokes_on_one_slice_each_drift_nowhere(way, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, way)
    geometry = grid(size_ijk=(40, 40, 24))
    rng = np.random.default_rng(3)
    reference = test = ball(geometry, centre(geometry), 14)
    live = LiveComparison(reference, test, **SETTINGS)
    for number in range(60):
        start = (int(rng.integers(4, 20)), *(int(n) for n in rng.integers(4, 34, size=2)))
        stroke = box_of(geometry, start, (1, 5, 5))
        reference = reference - stroke if number % 3 else reference | stroke
        live.edit_reference(reference)
    require_equal(live.comparison, compare(reference, test, **SETTINGS))


def test_a_part_far_from_the_other_contour_is_followed_too() -> None:
    geometry = grid(size_ijk=(60, 20, 24))
    near, far = box_of(geometry, (8, 8, 4), (6, 6, 6)), box_of(geometry, (3, 8, 44), (8, 6, 8))
    live = LiveComparison(near | far, near, **SETTINGS)
    for reference in (near | far - box_of(geometry, (5, 8, 44), (1, 6, 4)), near, near | far):
        live.edit_reference(reference)
        require_equal(live.comparison, compare(reference, near, **SETTINGS))
    grown = near | box_of(geometry, (8, 8, 10), (2, 6, 20))
    live.edit_test(grown)
    require_equal(live.comparison, compare(near | far, grown, **SETTINGS))


def test_a_composite_is_followed_by_its_new_mask() -> None:
    geometry = grid(size_ijk=(40, 36, 24))
    part, other = ball(geometry, centre(geometry), 9), ball(geometry, np.add(centre(geometry), [12, 0, 0]), 7)
    whole = union([part, other], geometry)
    live = LiveComparison(whole, whole, **SETTINGS)
    smaller = union([part - box_of(geometry, (10, 10, 8), (2, 9, 9)), other], geometry)
    live.edit_reference(smaller)
    require_equal(live.comparison, compare(smaller, whole, **SETTINGS))


def test_a_contour_on_another_grid_is_refused_and_the_figures_stay() -> None:
    geometry = grid(size_ijk=(20, 20, 12))
    contour = ball(geometry, centre(geometry), 6)
    live = LiveComparison(contour, contour, **SETTINGS)
    before = live.comparison
    with pytest.raises(GeometryMismatch):
        live.edit_test(Mask.empty(grid()))
    assert live.comparison is before
    with pytest.raises(GeometryMismatch):
        LiveComparison(contour, Mask.empty(grid()), **SETTINGS)


def test_a_tolerance_that_is_no_length_is_refused() -> None:
    contour = Mask.empty(grid())
    with pytest.raises(BadSetting):
        LiveComparison(contour, contour, tolerance_mm=-1.0)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_box_of_a_change_holds_every_voxel_that_differs(data) -> None:
    geometry = grid(size_ijk=(13, 11, 9))
    before, after = (data.draw(boxes(geometry)) | data.draw(boxes(geometry)) for _ in range(2))
    for one, other in ((before, after), (before, before | after), (after - before, after)):
        exact, found = one.changed_box(other), changed_box(one, other)
        assert found.union(exact) == found
        assert found.is_empty == exact.is_empty


def test_compiled_loops_and_numpy_give_the_same_headline_to_the_last_bit(monkeypatch) -> None:
    geometry = grid(size_ijk=(90, 40, 24))
    test = ball(geometry, centre(geometry), 14)
    headlines = []
    for way in (NUMPY, ""):
        monkeypatch.setenv(VARIABLE, way)
        live = LiveComparison(test, test, **SETTINGS)
        headlines.append(
            [live.edit_reference(test - box_of(geometry, (9, j, 30), (2, 6, 20))) for j in (9, 20)]
        )
    assert headlines[0] == headlines[1]
