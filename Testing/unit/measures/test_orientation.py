"""The same figures however the array runs and however the patient lies."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import Comparison, compare
from support.shapes import DIRECTIONS, ball, centre, grid

SIZE = (12, 10, 9)
few_voxels = arrays(np.bool_, SIZE[::-1], elements=st.booleans(), fill=st.just(False))


def right_handed_orders() -> list[Reorder]:
    orders = []
    for axes in permutations(range(3)):
        sign = np.linalg.det(np.eye(3)[list(axes)])
        for flips in product((False, True), repeat=3):
            if sign * (-1) ** sum(flips) > 0:
                orders.append(Reorder(axes, flips))
    return orders


ORDERS = right_handed_orders()


def pair_on(direction: str) -> tuple[Mask, Mask]:
    geometry = grid(size_ijk=(40, 36, 28), direction=direction)
    one = ball(geometry, centre(geometry), 11)
    array = one.to_array()
    array[15:18, :20, :] = False
    array[4:8, 5:9, 5:12] = True
    return one, Mask.from_array(np.roll(array, 1, axis=2), geometry)


def without_grid(found: Comparison) -> Comparison:
    return replace(found, grid=grid())


@settings(max_examples=40, deadline=None)
@given(few_voxels, few_voxels, st.sampled_from(ORDERS), st.sampled_from([0.0, 1.3, 2.0]))
def test_reordering_both_arrays_changes_no_digit(
    reference: np.ndarray, test: np.ndarray, order: Reorder, tolerance: float
) -> None:
    geometry = grid(size_ijk=SIZE)
    plain = [Mask.from_array(array, geometry) for array in (reference, test)]
    turned = [Mask.from_array(order.array(array), order.geometry(geometry)) for array in (reference, test)]
    one, other = (compare(a, b, tolerance_mm=tolerance) for a, b in (plain, turned))
    assert [figures.k for figures in one.slices] == [figures.k for figures in other.slices]
    assert replace(without_grid(one), slices=()) == replace(without_grid(other), slices=())
    for a, b in zip(one.slices, other.slices, strict=True):
        assert replace(a, position_mm=0.0) == replace(b, position_mm=0.0)
        assert a.position_mm == pytest.approx(b.position_mm)


@pytest.mark.parametrize("direction", sorted(set(DIRECTIONS) - {"head first supine"}))
def test_a_turned_patient_has_the_same_figures(direction: str) -> None:
    """Path lengths too, where the turn leaves the slices the slices."""
    plain = compare(*pair_on("head first supine"), tolerance_mm=2.0, extra_tolerances_mm=[1.0, 3.0])
    turned = compare(*pair_on(direction), tolerance_mm=2.0, extra_tolerances_mm=[1.0, 3.0])
    names = ["voxels", "overlap", "volume", "surface", "redraw"]
    if direction != "sagittal slices":
        names.append("path")
    one, other = plain.to_json(), turned.to_json()
    for name in names:
        assert flat(other[name]) == pytest.approx(flat(one[name]), rel=0, abs=1e-9), name


def flat(value: object) -> list[float]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [x for part in parts for x in (flat(part) if isinstance(part, (dict, list)) else [part])]


def test_slices_are_axial_and_run_to_the_head_on_a_feet_first_and_a_sagittal_array() -> None:
    for direction in ("feet first supine", "sagittal slices"):
        found = compare(*pair_on(direction), tolerance_mm=1.0)
        positions = [figures.position_mm for figures in found.slices]
        assert positions == sorted(positions)
        one, other = pair_on(direction)
        heights = (one | other).points_lps()[:, 2]
        assert positions[0] == pytest.approx(heights.min())
        assert positions[-1] == pytest.approx(heights.max())
