"""Minutes of editing, foretold from a site's own edit log and from nothing else: no coefficient is published.

The rule is that of `expected_effort`, a line and conformal residuals, from the added path that was expected
of a patient's contours (m) to the active minutes that her editing took. There is no fit to fewer than
`LEAST_CASES`, and nothing is foretold beyond the paths that the cases had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from AmlartContourLib.contract.effort import Interval
from AmlartContourLib.measures.expected_effort import Fit, fitted

LEAST_CASES = 20
COVERAGE = 0.8
MM_PER_M, S_PER_MIN = 1000.0, 60.0


@dataclass(frozen=True)
class EditedCase:
    """One patient whose editing ended: the path that was expected to be drawn, and the time it took."""

    expected_path_mm: float
    active_s: float


@dataclass(frozen=True)
class MinutesFit:
    """`rule`: from metres to minutes; between `least_mm` and `most_mm` lay the cases."""

    rule: Fit
    least_mm: float
    most_mm: float

    @classmethod
    def of(cls, cases: Sequence[EditedCase]) -> MinutesFit | None:
        """The fit to these cases; None to too few."""
        if len(cases) < LEAST_CASES:
            return None
        rule = fitted([(one.expected_path_mm / MM_PER_M, one.active_s / S_PER_MIN) for one in cases])
        paths_mm = [one.expected_path_mm for one in cases]
        return cls(rule, min(paths_mm), max(paths_mm))

    @property
    def cases(self) -> int:
        """How many it was made from."""
        return self.rule.fitted

    def minutes(self, expected_path_mm: float) -> Interval | None:
        """Active minutes of editing to expect; None for a path that is none of those the cases had."""
        if not self.least_mm <= expected_path_mm <= self.most_mm:
            return None
        return self.rule.interval(expected_path_mm / MM_PER_M, COVERAGE)
