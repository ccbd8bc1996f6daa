"""What local cases say of two engines' disagreement, and how it is joined with the model's own spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AmlartContourLib.contract.effort import Interval, StructureEffort
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.disagreement import disagreement_of_two
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS, expected_effort
from AmlartContourLib.measures.second_opinion import (
    Basis,
    PairFigures,
    joined,
    slice_sources,
    structure_threshold,
    threshold,
)
from support.shapes import ball
from support.workstation import pelvis

MM = 3.0


def figures(x: float, y: float, slices_mm2: tuple[float, ...] = (10.0, 20.0)) -> PairFigures:
    return PairFigures("bladder", x, x, slices_mm2, y, y)


def effort(fraction: float, first_k: int, *areas: float) -> StructureEffort:
    expected = Interval(fraction, fraction / 2, 2 * fraction)
    return StructureEffort("bladder", MM, expected, None, first_k=first_k, redraw_mm2=areas)


def test_two_contours_part_by_what_it_takes_to_edit_one_into_the_other() -> None:
    one, other = ball(pelvis(), (0, -30, -20), 16), ball(pelvis(), (0, -26, -20), 16)
    apart, compared = disagreement_of_two(one, other, MM), compare(other, one, tolerance_mm=MM)
    assert apart.fraction == compared.fraction_to_redraw
    assert apart.path_share * apart.path_mm == pytest.approx(compared.path.added_mm)
    by_k = {figures.k: figures.redraw_mm2 for figures in compared.slices}
    assert {k: area for k, area in enumerate(apart.redraw_mm2, apart.first_k) if area} == pytest.approx(
        {k: area for k, area in by_k.items() if area}
    )
    with pytest.raises(BadSetting, match="no two contours"):
        disagreement_of_two(Mask.empty(pelvis()), one, MM)


def test_that_the_second_engine_found_nothing_is_all_to_redraw() -> None:
    nothing = disagreement_of_two(ball(pelvis(), (0, -30, -20), 16), Mask.empty(pelvis()), MM)
    assert (nothing.fraction, nothing.path_share) == (1.0, 1.0)
    assert nothing.redraw_mm2.min() > 0


def test_a_threshold_is_the_value_that_four_of_five_such_cases_stay_within() -> None:
    assert threshold(list(range(1, 10))) == 8
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, 1.0, (4000, 20))
    held = [value[-1] <= threshold(list(value[:-1])) for value in values]  # type: ignore[operator]
    assert 0.78 < np.mean(held) < 0.84


def test_with_too_few_cases_there_is_neither_rule_nor_threshold() -> None:
    rows = [figures(0.1 * n, 0.2 * n) for n in range(LEAST_RESIDUALS - 1)]
    few = structure_threshold("bladder", MM, rows)
    assert (few.cases, few.fraction, few.slice_mm2) == (LEAST_RESIDUALS - 1, None, None)
    apart = disagreement_of_two(ball(pelvis(), (0, 0, 0), 16), ball(pelvis(), (0, 4, 0), 16), MM)
    assert expected_effort(few.rules, apart, 0.8).fraction_to_redraw is None
    assert structure_threshold("bladder", MM, [*rows, figures(0.9, 1.0)]).fraction is not None


def test_the_rule_is_that_of_expected_editing() -> None:
    found = structure_threshold("bladder", MM, [figures(0.05 * n, 0.1 * n + 0.02) for n in range(12)])
    assert (found.rules.fraction.slope, found.rules.fraction.intercept) == pytest.approx((2.0, 0.02))
    assert found.fraction == pytest.approx(0.5)
    assert found.slice_mm2 == 20.0


def test_the_larger_expectation_counts_and_says_what_it_comes_from() -> None:
    spread, second = effort(0.1, 5, 30.0, 40.0), effort(0.3, 6, 20.0, 90.0)
    found, basis = joined(spread, second)
    assert basis is Basis.SECOND
    assert found is not None
    assert found.fraction_to_redraw == second.fraction_to_redraw
    assert (found.first_k, found.redraw_mm2) == (5, (30.0, 40.0, 90.0))
    assert slice_sources(spread, second) == {
        5: (30.0, Basis.SPREAD),
        6: (40.0, Basis.SPREAD),
        7: (90.0, Basis.SECOND),
    }
    assert joined(second, spread)[1] is Basis.SPREAD
    assert joined(spread, None) == (spread, Basis.SPREAD)


def test_agreement_of_two_engines_takes_nothing_off_what_the_spread_expects() -> None:
    spread, agreed = effort(0.3, 5, 30.0), effort(0.0, 5, 0.0)
    assert joined(spread, agreed) == (spread, Basis.SPREAD)
    nothing = replace(agreed, fraction_to_redraw=None, why_none="too few")
    assert joined(None, nothing) == (None, None)
