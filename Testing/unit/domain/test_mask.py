"""Masks in their boxes behave as full arrays do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from support.shapes import ball, centre, grid

GRID = grid(size_ijk=(5, 4, 6))
voxels = arrays(np.bool_, GRID.shape_kji, elements=st.booleans(), fill=st.just(False))


@settings(max_examples=60, deadline=None)
@given(voxels, voxels)
def test_union_intersection_and_difference_equal_those_of_full_arrays(a: np.ndarray, b: np.ndarray) -> None:
    one, two = Mask.from_array(a, GRID), Mask.from_array(b, GRID)
    np.testing.assert_array_equal((one | two).to_array(), a | b)
    np.testing.assert_array_equal((one & two).to_array(), a & b)
    np.testing.assert_array_equal((one - two).to_array(), a & ~b)
    np.testing.assert_array_equal(union([one, two, one], GRID).to_array(), a | b)
    assert one.voxel_count == a.sum()
    assert one.same_voxels(Mask.from_array(a, GRID))
    assert one.same_voxels(two) == np.array_equal(a, b)


@settings(max_examples=40, deadline=None)
@given(voxels)
def test_the_box_is_tight(a: np.ndarray) -> None:
    mask = Mask.from_array(a, GRID)
    assert mask.box == Box.around(a)
    if not mask.is_empty:
        for axis in range(3):
            assert mask.block_kji.take(0, axis).any()
            assert mask.block_kji.take(-1, axis).any()


@settings(max_examples=40, deadline=None)
@given(voxels, st.permutations([0, 1, 2]), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_a_mask_in_another_order_holds_the_same_places(a: np.ndarray, axes: list[int], flips: tuple) -> None:
    order = Reorder((axes[0], axes[1], axes[2]), flips)
    if np.linalg.det(np.eye(3)[:, axes] * np.where(flips, -1, 1)) < 0:
        order = Reorder(order.axes, (not flips[0], flips[1], flips[2]))
    mask = Mask.from_array(a, GRID)
    moved = mask.reordered(order)
    np.testing.assert_array_equal(moved.to_array(), order.array(a))
    assert moved.box == Box.around(order.array(a))
    assert moved.reordered(order.inverse).same_voxels(mask)


def test_a_mask_cannot_be_changed_and_does_not_follow_its_source() -> None:
    array = np.ones(GRID.shape_kji, dtype=bool)
    mask = Mask.from_array(array, GRID)
    array[:] = False
    assert mask.voxel_count == array.size
    with pytest.raises(ValueError, match="read-only"):
        mask.block_kji[0, 0, 0] = False


def test_any_value_but_zero_is_inside() -> None:
    labels = np.zeros(GRID.shape_kji, dtype=np.uint8)
    labels[2, 1, 3] = 255
    assert Mask.from_array(labels, GRID).voxel_count == 1


def test_the_volume_is_in_cubic_centimetres_and_the_centroid_in_patient_millimetres() -> None:
    geometry = grid(size_ijk=(60, 60, 40), spacing_mm=(1.0, 1.0, 1.5), direction="oblique")
    mask = ball(geometry, centre(geometry), 15.0)
    assert mask.volume_cc == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.02)
    np.testing.assert_allclose(mask.centroid_lps(), centre(geometry), atol=0.05)


def test_masks_of_two_grids_do_not_mix() -> None:
    other = grid(size_ijk=(5, 4, 6), centre_lps=(0.0, 0.0, 0.0))
    with pytest.raises(GeometryMismatch, match="another grid"):
        Mask.empty(GRID) | Mask.empty(other)
    with pytest.raises(GeometryMismatch, match="uterus"):
        StructureSet.of(GRID, [Contour("uterus", Mask.empty(other), Source.IMPORTED)])
    with pytest.raises(GeometryMismatch, match="shape"):
        Mask.from_array(np.zeros((2, 2, 2), bool), GRID)


def test_an_absent_structure_is_empty_and_a_change_makes_a_new_set() -> None:
    full = Mask.from_array(np.ones(GRID.shape_kji, bool), GRID)
    first = StructureSet(GRID)
    second = first.with_contours(Contour("bladder", full, Source.IMPORTED))
    assert first.mask("bladder").is_empty
    assert second.has("bladder")
    assert second.only(["uterus", "bladder"]).ids == ("bladder",)
    assert len(first) == 0


@settings(max_examples=40, deadline=None)
@given(voxels, voxels)
def test_the_box_of_a_change_is_tight_round_the_voxels_of_only_one(a: np.ndarray, b: np.ndarray) -> None:
    one, other = Mask.from_array(a, GRID), Mask.from_array(b, GRID)
    assert one.changed_box(other) == other.changed_box(one) == Box.around(a ^ b)
    assert one.changed_box(one).is_empty


@settings(max_examples=40, deadline=None)
@given(voxels)
def test_the_centroid_is_the_mean_of_the_points(a: np.ndarray) -> None:
    mask = Mask.from_array(a, GRID)
    if a.any():
        np.testing.assert_allclose(mask.centroid_lps(), mask.points_lps().mean(axis=0), atol=1e-9)
    else:
        assert np.isnan(mask.centroid_lps()).all()
