"""Counts of voxels and the figures made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.overlap import Overlap, overlap
from AmlartContourLib.measures.pair import pair
from support.shapes import grid

counts = st.integers(0, 50)
overlaps = st.builds(Overlap, counts, counts, counts, st.integers(1, 500), st.just(0.004))


def test_counts_are_taken_over_the_whole_image() -> None:
    geometry = grid(size_ijk=(5, 4, 3), spacing_mm=(1.0, 2.0, 5.0))
    reference, test = (np.zeros(geometry.shape_kji, dtype=bool) for _ in range(2))
    reference[1, 1, 0:4] = True  # four voxels
    test[1, 1, 2:5] = True  # three, of which two are shared
    found = overlap(pair(Mask.from_array(reference, geometry), Mask.from_array(test, geometry)))
    assert (found.true_positive, found.false_positive, found.false_negative) == (2, 1, 2)
    assert found.true_negative == 60 - 5
    assert found.reference_cc == pytest.approx(0.04)
    assert found.test_cc == pytest.approx(0.03)
    assert found.accuracy == pytest.approx(57 / 60)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 4)
    assert found.dice == pytest.approx(4 / 7)
    assert found.jaccard == pytest.approx(2 / 5)
    assert found.signed_volume_difference == pytest.approx(-1 / 4)
    assert found.absolute_volume_difference == pytest.approx(1 / 4)


@settings(max_examples=100, deadline=None)
@given(overlaps, st.sampled_from([0.5, 1.0, 2.0]))
def test_f_beta_is_the_weighted_mean_of_precision_and_recall_wherever_both_exist(
    found: Overlap, beta: float
) -> None:
    precision, recall = found.precision, found.recall
    if precision is not None and recall is not None and precision + recall > 0:
        weight = beta**2
        expected = (1 + weight) * precision * recall / (weight * precision + recall)
        assert found.f_beta(beta) == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(overlaps)
def test_jaccard_follows_from_dice_and_is_never_larger(found: Overlap) -> None:
    dice, jaccard = found.dice, found.jaccard
    assert (dice is None) == (jaccard is None)
    if dice is not None and jaccard is not None:
        assert jaccard == pytest.approx(dice / (2 - dice))
        assert jaccard <= dice


def test_a_figure_that_would_divide_by_nothing_is_none() -> None:
    both_empty = Overlap(0, 0, 0, 60, 0.01)
    assert both_empty.accuracy == 1.0
    assert both_empty.precision is both_empty.recall is both_empty.dice is both_empty.jaccard is None
    assert both_empty.signed_volume_difference is both_empty.absolute_volume_difference is None
    only_test, only_reference = Overlap(0, 5, 0, 55, 0.01), Overlap(0, 0, 5, 55, 0.01)
    assert only_test.recall is only_test.signed_volume_difference is None
    assert only_test.precision == only_test.dice == only_test.jaccard == 0.0
    assert only_reference.precision is None
    assert only_reference.recall == only_reference.dice == 0.0
    assert only_reference.signed_volume_difference == -1.0


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), float("inf")])
def test_a_beta_that_weighs_nothing_is_refused(beta: float) -> None:
    with pytest.raises(BadSetting):
        Overlap(1, 1, 1, 1, 1.0).f_beta(beta)
