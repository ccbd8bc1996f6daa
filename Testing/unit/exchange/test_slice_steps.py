"""Even, straight, or why not: on positions whose answer is known by hand, and on random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import IrregularSlices
from AmlartContourLib.exchange.slice_steps import EVEN_TOLERANCE_MM, SliceSteps, main_run
from support.shapes import DIRECTIONS


def stacked(
    heights: np.ndarray, direction: str = "head first supine", shift: np.ndarray | None = None
) -> SliceSteps:
    axes = DIRECTIONS[direction].T
    shifts = np.zeros((len(heights), 2)) if shift is None else shift
    positions = np.array([5.0, -7.0, 900.0]) + np.column_stack([shifts, heights]) @ axes
    return SliceSteps.of(positions, axes)


def test_even_slices_are_a_grid() -> None:
    steps = stacked(np.arange(10) * 2.5)
    steps.require_usable()
    assert steps.irregularities() == ()
    assert steps.mean_step_mm == pytest.approx(2.5)
    assert steps.tilt_degrees == pytest.approx(0)


def test_the_tilt_is_the_angle_between_normal_and_stack() -> None:
    heights = np.arange(10) * 3.0
    steps = stacked(heights, shift=np.outer(heights, [0.0, np.tan(np.radians(18.5))]))
    steps.require_usable()
    assert steps.is_tilted
    assert not steps.is_uneven
    assert steps.tilt_degrees == pytest.approx(18.5)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 40),
    step=st.floats(0.3, 10),
    direction=st.sampled_from(sorted(DIRECTIONS)),
    seed=st.integers(0, 999),
)
def test_rounding_within_a_twentieth_of_a_millimetre_never_makes_a_grid_irregular(
    count: int, step: float, direction: str, seed: int
) -> None:
    jitter = np.random.default_rng(seed).uniform(-0.05, 0.05, (count, 3))
    steps = stacked(np.arange(count) * step + jitter[:, 2], direction, jitter[:, :2])
    steps.require_usable()
    assert steps.irregularities() == ()


@settings(max_examples=60, deadline=None)
@given(count=st.integers(5, 40), step=st.floats(0.5, 10), gone=st.integers(1, 3), place=st.floats(0.01, 0.99))
def test_a_gap_of_whole_steps_is_never_taken_for_anything_else(
    count: int, step: float, gone: int, place: float
) -> None:
    first = 1 + int(place * (count - 2))
    heights = np.delete(np.arange(count + gone), np.s_[first : first + gone]) * step
    with pytest.raises(IrregularSlices, match=rf"{gone} slices? (is|are) missing.*after slice {first}"):
        stacked(heights).require_usable()


def test_a_scan_in_two_slice_thicknesses_is_uneven_not_incomplete() -> None:
    steps = stacked(np.concatenate([np.arange(10) * 2.5, 22.5 + np.arange(1, 10) * 5.0]))
    steps.require_usable()
    assert "2.50 to 5.00 mm" in steps.irregularities()[0]


def test_one_slice_off_by_more_than_the_tolerance_is_uneven() -> None:
    heights = np.arange(10) * 2.5
    heights[4] += EVEN_TOLERANCE_MM * 1.01
    assert stacked(heights).is_uneven
    heights[4] -= EVEN_TOLERANCE_MM * 0.02
    assert not stacked(heights).is_uneven


@pytest.mark.parametrize(
    ("heights", "kept"),
    [
        (np.arange(30) * 2.0, slice(0, 30)),
        (np.append(np.arange(30) * 2.0, 500.0), slice(0, 30)),
        (np.concatenate([[-300, -298], np.arange(30) * 2.0]), slice(2, 32)),
        (np.append(np.arange(30) * 2.0, 62.0), slice(0, 31)),  # two missing before the last: not extra
        (np.concatenate([np.arange(10) * 2.0, 100 + np.arange(10) * 2.0]), slice(0, 20)),  # two halves
        (np.array([0.0, 2.0]), slice(0, 2)),
        (np.append(np.arange(30) * 2.0, 77.0), slice(0, 31)),  # less than 20 mm off
        (np.append(np.arange(30) * 5.0, 167.0), slice(0, 31)),  # less than 5.5 steps off
        (np.append(np.arange(3) * 2.0, 500.0), slice(0, 4)),  # one in four is more than a fifth
    ],
)
def test_only_few_slices_far_off_are_outlying(heights: np.ndarray, kept: slice) -> None:
    assert main_run(heights) == kept
