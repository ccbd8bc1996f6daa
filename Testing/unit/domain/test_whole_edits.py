"""Edits of a whole structure do what they say, in millimetres, on any grid, also at the image's border."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.whole_edits import (
    Smoothing,
    largest_piece,
    limited,
    smoothed,
    without_small_pieces,
)
from support.shapes import ball, block, grid

GRID = grid((60, 50, 40), (1.5, 1.5, 3.0), "head first supine", (0.0, 0.0, 0.0))
BODY = block(GRID, (-20, -18, -30), (10, 18, 30))
SPECK = block(GRID, (30, 0, 0), (33, 3, 3))


def test_the_largest_piece_stays_alone_and_one_piece_stays_as_it_is() -> None:
    assert largest_piece(BODY | SPECK).same_voxels(BODY)
    assert largest_piece(BODY) is BODY
    assert largest_piece(Mask.empty(GRID)).is_empty


def test_pieces_are_kept_by_their_volume() -> None:
    both = BODY | SPECK
    assert without_small_pieces(both, SPECK.volume_cc) is both
    assert without_small_pieces(both, SPECK.volume_cc * 1.01).same_voxels(BODY)
    assert without_small_pieces(both, 1000.0).is_empty


@pytest.mark.parametrize("how", [Smoothing.MEDIAN, Smoothing.OPENING, Smoothing.GAUSSIAN])
def test_smoothing_takes_a_thin_spike_away_and_keeps_the_body(how: Smoothing) -> None:
    spike = block(GRID, (10, -1, -2), (30, 1, 2))
    result = smoothed(BODY | spike, how, 8.0 if how is not Smoothing.GAUSSIAN else 3.0)
    tip = block(GRID, (16, -1, -2), (30, 1, 2))
    core = block(GRID, (-14, -12, -20), (4, 12, 20))
    assert (result & tip).is_empty
    assert (core - result).is_empty


def test_closing_fills_a_narrow_gap_that_opening_leaves() -> None:
    gap = block(GRID, (-6, -18, -30), (-4, 18, 30))
    parted = BODY - gap
    assert (gap - smoothed(parted, Smoothing.CLOSING, 8.0)).is_empty
    assert (gap & smoothed(parted, Smoothing.OPENING, 8.0)).is_empty


@pytest.mark.parametrize("how", list(Smoothing))
def test_a_body_cut_off_by_the_image_is_not_rounded_at_the_cut(how: Smoothing) -> None:
    beam = block(GRID, (-12, -12, -1000), (12, 12, 1000))
    ends = smoothed(beam, how, 6.0).to_array()[[0, -1]]
    middle = smoothed(beam, how, 6.0).to_array()[20]
    assert np.array_equal(ends[0], middle)
    assert np.array_equal(ends[1], middle)


def test_a_ball_keeps_its_volume_within_a_few_per_cent() -> None:
    sphere = ball(GRID, (0, 0, 0), 20)
    for how in Smoothing:
        size_mm = 2.0 if how is Smoothing.GAUSSIAN else 6.0
        assert smoothed(sphere, how, size_mm).volume_cc == pytest.approx(sphere.volume_cc, rel=0.06)


@pytest.mark.parametrize("size_mm", [0.0, -1.0, 51.0, float("nan")])
def test_a_size_that_means_nothing_is_refused(size_mm: float) -> None:
    with pytest.raises(BadSetting):
        smoothed(BODY, Smoothing.MEDIAN, size_mm)


def test_a_limited_change_touches_only_voxels_within_the_range_of_hu() -> None:
    hu = np.full(GRID.shape_kji, -100, dtype=np.int16)
    hu[:, :25] = 40
    grown = BODY | SPECK
    shrunk = BODY - block(GRID, (-20, -18, -30), (-10, 18, 30))
    for after in (grown, shrunk, Mask.empty(GRID)):
        result = limited(BODY, after, hu, 40, 40).to_array()
        inside = hu == 40
        assert np.array_equal(result[inside], after.to_array()[inside])
        assert np.array_equal(result[~inside], BODY.to_array()[~inside])
    assert limited(BODY, BODY, hu, 0, 1) is BODY
