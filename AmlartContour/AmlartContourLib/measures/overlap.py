"""Which voxels two contours share: counts, and the figures made of counts.

TP is in both, FP in the test only, FN in the reference only, TN in neither, over the whole image. A figure
whose definition divides by nothing is None, never 0 or a NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.measures.pair import Pair


@dataclass(frozen=True)
class Overlap:
    """Counts of voxels, and the volume of one in cm3."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    voxel_cc: float

    @property
    def reference_cc(self) -> float:
        """Volume of the reference."""
        return (self.true_positive + self.false_negative) * self.voxel_cc

    @property
    def test_cc(self) -> float:
        """Volume of the test."""
        return (self.true_positive + self.false_positive) * self.voxel_cc

    @property
    def accuracy(self) -> float:
        """(TP + TN) / all voxels: close to 1 for any small structure in a large image."""
        right = self.true_positive + self.true_negative
        return right / (right + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); None where the test is empty."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None where the reference is empty."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    def f_beta(self, beta: float) -> float | None:
        """(1 + b2) P R / (b2 P + R), as (1 + b2) TP / ((1 + b2) TP + b2 FN + FP), so defined where one is
        empty.

        None where both are. BadSetting unless `beta` is positive and finite.
        """
        if not (np.isfinite(beta) and beta > 0):
            raise BadSetting(f"F-beta needs a beta above 0, not {beta}.")
        weight = beta * beta
        hits = (1 + weight) * self.true_positive
        return _ratio(hits, hits + weight * self.false_negative + self.false_positive)

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN), which is F1; None where both are empty."""
        return self.f_beta(1)

    @property
    def jaccard(self) -> float | None:
        """TP / (TP + FP + FN) = Dice / (2 - Dice), so never above Dice; None where both are empty."""
        union = self.true_positive + self.false_positive + self.false_negative
        return _ratio(self.true_positive, union)

    @property
    def signed_volume_difference(self) -> float | None:
        """(test - reference) / reference: above 0 where the test is larger. None where the reference is
        empty."""
        return _ratio(self.false_positive - self.false_negative, self.true_positive + self.false_negative)

    @property
    def absolute_volume_difference(self) -> float | None:
        """The same without its sign."""
        signed = self.signed_volume_difference
        return None if signed is None else abs(signed)


def overlap(both: Pair) -> Overlap:
    """The counts of a pair."""
    common = int(np.count_nonzero(both.reference_kji & both.test_kji))
    extra = int(np.count_nonzero(both.test_kji)) - common
    missed = int(np.count_nonzero(both.reference_kji)) - common
    neither = int(np.prod(both.grid.size_ijk)) - common - extra - missed
    return Overlap(common, extra, missed, neither, both.grid.voxel_volume_cc)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
