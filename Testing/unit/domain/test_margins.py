"""Margins in mm are exact to the voxel, on every orientation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.margins import Margin, expand, shrink
from AmlartContourLib.domain.mask import Mask
from support.shapes import DIRECTIONS, ball, block, centre, grid, voxels_lps

SIZE = (9, 8, 7)
SHAPE = SIZE[::-1]
few_voxels = arrays(np.bool_, SHAPE, elements=st.booleans(), fill=st.just(False))
lengths = st.sampled_from([0.0, 1.0, 1.3, 2.5, 3.9, 4.2])
margins = st.builds(Margin, lengths, lengths, lengths, lengths, lengths, lengths)
directions = st.sampled_from(sorted(DIRECTIONS))
UNEQUAL = Margin(left_mm=2, right_mm=9, anterior_mm=10, posterior_mm=0, superior_mm=5, inferior_mm=7)


def by_brute_force(mask: Mask, margin: Margin) -> np.ndarray:
    """Every voxel against every voxel inside, straight from the definition."""
    points = voxels_lps(mask.geometry).reshape(-1, 3)
    grown = np.zeros(len(points), dtype=bool)
    plus = np.asarray([margin.left_mm, margin.posterior_mm, margin.superior_mm]) + 1e-4
    minus = np.asarray([margin.right_mm, margin.anterior_mm, margin.inferior_mm]) + 1e-4
    for inside in mask.points_lps():
        step = points - inside
        step[np.abs(step) < 1e-4] = 0
        grown |= ((step / np.where(step > 0, plus, minus)) ** 2).sum(1) <= 1
    return grown.reshape(mask.geometry.shape_kji)


def single_voxel(geometry: Geometry) -> Mask:
    seed = np.zeros(geometry.shape_kji, dtype=bool)
    seed[tuple(n // 2 for n in geometry.shape_kji)] = True
    return Mask.from_array(seed, geometry)


@settings(max_examples=60, deadline=None)
@given(few_voxels, margins, directions)
def test_a_margin_per_direction_equals_the_definition_on_every_orientation(
    voxels: np.ndarray, margin: Margin, direction: str
) -> None:
    mask = Mask.from_array(voxels, grid(SIZE, direction=direction))
    np.testing.assert_array_equal(expand(mask, margin).to_array(), by_brute_force(mask, margin))


@settings(max_examples=40, deadline=None)
@given(few_voxels, lengths, directions)
def test_an_equal_margin_is_the_euclidean_distance_between_centres(
    voxels: np.ndarray, mm: float, direction: str
) -> None:
    geometry = grid(SIZE, direction=direction)
    mask = Mask.from_array(voxels, geometry)
    grown = expand(mask, Margin.isotropic(mm)).to_array()
    if not voxels.any():
        assert not grown.any()
        return
    distance = ndimage.distance_transform_edt(~voxels, sampling=geometry.spacing_kji_mm)
    np.testing.assert_array_equal(grown, distance <= mm + 1e-6)


@settings(max_examples=40, deadline=None)
@given(few_voxels, lengths)
def test_shrinking_is_the_dual_of_growing(voxels: np.ndarray, mm: float) -> None:
    mask, outside = Mask.from_array(voxels, grid(SIZE)), Mask.from_array(~voxels, grid(SIZE))
    expected = ~expand(outside, Margin.isotropic(mm)).to_array()
    np.testing.assert_array_equal(shrink(mask, mm).to_array(), expected)
    closed = shrink(expand(mask, Margin.isotropic(mm)), mm)
    assert (mask - closed).is_empty, "growing and shrinking back never loses a voxel"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_voxel_grows_by_the_length_of_each_side_of_the_patient(direction: str) -> None:
    geometry = grid((31, 31, 31), (1.0, 1.0, 1.0), direction)
    seed = single_voxel(geometry)
    apart = expand(seed, UNEQUAL).points_lps() - seed.centroid_lps()
    lowest, highest = apart.min(axis=0), apart.max(axis=0)
    slack = 0.0 if direction != "oblique" else 1.0
    for found, wanted in zip((*lowest, *highest), (-9, -10, -7, 2, 0, 5), strict=True):
        assert abs(wanted) - slack - 1e-6 <= abs(found) <= abs(wanted) + 1e-3


def test_a_margin_to_one_side_only_is_a_line() -> None:
    geometry = grid((21, 21, 21), (1.0, 1.0, 2.5))
    seed = single_voxel(geometry)
    grown = expand(seed, Margin(0, 0, 0, 0, superior_mm=7.5, inferior_mm=0))
    assert grown.voxel_count == 4
    assert np.ptp(grown.points_lps(), axis=0) == pytest.approx([0, 0, 7.5])


def test_cosines_rounded_as_files_round_them_do_not_tilt_a_half_body() -> None:
    matrix = np.eye(3) + np.asarray([[0, 1e-6, 0], [-1e-6, 0, 1e-6], [0, -1e-6, 0]])
    straight = grid((21, 21, 21), (1.0, 1.0, 1.0))
    rounded = Geometry.from_matrix(straight.size_ijk, straight.spacing_mm, straight.origin_lps, matrix)
    np.testing.assert_array_equal(
        expand(single_voxel(rounded), UNEQUAL).to_array(), expand(single_voxel(straight), UNEQUAL).to_array()
    )


def test_a_voxel_at_exactly_the_margin_is_inside() -> None:
    geometry = grid((41, 3, 3), (0.7, 1.0, 1.0))
    assert expand(single_voxel(geometry), Margin.isotropic(7.0)).box.shape_kji == (3, 3, 21)


def test_the_border_of_the_image_clips_growth_and_does_not_eat_a_shrinking_mask() -> None:
    geometry = grid((20, 20, 20), (1.0, 1.0, 1.0))
    whole = Mask.from_array(np.ones(geometry.shape_kji, dtype=bool), geometry)
    assert expand(whole, Margin.isotropic(5)).same_voxels(whole)
    assert shrink(whole, 5).same_voxels(whole)
    half = whole.to_array()
    half[10:] = False
    left = shrink(Mask.from_array(half, geometry), 3)
    assert left.box.start_kji == (0, 0, 0)
    assert left.box.stop_kji == (7, 20, 20)


def test_exclusions_and_limits_cut_the_result_and_only_it() -> None:
    geometry = grid((40, 40, 20), (1.0, 1.0, 2.0))
    middle = centre(geometry)
    tumour = ball(geometry, middle, 6)
    bone = block(geometry, np.add(middle, (4, -30, -30)), np.add(middle, 30))
    slab = block(geometry, np.subtract(middle, (30, 30, 3)), np.add(middle, (30, 30, 3)))
    free = expand(tumour, Margin.isotropic(5))
    cut = expand(tumour, Margin.isotropic(5), exclude=bone, within=slab)
    assert cut.same_voxels((free & slab) - bone)
    directional = expand(tumour, UNEQUAL, exclude=bone, within=slab)
    assert directional.same_voxels((expand(tumour, UNEQUAL) & slab) - bone)


def test_growth_reaches_into_a_limit_that_does_not_hold_the_mask() -> None:
    geometry = grid((40, 40, 20), (1.0, 1.0, 2.0))
    middle = centre(geometry)
    tumour = ball(geometry, middle, 6)
    beside = block(geometry, np.add(middle, (8, -30, -30)), np.add(middle, 30))
    reached = expand(tumour, Margin.isotropic(5), within=beside)
    assert not reached.is_empty
    assert reached.same_voxels(expand(tumour, Margin.isotropic(5)) & beside)


def test_an_empty_mask_and_no_margin_change_nothing() -> None:
    geometry = grid()
    assert expand(Mask.empty(geometry), Margin.isotropic(7)).is_empty
    assert shrink(Mask.empty(geometry), 7).is_empty
    some = ball(geometry, centre(geometry), 9)
    assert expand(some, Margin.isotropic(0)).same_voxels(some)
    assert shrink(some, 0).same_voxels(some)
    assert expand(some, Margin.isotropic(7), within=Mask.empty(geometry)).is_empty


@pytest.mark.parametrize("mm", [-1.0, float("nan"), float("inf")])
def test_lengths_that_are_no_margin_are_refused(mm: float) -> None:
    with pytest.raises(BadSetting, match="margin"):
        Margin.isotropic(mm)
    with pytest.raises(BadSetting, match="margin"):
        shrink(single_voxel(grid()), mm)


def test_masks_of_another_grid_are_refused() -> None:
    with pytest.raises(GeometryMismatch):
        expand(single_voxel(grid()), Margin.isotropic(3), exclude=single_voxel(grid((5, 5, 5))))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_order_of_the_array_does_not_matter(direction: str) -> None:
    geometry = grid(direction=direction)
    mask = ball(geometry, np.add(centre(geometry), (3, 2, -4)), 8)
    order = canonical(geometry)
    turned = Mask.from_array(order.array(mask.to_array()), order.geometry(geometry))
    grown = order.array(expand(mask, UNEQUAL).to_array())
    np.testing.assert_array_equal(grown, expand(turned, UNEQUAL).to_array())
