"""Where surface elements lie, and how they are numbered."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfel_table import CORNERS, surfel_areas_mm2
from AmlartContourLib.measures.surfels import ELEMENT, INSIDE, OUTSIDE, Layout

blocks = arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5))
rooms = st.tuples(*[st.integers(0, 3)] * 3)


def surface_of(block: np.ndarray, room: tuple[int, int, int] = (0, 0, 0)):
    return surface(block, Layout.of(block.shape, room))


@settings(max_examples=60, deadline=None)
@given(blocks, rooms)
def test_a_code_tells_which_of_the_eight_voxels_round_a_point_are_inside(
    block: np.ndarray, room: tuple[int, int, int]
) -> None:
    found = surface_of(block, room)
    padded = np.pad(block, 1)
    expected = {}
    for point in np.ndindex(*(n + 1 for n in block.shape)):
        around = padded[tuple(slice(n, n + 2) for n in point)]
        code = sum(1 << bit for bit, corner in enumerate(CORNERS) if around[corner])
        if code not in (0, 255):
            expected[point] = code
    points = [tuple(int(n) for n in point) for point in found.layout.kji(found.places)]
    assert dict(zip(points, found.codes.tolist(), strict=True)) == expected
    assert np.count_nonzero(found.state_at == ELEMENT) == len(expected)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.tuples(*[st.integers(0, 3)] * 3), st.data())
def test_a_step_within_the_room_never_lands_in_another_row(
    shape: tuple[int, int, int], room: tuple[int, int, int], data: st.DataObject
) -> None:
    layout = Layout.of(shape, room)
    point = [data.draw(st.integers(0, n)) for n in shape]
    step = [data.draw(st.integers(-n, n)) for n in room]
    found = surface(np.ones(shape, dtype=bool), layout)
    start = layout.lead + int(np.dot(point, layout.strides))
    landed = start + int(layout.steps(np.asarray([step]))[0])
    target = np.add(point, step)
    on_grid = np.all(target >= 0) and np.all(target <= shape)
    assert 0 <= landed < layout.length
    at_border = np.any((target == 0) | (target == np.asarray(shape)))
    expected = (ELEMENT if at_border else INSIDE) if on_grid else OUTSIDE
    assert found.state_at[landed] == expected


def test_one_voxel_has_eight_elements_whose_area_is_its_octahedron() -> None:
    spacing = (2.5, 1.3, 1.0)
    found = surface_of(np.ones((1, 1, 1), dtype=bool))
    assert sorted(found.codes.tolist()) == [1 << bit for bit in range(8)]
    k, j, i = spacing
    face = np.linalg.norm([j * i, k * i, k * j]) / 8
    np.testing.assert_allclose(surfel_areas_mm2(spacing)[found.codes].sum(), 8 * face)


def test_a_box_has_flat_faces_bevelled_edges_and_cut_corners() -> None:
    areas = surfel_areas_mm2((1.0, 1.0, 1.0))
    found = surface_of(np.ones((4, 5, 6), dtype=bool))
    faces = 2 * (3 * 4 + 3 * 5 + 4 * 5)
    edges = 4 * (3 + 4 + 5) * np.sqrt(2) / 2
    corners = 8 * np.sqrt(3) / 8
    np.testing.assert_allclose(areas[found.codes].sum(), faces + edges + corners)


def test_an_empty_block_has_no_surface() -> None:
    assert surface_of(np.zeros((3, 3, 3), dtype=bool)).is_empty
    assert surface_of(np.zeros((0, 0, 0), dtype=bool)).is_empty
