"""From disagreement to expected editing, by a rule fitted to calibration cases.

For each structure and figure y (fraction to redraw; added path / path of the contour) with its disagreement
x:

- expected = intercept + slope * x, by least squares, slope >= 0, held to y >= 0;
- residual of a case = (y - expected) / (SCALE + expected), by the line that the other cases give;
- interval = expected + (SCALE + expected) * [r_low, r_high], order statistics of the residuals.

With n residuals and a coverage of 1 - a, r_low is the floor((n + 1) a / 2)-th smallest and r_high the
ceil((n + 1)(1 - a / 2))-th, as in conformal prediction (Vovk 2005; Lei 2018). The residuals are those of the
jackknife, because cases are dear: a line of two numbers hardly moves when one case is left out, so a new case
that is exchangeable with the others is covered with a probability near 1 - a (Barber 2021: 1 - 2a at the
least for the variant jackknife+). What was covered on cases of neither kind is measured and on the card. That
a scan is exchangeable with the cases is an assumption; `likeness` says when it is plainly wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.effort import Interval, StructureEffort
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.measures.disagreement import Disagreement

Floats = NDArray[np.float64]
SCALE = 0.05
LEAST_RESIDUALS = 9  # fewer cannot hold an interval of 80 percent
TOO_FEW = "too few calibration cases had this structure"
EMPTY = "nothing was drawn"
ROUNDED = 4


@dataclass(frozen=True)
class Fit(Message):
    """The rule for one figure of one structure, from `fitted` cases; their `residuals` in rising order."""

    intercept: float
    slope: float
    fitted: int
    residuals: tuple[float, ...]

    def expected(self, disagreement: float) -> float:
        """Never below 0."""
        return max(self.intercept + self.slope * disagreement, 0.0)

    def interval(self, disagreement: float, coverage: float, most: float = math.inf) -> Interval | None:
        """The figure expected, with its interval, held to 0 and `most`; None with too few residuals."""
        ranks = conformal_ranks(len(self.residuals), coverage)
        if ranks is None:
            return None
        expected = min(self.expected(disagreement), most)
        low, high = (expected + (SCALE + expected) * self.residuals[rank - 1] for rank in ranks)
        low, high = max(min(low, expected), 0.0), min(max(high, expected), most)
        return Interval(round(expected, ROUNDED), round(low, ROUNDED), round(high, ROUNDED))


@dataclass(frozen=True)
class StructureCalibration(Message):
    """The rules of one structure. `tolerance_mm`: of the surface Dice that was measured."""

    structure: str
    tolerance_mm: float
    fraction: Fit
    path_share: Fit


Points = Sequence[tuple[float, float]]
"""(disagreement x, measured editing y) of calibration cases."""


def conformal_ranks(residuals: int, coverage: float) -> tuple[int, int] | None:
    """Ranks (from 1) of the residuals that bound the interval; None where there are too few."""
    tail = (1 - coverage) / 2
    low, high = math.floor((residuals + 1) * tail + 1e-9), math.ceil((residuals + 1) * (1 - tail) - 1e-9)
    return (low, high) if 1 <= low < high <= residuals else None


def fitted(points: Points) -> Fit:
    """The rule from all cases; each gives its residual from the line of the others."""
    if len(points) < LEAST_RESIDUALS:
        return Fit(0.0, 0.0, len(points), ())
    x, y = np.asarray(points, dtype=float).T
    residuals = []
    for n, (where, value) in enumerate(points):
        others = _line(np.delete(x, n), np.delete(y, n)).expected(where)
        residuals.append(round((value - others) / (SCALE + others), 6))
    line = _line(x, y)
    return Fit(round(line.intercept, 6), round(line.slope, 6), len(points), tuple(sorted(residuals)))


def _line(x: Floats, y: Floats) -> Fit:
    spread = float(((x - x.mean()) ** 2).sum())
    slope = max(float(((x - x.mean()) * (y - y.mean())).sum()) / spread, 0.0) if spread > 0 else 0.0
    return Fit(float(y.mean()) - slope * float(x.mean()), slope, x.size, ())


def expected_effort(
    calibration: StructureCalibration, found: Disagreement | None, coverage: float
) -> StructureEffort:
    """What is expected of a structure; `found` is None where nothing was drawn."""
    if found is None:
        return _nothing(calibration, EMPTY)
    fraction = calibration.fraction.interval(found.fraction, coverage, most=1.0)
    share = calibration.path_share.interval(found.path_share, coverage)
    if fraction is None or share is None:
        return _nothing(calibration, TOO_FEW)
    path = Interval(*(round(part * found.path_mm, 1) for part in (share.expected, share.low, share.high)))
    grown = fraction.expected / found.fraction if found.fraction > 0 else 0.0
    return StructureEffort(
        structure=calibration.structure,
        tolerance_mm=calibration.tolerance_mm,
        fraction_to_redraw=fraction,
        added_path_mm=path,
        first_k=found.first_k,
        redraw_mm2=tuple(round(float(area) * grown, 1) for area in found.redraw_mm2),
    )


def _nothing(calibration: StructureCalibration, why: str) -> StructureEffort:
    return StructureEffort(calibration.structure, calibration.tolerance_mm, None, None, why_none=why)
