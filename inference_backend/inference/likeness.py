"""Is a scan like the calibration cases? A stated rule on a few features; its reasons in words.

z of a feature = |value - median of the cases| / spread spread         = 1.4826 * median absolute deviation
of the cases, at least 2 percent of the median distance       = square root of the mean of z squared over
the features limit          = the ceil((n + 1) * QUANTILE)-th smallest distance of the n cases themselves

A scan whose distance is beyond the limit is called unlike. By construction about 1 - QUANTILE of scans that
are like the cases are called so too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.contract.strict_json import Message
from inference_backend.inference.scan_features import WORDS

QUANTILE = 0.95
TO_SIGMA = 1.4826
LEAST_SPREAD = 0.02
TOLD_BEYOND = 3.0
TOLD_AT_MOST = 4
DIGITS = 5


@dataclass(frozen=True)
class FeatureRange(Message):
    """One feature of the calibration cases."""

    name: str
    median: float
    spread: float
    least: float
    most: float

    def z(self, value: float) -> float:
        """How many spreads a value lies from the median."""
        return abs(value - self.median) / self.spread


@dataclass(frozen=True)
class Likeness(Message):
    """The calibration cases' features and the distance beyond which a scan is unlike them."""

    features: tuple[FeatureRange, ...]
    limit: float
    quantile: float

    def distance(self, values: Mapping[str, float]) -> float:
        """How unlike the cases a scan with these features is. A feature that it lacks is left out."""
        z = [feature.z(values[feature.name]) for feature in self.features if feature.name in values]
        return round(math.sqrt(float(np.mean(np.square(z)))), DIGITS) if z else 0.0

    def is_unlike(self, values: Mapping[str, float]) -> bool:
        """True beyond the limit."""
        return self.distance(values) > self.limit

    def reasons(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """The features that lie farthest out, the farthest first, in words."""
        far = [
            (feature.z(values[feature.name]), feature) for feature in self.features if feature.name in values
        ]
        far.sort(key=lambda pair: -pair[0])
        told = [(z, f) for z, f in far if z > TOLD_BEYOND][:TOLD_AT_MOST] or far[:1]
        return tuple(
            f"{WORDS.get(f.name, f.name)} is {values[f.name]:.3g}; in the calibration cases {f.least:.3g} to"
            f" {f.most:.3g}"
            for _, f in told
        )


def likeness_of(cases: Sequence[Mapping[str, float]], quantile: float = QUANTILE) -> Likeness:
    """From the features of the calibration cases; only those that all of them have. ValueError without
    cases."""
    if not cases:
        raise ValueError("there are no calibration cases")
    names = [name for name in cases[0] if all(name in case for case in cases)]
    features = tuple(_range(name, np.asarray([case[name] for case in cases])) for name in names)
    open_end = Likeness(features, math.inf, quantile)
    distances = sorted(open_end.distance(case) for case in cases)
    rank = min(math.ceil((len(cases) + 1) * quantile), len(cases))
    return Likeness(features, distances[rank - 1], quantile)


def _range(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> FeatureRange:
    median = float(np.median(values))
    deviation = TO_SIGMA * float(np.median(np.abs(values - median)))
    spread = max(deviation, LEAST_SPREAD * abs(median), 1e-6)
    least, most = float(values.min()), float(values.max())
    return FeatureRange(name, *(round(v, DIGITS) for v in (median, max(spread, 1e-4), least, most)))
