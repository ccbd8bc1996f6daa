from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.polygon_fill import fill_even_odd
from AmlartContourLib.exchange.polygons import Polygons, trace
from support.masks2d import HARD_SLICES, drawn, stacked

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9))
hard_slices = pytest.mark.parametrize("name", HARD_SLICES)


def _geometry(mask_kji: np.ndarray) -> Geometry:
    k, j, i = mask_kji.shape
    return Geometry((i, j, k), (1.0, 1.0, 1.0))


def _polygons(*rings: list[tuple[float, float]]) -> Polygons:
    """Rings on slice 0."""
    points = np.asarray([p for ring in rings for p in ring], dtype=float).reshape(-1, 2)
    starts = np.cumsum([0] + [len(ring) for ring in rings])
    return Polygons(points, starts, np.zeros(len(rings), dtype=np.int64))


def _filled(polygons: Polygons, shape_ji: tuple[int, int]) -> np.ndarray:
    return fill_even_odd(polygons, _geometry(np.zeros((1, *shape_ji)))).to_array()[0]


def _round_and_touch(polygons: Polygons, shape_ji: tuple[int, int]) -> np.ndarray:
    """The other family of readers: vertices rounded to pixels, the outline itself counted as inside."""
    seen = np.zeros(shape_ji, dtype=bool)
    for n in range(len(polygons)):
        corners = np.rint(polygons[n]).astype(int)
        rounded = Polygons(corners.astype(float), np.asarray([0, len(corners)]), np.zeros(1, np.int64))
        seen |= _filled(rounded, shape_ji)
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            steps = int(np.abs(b - a).max())
            line = np.rint(np.linspace(a, b, steps + 1)).astype(int)
            seen[line[:, 1], line[:, 0]] = True
    return seen


@hard_slices
def test_tracing_and_filling_gives_the_slice_back(name: str) -> None:
    mask = HARD_SLICES[name]
    np.testing.assert_array_equal(_filled(trace(mask[None]), mask.shape), mask)


@hard_slices
def test_rounding_the_vertices_gives_the_slice_back_too(name: str) -> None:
    mask = HARD_SLICES[name]
    np.testing.assert_array_equal(_round_and_touch(trace(mask[None]), mask.shape), mask)


def test_all_of_them_come_back_from_one_block() -> None:
    stack = stacked()
    assert fill_even_odd(trace(stack), _geometry(stack)).same_voxels(Mask.from_array(stack, _geometry(stack)))


@settings(max_examples=150, deadline=None)
@given(masks)
def test_any_mask_comes_back(mask: np.ndarray) -> None:
    block = Mask.from_array(mask, _geometry(mask))
    polygons = trace(block.block_kji, block.box.start_kji)
    np.testing.assert_array_equal(fill_even_odd(polygons, block.geometry).to_array(), mask)


