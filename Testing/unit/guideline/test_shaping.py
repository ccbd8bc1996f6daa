"""Shaping in the slice, in mm on pixels that are not square."""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.shaping import closed_in_plane, filled_in_plane, touching, without_islands
from support.shapes import block, grid

GRID = grid((60, 60, 6), (1.0, 2.0, 3.0), "head first supine", (0.0, 0.0, 0.0))


def _two_blocks(gap_mm: float) -> Mask:
    return block(GRID, (-20, -20, -20), (-0.5, 20, 20)) | block(GRID, (-0.5 + gap_mm, -20, -20), (20, 20, 20))


def test_a_gap_narrower_than_twice_the_radius_is_closed_and_a_wider_one_stays() -> None:
    narrow, wide = _two_blocks(5.0), _two_blocks(8.0)
    assert (closed_in_plane(narrow, 3.0) - narrow).voxel_count > 0
    middle = Mask.from_array(np.ones(GRID.shape_kji, bool), GRID)
    gap = block(GRID, (0, -10, -20), (4, 10, 20)) & middle
    assert (gap - closed_in_plane(narrow, 3.0)).is_empty
    assert closed_in_plane(wide, 3.0).same_voxels(wide)


def test_closing_never_takes_away_and_is_the_same_when_done_twice() -> None:
    mask = _two_blocks(5.0)
    once = closed_in_plane(mask, 3.0)
    assert (mask - once).is_empty
    assert closed_in_plane(once, 3.0).same_voxels(once)


def test_closing_does_not_reach_into_other_slices() -> None:
    lower, upper = block(GRID, (-20, -20, -8), (20, 20, -7)), block(GRID, (-20, -20, 4), (20, 20, 5))
    both = lower | upper
    assert closed_in_plane(both, 30.0).box.shape_kji[0] == both.box.shape_kji[0]
    assert (closed_in_plane(both, 30.0) & block(GRID, (-20, -20, -5), (20, 20, 3))).is_empty


def test_closing_of_nothing_and_by_nothing_changes_nothing() -> None:
    assert closed_in_plane(Mask.empty(GRID), 3.0).is_empty
    mask = _two_blocks(5.0)
    assert closed_in_plane(mask, 0.0).same_voxels(mask)


def test_a_hole_in_a_slice_is_filled_even_where_it_is_open_above() -> None:
    ring = block(GRID, (-20, -20, -2), (20, 20, 2)) - block(GRID, (-5, -5, -2), (5, 5, 2))
    assert filled_in_plane(ring).same_voxels(block(GRID, (-20, -20, -2), (20, 20, 2)))


def test_only_parts_at_the_anchor_stay() -> None:
    near, far = block(GRID, (-20, -20, -20), (-10, 20, 20)), block(GRID, (10, -20, -20), (20, 20, 20))
    anchor = block(GRID, (-10, -5, -20), (-9, 5, 20))
    assert touching(near | far, anchor).same_voxels(near)
    assert touching(near | far, Mask.empty(GRID)).is_empty


def test_islands_are_judged_by_area_in_mm2() -> None:
    large, small = block(GRID, (-20, -20, -8), (-10, 20, -7)), block(GRID, (10.5, -1, -8), (14.5, 5, -7))
    area = small.voxel_count * 2.0
    assert without_islands(large | small, area).same_voxels(large | small)
    assert without_islands(large | small, area + 1).same_voxels(large)
