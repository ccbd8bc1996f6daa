"""Minutes are foretold from enough cases of a log, with an interval that holds, and only where cases lie."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.measures.minutes import COVERAGE, LEAST_CASES, EditedCase, MinutesFit


def fit_to(path_mm: np.ndarray, active_s: np.ndarray) -> MinutesFit:
    fit = MinutesFit.of([EditedCase(float(x), float(y)) for x, y in zip(path_mm, active_s, strict=True)])
    assert fit is not None
    return fit


def drawn(rng: np.random.Generator, cases: int) -> tuple[np.ndarray, np.ndarray]:
    """Paths, and times that grow with them, with a spread that grows too."""
    path_mm = rng.uniform(500.0, 8000.0, cases)
    return path_mm, 60.0 + 0.1 * path_mm + rng.gamma(2.0, 0.02 * path_mm)


def test_fewer_than_twenty_cases_foretell_nothing() -> None:
    cases = [EditedCase(100.0 * n, 60.0 * n) for n in range(LEAST_CASES)]
    assert LEAST_CASES == 20
    assert MinutesFit.of(cases[:-1]) is None
    assert MinutesFit.of(cases) is not None


def test_cases_on_a_line_are_foretold_on_it() -> None:
    path_mm = np.linspace(100.0, 2000.0, 20)
    foretold = fit_to(path_mm, 30.0 + 0.6 * path_mm).minutes(1000.0)
    assert foretold is not None
    assert (foretold.low, foretold.expected, foretold.high) == pytest.approx((10.5, 10.5, 10.5), abs=1e-3)


@pytest.mark.parametrize(("cases", "share"), [(LEAST_CASES, 17 / 21), (49, 40 / 50)])
def test_four_of_five_new_cases_lie_in_the_interval(cases: int, share: float) -> None:
    """Few cases leave a choice of few ranks: of 20 they hold 17 of 21 places."""
    rng = np.random.default_rng(11)
    held, asked = 0, 0
    for _ in range(200):
        fit = fit_to(*drawn(rng, cases))
        for path_mm, active_s in zip(*drawn(rng, 6), strict=True):
            foretold = fit.minutes(float(path_mm))
            if foretold is not None:
                asked += 1
                held += foretold.low <= active_s / 60.0 <= foretold.high
    assert asked > 900
    assert share >= COVERAGE
    assert held / asked == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("path_mm", [99.0, 2001.0])
def test_nothing_is_foretold_beyond_the_cases(path_mm: float) -> None:
    x = np.linspace(100.0, 2000.0, 20)
    assert fit_to(x, 0.1 * x).minutes(path_mm) is None


def test_more_expected_editing_never_foretells_less_time_and_no_time_is_negative() -> None:
    x = np.linspace(100.0, 2000.0, 20)
    for active_s in (3000.0 - x, np.maximum(0.0, x - 1000.0)):
        foretold = [fit_to(x, active_s).minutes(float(path_mm)) for path_mm in x]
        assert all(one is not None and one.low >= 0.0 for one in foretold)
        assert np.all(np.diff([one.expected for one in foretold if one]) >= 0.0)


def test_cases_without_any_editing_foretell_none() -> None:
    foretold = fit_to(np.zeros(20), np.zeros(20)).minutes(0.0)
    assert foretold is not None
    assert (foretold.low, foretold.expected, foretold.high) == (0.0, 0.0, 0.0)