@settings(max_examples=100, deadline=None)
@given(masks)
def test_any_slice_comes_back_from_rounded_vertices(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(_round_and_touch(trace(mask[:1]), mask.shape[1:]), mask[0])


def test_one_pixel_is_a_diamond_just_within_its_own_borders() -> None:
    polygons = trace(np.ones((1, 1, 1), dtype=bool), (4, 5, 6))
    assert polygons.slices_k.tolist() == [4]
    np.testing.assert_allclose(polygons[0], [[6.49, 5], [6, 5.49], [5.51, 5], [6, 4.51]])


def test_a_straight_side_has_no_points_between_its_ends() -> None:
    assert len(trace(np.ones((1, 20, 30), dtype=bool))[0]) == 8


def test_a_hole_becomes_a_keyhole_in_one_polygon() -> None:
    polygons = trace(drawn("a hole of one pixel")[None])
    assert len(polygons) == 1
    points = polygons[0].round(2).tolist()
    assert points.count([1.49, 2.0]) == points.count([-0.49, 2.0]) == 2, (
        "both ends of the bridge, there and back"
    )


@pytest.mark.parametrize(
    ("name", "count"), [("an island in a hole", 2), ("a hole in an island in a hole", 3), ("two parts", 2)]
)
def test_every_part_is_a_polygon_of_its_own(name: str, count: int) -> None:
    assert len(trace(drawn(name)[None])) == count


def test_a_bridge_runs_over_inside_pixels_only() -> None:
    mask = drawn("two holes in one row")
    polygon = trace(mask[None])[0]
    after = np.roll(polygon, -1, axis=0)
    bridges = [(a, b) for a, b in zip(polygon, after, strict=True) if a[1] == b[1] == 1.0]
    assert len(bridges) == 4, "two bridges, each there and back"
    for a, b in bridges:
        low, high = sorted((round(a[0]), round(b[0])))
        assert mask[1, low : high + 1].all()


def test_an_empty_block_has_no_polygon() -> None:
    assert len(trace(np.zeros((2, 3, 4), dtype=bool))) == 0


def test_polygons_come_slice_by_slice_in_the_order_of_k() -> None:
    slices = trace(stacked()).slices_k
    assert np.all(np.diff(slices) >= 0)
    assert set(slices) == {k for k, mask in enumerate(stacked()) if mask.any()}


def test_a_ring_within_a_ring_is_a_hole_and_one_within_that_an_island() -> None:
    def square(low: float, high: float) -> list[tuple[float, float]]:
        return [(low, low), (high, low), (high, high), (low, high)]

    rings = _polygons(square(-0.5, 6.5), square(0.5, 5.5), square(1.5, 4.5))
    expected = np.zeros((7, 7), dtype=bool)
    expected[0], expected[6], expected[:, 0], expected[:, 6] = True, True, True, True
    expected[2:5, 2:5] = True
    np.testing.assert_array_equal(_filled(rings, (7, 7)), expected)


def test_a_centre_on_an_edge_belongs_to_the_polygon_on_its_far_side() -> None:
    square = _polygons([(1, 1), (3, 1), (3, 3), (1, 3)])
    expected = np.zeros((5, 5), dtype=bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(_filled(square, (5, 5)), expected)


def test_two_polygons_that_share_an_edge_share_no_pixel_and_leave_none_out() -> None:
    left, right = [(0.0, 0.0), (3, 1), (2, 4), (0, 4)], [(3.0, 1.0), (5, 0), (5, 4), (2, 4)]
    both = _filled(_polygons([(0.0, 0.0), (3, 1), (5, 0), (5, 4), (0, 4)]), (6, 6))
    apart = _filled(_polygons(left), (6, 6)), _filled(_polygons(right), (6, 6))
    assert not np.any(apart[0] & apart[1])
    np.testing.assert_array_equal(apart[0] | apart[1], both)


def test_filling_is_the_same_whichever_way_a_polygon_turns_and_wherever_it_starts() -> None:
    ring = [(0.3, 0.7), (6.1, 1.0), (5.0, 5.5), (2.0, 3.0), (1.0, 6.2)]
    wanted = _filled(_polygons(ring), (8, 8))
    assert wanted.any()
    np.testing.assert_array_equal(_filled(_polygons(ring[::-1]), (8, 8)), wanted)
    np.testing.assert_array_equal(_filled(_polygons(ring[2:] + ring[:2]), (8, 8)), wanted)


def test_what_reaches_beyond_the_image_is_cut_at_its_edge() -> None:
    huge = _polygons([(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)])
    assert _filled(huge, (4, 5)).all()
    beside = _polygons([(10, 10), (20, 10), (20, 20), (10, 20)])
    assert not _filled(beside, (4, 5)).any()


def test_a_polygon_without_area_fills_nothing() -> None:
    assert not _filled(_polygons([(1, 1), (3, 3)], [(2, 2), (2, 2), (2, 2)]), (5, 5)).any()
