"""A grid in the patient: indices, millimetres, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadGeometry, GeometryMismatch
from AmlartContourLib.domain.geometry import Geometry
from support.shapes import DIRECTIONS, centre, grid

each_direction = pytest.mark.parametrize("direction", DIRECTIONS)


def test_the_first_voxel_lies_at_the_origin_and_one_step_is_one_spacing_along_its_axis() -> None:
    geometry = Geometry((4, 5, 6), (1.0, 2.0, 3.0), (10.0, 20.0, 30.0))
    np.testing.assert_allclose(geometry.index_to_lps([0, 0, 0]), [10, 20, 30])
    np.testing.assert_allclose(geometry.index_to_lps([1, 1, 1]), [11, 22, 33])
    assert geometry.shape_kji == (6, 5, 4)
    assert geometry.spacing_kji_mm == (3.0, 2.0, 1.0)
    assert geometry.voxel_volume_cc == pytest.approx(0.006)


@each_direction
def test_indices_to_millimetres_and_back_is_the_same_point(direction: str) -> None:
    geometry = grid(direction=direction)
    points = np.random.default_rng(0).uniform(0, 20, (50, 3))
    np.testing.assert_allclose(geometry.lps_to_index(geometry.index_to_lps(points)), points, atol=1e-9)


@each_direction
def test_the_distance_from_a_plane_is_zero_on_it_and_grows_along_its_normal(direction: str) -> None:
    geometry = grid(direction=direction)
    normal = np.asarray([0.3, -0.2, 0.9])
    field = geometry.signed_distance_mm(centre(geometry), normal)
    assert field.shape == geometry.shape_kji
    lps = geometry.index_to_lps([3, 2, 1])
    expected = (lps - centre(geometry)) @ (normal / np.linalg.norm(normal))
    assert field[1, 2, 3] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size_ijk": (0, 5, 5)}, "size"),
        ({"spacing_mm": (1.0, -1.0, 1.0)}, "spacing"),
        ({"spacing_mm": (1.0, float("nan"), 1.0)}, "spacing"),
        ({"origin_lps": (0.0, float("inf"), 0.0)}, "origin"),
        ({"direction": (1.0, 0.2, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)}, "right angles"),
        ({"direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)}, "left-handed"),
        ({"direction": (1.0, 0.0, 0.0)}, "direction"),
    ],
)
def test_a_grid_that_describes_no_image_is_refused_in_words(change: dict[str, object], words: str) -> None:
    values: dict[str, object] = {"size_ijk": (5, 5, 5), "spacing_mm": (1.0, 1.0, 1.0)} | change
    with pytest.raises(BadGeometry, match=words):
        Geometry(**values)  # type: ignore[arg-type]


def test_grids_that_differ_by_less_than_a_hundredth_of_a_millimetre_are_the_same() -> None:
    geometry = grid()
    near = Geometry.from_matrix(
        geometry.size_ijk, geometry.spacing_mm, np.add(geometry.origin_lps, 0.005), np.eye(3)
    )
    far = Geometry.from_matrix(
        geometry.size_ijk, geometry.spacing_mm, np.add(geometry.origin_lps, 0.5), np.eye(3)
    )
    assert geometry.same_as(near)
    assert not geometry.same_as(far)
    with pytest.raises(GeometryMismatch, match="The bladder lies on another grid"):
        geometry.require_same(far, "The bladder")


def test_a_spacing_error_that_adds_up_over_many_slices_is_another_grid() -> None:
    size = (10, 10, 200)
    assert not Geometry(size, (1.0, 1.0, 2.5)).same_as(Geometry(size, (1.0, 1.0, 2.501)))
