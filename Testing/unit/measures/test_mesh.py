"""The second definition: distances between meshes, by hand, by brute force and against a finer grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.mesh import MESH_DEFINITION, mesh_figures
from AmlartContourLib.measures.triangles import Mesh, distances_mm, mesh
from AmlartContourLib.measures.wording import mesh_headline
from support.fine_shapes import SHAPES, edited_pair, nearly_continuous_mm
from support.shapes import DIRECTIONS, ball, centre, grid

GRID = Geometry((60, 60, 32), (1.3, 1.3, 2.5))
few_voxels = arrays(np.bool_, (4, 5, 6), elements=st.booleans(), fill=st.just(False))


def slab(k0: int, k1: int) -> Mask:
    array = np.zeros((20, 30, 30), dtype=bool)
    array[k0:k1] = True
    return Mask.from_array(array, Geometry((30, 30, 20), (1.0, 1.0, 2.5)))


@pytest.mark.parametrize("apart_mm", [0.5, 1.0, 2.0, 3.0])
def test_concentric_balls_are_nearly_as_far_apart_as_their_radii_differ(apart_mm: float) -> None:
    """The steps of a binary surface make it a little too small, the first definition much more."""
    small, large = (ball(GRID, centre(GRID), radius) for radius in (24.0, 24.0 + apart_mm))
    by_mesh = mesh_figures(small, large, [2.0]).average_symmetric_mm
    by_elements = compare(small, large, tolerance_mm=2.0).surface.average_symmetric_mm
    assert by_mesh == pytest.approx(apart_mm, abs=0.2)
    assert by_elements is not None
    assert by_elements < apart_mm - 0.25


@pytest.mark.parametrize("shape", SHAPES[1:3], ids=lambda shape: shape.name)
def test_the_mean_distance_is_that_of_a_grid_four_times_finer_within_0_08_mm(shape) -> None:
    masks = edited_pair(shape, 1)
    expected = nearly_continuous_mm(shape)
    assert mesh_figures(*masks, [2.0]).average_symmetric_mm == pytest.approx(expected, abs=0.08)
    first = compare(*masks, tolerance_mm=2.0).surface.average_symmetric_mm
    assert first is not None
    assert abs(first - expected) > 0.2


def test_a_face_moved_by_a_slice_is_a_slice_away() -> None:
    found = mesh_figures(slab(5, 10), slab(5, 11), [0.0, 2.49, 2.5])
    dice = [at.surface_dice for at in found.dice]
    assert dice[2] == 1.0
    moved = 2 * 29 * 29 / 100 / (found.reference_cm2 + found.test_cm2)
    assert dice[1] == pytest.approx(1 - moved, abs=0.05)
    assert dice[0] is not None
    assert dice[0] <= dice[1]


def test_identical_contours_are_at_no_distance() -> None:
    contour = ball(GRID, centre(GRID), 12)
    found = mesh_figures(contour, contour, [0.0])
    assert found.dice[0].surface_dice == 1.0
    assert found.average_symmetric_mm == pytest.approx(0.0, abs=1e-9)


def test_the_mesh_has_the_area_of_the_surface_elements() -> None:
    contours = ball(GRID, centre(GRID), 15), ball(GRID, centre(GRID), 11)
    by_mesh, by_elements = mesh_figures(*contours, [1.0]), compare(*contours, tolerance_mm=1.0).surface
    assert by_mesh.reference_cm2 == pytest.approx(by_elements.reference_cm2)
    assert by_mesh.test_cm2 == pytest.approx(by_elements.test_cm2)


@settings(max_examples=30, deadline=None)
@given(few_voxels, st.integers(0, 2**32 - 1))
def test_a_point_is_as_far_as_the_nearest_of_all_triangles(block: np.ndarray, seed: int) -> None:
    """Against every triangle, each sampled finely: never nearer, and hardly ever much farther."""
    block[2, 2, 3] = True
    target = mesh(block, (2.5, 1.3, 1.0))
    points = np.random.default_rng(seed).uniform(-4, 14, size=(6, 3))
    found = distances_mm(points, target)
    u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 25))
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=-1).reshape(-1, 3)
    samples = np.einsum("sc,ncd->nsd", weights, target.corners_mm).reshape(-1, 3)
    sampled = np.linalg.norm(points[:, None] - samples[None], axis=2).min(axis=1)
    assert np.all(found <= sampled + 1e-9)
    np.testing.assert_allclose(found, sampled, atol=0.12)


def test_a_large_triangle_whose_centre_is_far_is_not_overlooked() -> None:
    """More near centres than are tried at first, all farther than the edge of one large triangle."""
    around = np.random.default_rng(0).uniform(3, 4, size=(60, 1, 3))
    small = around + 0.01 * np.eye(3)[None]
    large = np.asarray([[[0.0, -50, -50], [0.0, 50, -50], [0.0, -50, 90]]])
    found = distances_mm(
        np.asarray([[0.5, -20.0, 10.0], [1.0, 0.0, 0.0]]), Mesh(np.concatenate([small, large]))
    )
    np.testing.assert_allclose(found, [0.5, 1.0])


def test_figures_are_the_same_for_any_order_of_the_array() -> None:
    found = []
    for direction in sorted(DIRECTIONS)[:4]:
        geometry = grid(size_ijk=(30, 30, 20), spacing_mm=(1.3, 1.3, 1.3), direction=direction)
        contours = (ball(geometry, np.add(centre(geometry), [x, 0, 0]), 7) for x in (0, 3))
        found.append(mesh_figures(*contours, [2.0]).dice[0].surface_dice)
    assert found == pytest.approx([found[0]] * len(found), abs=1e-9)


def test_a_missing_contour_has_no_distance_and_all_is_to_redraw() -> None:
    contour, nothing = ball(GRID, centre(GRID), 9), Mask.empty(GRID)
    for reference, test in ((contour, nothing), (nothing, contour)):
        found = mesh_figures(reference, test, [2.0])
        assert found.dice[0].surface_dice == 0.0
        assert found.average_symmetric_mm is found.mean_reference_to_test_mm is None
    assert mesh_figures(nothing, nothing, [2.0]).dice[0].surface_dice is None


def test_a_figure_carries_its_definition_tolerance_and_grid() -> None:
    contour = ball(GRID, centre(GRID), 9)
    found = mesh_figures(contour, contour, [2.0])
    written = found.to_json()
    assert written["definition"] == MESH_DEFINITION
    assert written["grid"] == {"size_ijk": [60, 60, 32], "spacing_mm": [1.3, 1.3, 2.5]}
    assert written["dice"] == [{"tolerance_mm": 2.0, "surface_dice": 1.0}]
    for words in ("100.0%", "at 2 mm", MESH_DEFINITION, "grid 1.3 x 1.3 x 2.5 mm"):
        assert words in mesh_headline(found)
    assert "none" in mesh_headline(mesh_figures(Mask.empty(GRID), Mask.empty(GRID), [2.0]))


def test_grids_that_differ_and_tolerances_that_are_no_length_are_refused() -> None:
    contour = ball(GRID, centre(GRID), 9)
    with pytest.raises(GeometryMismatch):
        mesh_figures(contour, Mask.empty(grid()), [1.0])
    for wrong in ([-1.0], [float("nan")], []):
        with pytest.raises(BadSetting):
            mesh_figures(contour, contour, wrong)
