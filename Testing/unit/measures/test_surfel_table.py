"""The area of every neighbourhood, derived in our own code."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from AmlartContourLib.measures.surfel_table import CORNERS, surfel_areas_mm2
from support.surface_peer import peer_areas

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 1.3, 1.3), (1.0, 2.0, 3.0), (0.7, 5.0, 1.1), (3.0, 0.45, 0.9)]


def code_of(inside: np.ndarray) -> int:
    return sum(1 << bit for bit, corner in enumerate(CORNERS) if inside[corner])


def block_of(code: int) -> np.ndarray:
    return np.asarray([bool(code >> bit & 1) for bit in range(8)]).reshape(2, 2, 2)


@pytest.mark.peer
@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_area_equals_the_published_table(spacing: tuple[float, float, float]) -> None:
    theirs, weights = peer_areas(spacing)
    ours = surfel_areas_mm2(spacing)
    for code in range(256):
        assert ours[code] == pytest.approx(theirs[(block_of(code) * weights).sum()], abs=1e-9), code


def test_uniform_neighbourhoods_have_no_surface_and_all_others_do() -> None:
    areas = surfel_areas_mm2((2.5, 1.3, 1.0))
    assert areas[0] == areas[255] == 0
    assert areas[1:255].min() > 0


def test_a_flat_face_has_the_area_of_the_voxels_face() -> None:
    areas = surfel_areas_mm2((2.5, 1.3, 1.0))
    for axis, face in enumerate((1.3 * 1.0, 2.5 * 1.0, 2.5 * 1.3)):
        inside = np.zeros((2, 2, 2), dtype=bool)
        inside[(slice(None),) * axis + (0,)] = True
        assert areas[code_of(inside)] == pytest.approx(face)


def test_a_lone_corner_is_cut_by_the_triangle_through_its_edges_middles() -> None:
    k, j, i = 2.5, 1.3, 1.0
    triangle = np.linalg.norm(np.cross([k / 2, -j / 2, 0], [k / 2, 0, -i / 2])) / 2
    areas = surfel_areas_mm2((k, j, i))
    assert [areas[1 << bit] for bit in range(8)] == pytest.approx([triangle] * 8)


def test_an_edge_is_bevelled_along_its_length() -> None:
    inside = np.zeros((2, 2, 2), dtype=bool)
    inside[:, 0, 0] = True
    areas = surfel_areas_mm2((2.5, 1.3, 1.0))
    assert areas[code_of(inside)] == pytest.approx(2.5 * np.hypot(1.3, 1.0) / 2)


def test_corners_that_touch_only_across_a_diagonal_stay_apart() -> None:
    areas = surfel_areas_mm2((2.5, 1.3, 1.0))
    assert areas[code_of(block_of(0b00001001))] == pytest.approx(2 * areas[1])  # across a face
    assert areas[0b10000001] == pytest.approx(2 * areas[1])  # across the block
    assert areas[0b01101001] == pytest.approx(4 * areas[1])


def test_inside_and_outside_count_alike() -> None:
    areas = surfel_areas_mm2((2.5, 1.3, 1.0))
    np.testing.assert_allclose(areas, areas[::-1], rtol=0, atol=1e-12)


def test_turning_and_mirroring_a_neighbourhood_with_its_spacing_keeps_its_area() -> None:
    spacing = (2.5, 1.3, 1.0)
    areas = surfel_areas_mm2(spacing)
    for order in permutations(range(3)):
        turned = surfel_areas_mm2(tuple(spacing[axis] for axis in order))
        for mirrored in product((1, -1), repeat=3):
            codes = [
                code_of(block_of(c).transpose(order)[tuple(slice(None, None, step) for step in mirrored)])
                for c in range(256)
            ]
            np.testing.assert_allclose(turned[codes], areas, rtol=0, atol=1e-12)
