"""Exact changes of array order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadGeometry, GeometryMismatch
from AmlartContourLib.domain.lattice import Reorder, canonical, onto, right_handed
from support.shapes import DIRECTIONS, grid, rotation, voxels_lps

PROPER = [
    Reorder(axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product([False, True], repeat=3)
    if np.linalg.det(np.eye(3)[:, axes] * np.where(flips, -1, 1)) > 0
]


@pytest.mark.parametrize("order", PROPER, ids=str)
def test_reordering_moves_every_voxel_with_its_place_in_the_patient(order: Reorder) -> None:
    geometry = grid(size_ijk=(4, 5, 6), direction="oblique")
    marks = np.arange(120).reshape(geometry.shape_kji)
    moved, place = order.array(marks), order.geometry(geometry)
    assert moved.shape == place.shape_kji
    np.testing.assert_allclose(
        order.array(voxels_lps(geometry)[..., 0]), voxels_lps(place)[..., 0], atol=1e-9
    )
    np.testing.assert_allclose(
        order.array(voxels_lps(geometry)[..., 2]), voxels_lps(place)[..., 2], atol=1e-9
    )
    np.testing.assert_array_equal(order.inverse.array(moved), marks)
    assert order.inverse.geometry(place).same_as(geometry, 1e-6)


def test_there_are_twenty_four_ways_to_lay_a_right_handed_box() -> None:
    assert len(PROPER) == 24


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_canonical_order_runs_to_left_posterior_superior(direction: str) -> None:
    geometry = grid(direction=direction)
    place = canonical(geometry).geometry(geometry)
    assert np.all(np.diag(place.direction_matrix) > 0.9)


def test_the_canonical_order_is_a_permutation_even_at_forty_five_degrees() -> None:
    geometry = grid(size_ijk=(4, 5, 6))
    turned = rotation("x", 45) @ rotation("y", 45) @ rotation("z", 45)
    order = canonical(type(geometry).from_matrix((4, 5, 6), (1, 1, 1), (0, 0, 0), turned))
    assert sorted(order.axes) == [0, 1, 2]


def test_a_mask_saved_in_another_order_comes_onto_the_ct_without_interpolation() -> None:
    ct = grid(size_ijk=(4, 5, 6))
    order = Reorder((1, 2, 0), (True, True, False))
    saved = np.random.default_rng(1).random(ct.shape_kji) > 0.5
    back = onto(order.array(saved), order.geometry(ct), ct, "the mask")
    np.testing.assert_array_equal(back, saved)


def test_a_mask_of_another_grid_is_refused_by_its_name() -> None:
    with pytest.raises(GeometryMismatch, match=r"bladder\.nii\.gz lies on another grid"):
        onto(np.zeros((6, 5, 4), bool), grid(size_ijk=(4, 5, 6)), grid(size_ijk=(4, 5, 7)), "bladder.nii.gz")


def test_a_left_handed_image_is_turned_by_reversing_its_slices() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    turned, place = right_handed(array, (1, 1, 2), (0, 0, 0), np.diag([1, 1, -1]))
    np.testing.assert_array_equal(turned, array[::-1])
    np.testing.assert_allclose(place.origin_lps, [0, 0, -2])
    same, _ = right_handed(array, (1, 1, 2), (0, 0, 0), np.eye(3))
    np.testing.assert_array_equal(same, array)


def test_sheared_axes_are_refused() -> None:
    sheared = np.asarray([[1, 0, 0], [0, 1, 0.3], [0, 0, 1]])
    with pytest.raises(BadGeometry, match="right angles"):
        right_handed(np.zeros((2, 2, 2)), (1, 1, 1), (0, 0, 0), sheared)
