"""Disagreement against what is known by hand, and intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from AmlartContourLib.contract.strict_json import from_json, to_json
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.disagreement import Disagreement, disagreement
from AmlartContourLib.measures.expected_effort import (
    Fit,
    StructureCalibration,
    conformal_ranks,
    expected_effort,
    fitted,
)
from support.shapes import ball, centre, grid

GEOMETRY = grid()


def _spread(masks: list[Mask]) -> Spread:
    box = union(masks, GEOMETRY).box
    counts = np.sum([mask.window(box) for mask in masks], axis=0)
    return Spread(box, np.round(counts * 255 / len(masks)).astype(np.uint8), len(masks))


def test_contours_that_agree_disagree_by_nothing() -> None:
    one = ball(GEOMETRY, centre(GEOMETRY), 10)
    found = disagreement(one, _spread([one, one, one]), 2.0)
    assert found.fraction == 0
    assert found.path_share == 0
    assert found.path_mm == compare(one, one, tolerance_mm=2).path.reference_mm
    assert not found.redraw_mm2.any()


def test_nested_contours_give_the_mean_of_their_comparisons() -> None:
    balls = [ball(GEOMETRY, centre(GEOMETRY), radius) for radius in (6, 9, 13)]
    given = balls[1]
    found = disagreement(given, _spread(balls), 1.5)
    each = [compare(one, given, tolerance_mm=1.5) for one in balls]
    assert found.fraction == pytest.approx(np.mean([c.fraction_to_redraw for c in each]))
    mean_added = np.mean([c.path.added_mm for c in each])
    assert found.path_share * found.path_mm == pytest.approx(mean_added)
    areas = np.mean([sum(s.redraw_mm2 for s in c.slices) for c in each])
    assert found.redraw_mm2.sum() == pytest.approx(areas)


def test_contours_without_a_common_voxel_disagree_wholly() -> None:
    left, right = (ball(GEOMETRY, centre(GEOMETRY) + np.asarray([shift, 0, 0]), 5) for shift in (-12, 12))
    found = disagreement(left, _spread([left, right]), 1.0)
    assert found.fraction > 0.5
    assert found.path_share == pytest.approx(1.0)


def test_one_contour_alone_says_nothing() -> None:
    one = ball(GEOMETRY, centre(GEOMETRY), 8)
    with pytest.raises(BadSetting):
        disagreement(one, _spread([one]), 2.0)
    with pytest.raises(BadSetting):
        disagreement(Mask.empty(GEOMETRY), _spread([one, one]), 2.0)


def test_ranks_are_those_of_conformal_prediction() -> None:
    assert conformal_ranks(9, 0.8) == (1, 9)
    assert conformal_ranks(8, 0.8) is None
    assert conformal_ranks(30, 0.8) == (3, 28)
    assert conformal_ranks(99, 0.8) == (10, 90)


@pytest.mark.parametrize("cases", [19, 39, 59])
def test_intervals_hold_new_cases_as_often_as_they_say(cases: int) -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(400):
        x = rng.uniform(0, 0.5, cases + 1)
        y = np.clip(0.05 + 0.8 * x + rng.standard_normal(cases + 1) * (0.02 + 0.2 * x), 0, 1)
        fit = fitted(list(zip(x[:-1], y[:-1], strict=True)))
        interval = fit.interval(float(x[-1]), 0.8, most=1.0)
        assert interval is not None
        held.append(interval.low - 1e-4 <= y[-1] <= interval.high + 1e-4)
    assert 0.76 <= np.mean(held) <= 0.89  # 0.80 by the ranks; an error of 0.02 in 400 draws


def test_the_residual_of_a_case_is_from_the_line_of_the_others() -> None:
    points = [(float(x), 2.0 * x) for x in range(11)] + [(5.0, 40.0)]
    fit = fitted(points)
    assert fit.fitted == 12
    assert max(fit.residuals) == pytest.approx((40 - 10) / 10.05, abs=1e-5)


def test_more_disagreement_never_lowers_what_is_expected() -> None:
    falling = fitted([(x / 10, 1 - x / 10) for x in range(10)])
    assert falling.slope == 0
    assert falling.expected(0.1) == falling.expected(0.9)


def test_a_structure_not_drawn_or_too_rare_has_a_reason_instead_of_a_figure() -> None:
    few = StructureCalibration("bladder", 2.0, Fit(0, 1, 4, (0.0,) * 4), Fit(0, 1, 4, (0.0,) * 4))
    assert expected_effort(few, None, 0.8).why_none == "nothing was drawn"
    found = Disagreement(0.1, 0.2, 500.0, 3, np.asarray([10.0, 30.0]))
    assert "too few" in expected_effort(few, found, 0.8).why_none
    many = StructureCalibration("bladder", 2.0, Fit(0, 2, 9, (-0.1,) * 9), Fit(0, 1, 9, (0.1,) * 9))
    effort = expected_effort(many, found, 0.8)
    assert effort.fraction_to_redraw == Interval(0.2, 0.175, 0.2)
    assert effort.added_path_mm == Interval(100.0, 100.0, 112.5)
    assert effort.redraw_mm2 == (20.0, 60.0)
    surface = effort.surface_dice
    assert surface is not None
    assert surface.expected == pytest.approx(0.8)
    assert surface.low < surface.high


def test_expected_effort_comes_back_and_contradictions_are_refused() -> None:
    some = StructureEffort("bladder", 2.0, Interval(0.1, 0.0, 0.2), Interval(9.0, 1.0, 12.0), 4, (1.0, 2.5))
    effort = ExpectedEffort(EFFORT_FORMAT, "phantoms", 60, 0.8, 1.2, 2.0, (some,))
    assert from_json(ExpectedEffort, to_json(effort)) == effort
    assert effort.of("bladder") == some
    assert effort.of("uterus") is None
    for old, new in (
        ('"low":0.0', '"low":0.15'),
        ('"withheld":""', '"withheld":"No."'),
        ('"why_none":""', '"why_none":"x"'),
        ('"format":1', '"format":2'),
        ('"cases":60', '"cases":60,"quality":"good"'),
    ):
        text = to_json(effort)
        assert old in text
        with pytest.raises(DamagedFile):
            from_json(ExpectedEffort, text.replace(old, new))
