"""Pieces and lofts: volumes known by hand, margins, cuts, mirrors, and boxes that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_backend.phantom import bones, muscles, vessels
from inference_backend.phantom.frame import Canvas
from inference_backend.phantom.lofts import barrel, plate
from inference_backend.phantom.pelvic_organs import PelvicOrgans
from inference_backend.phantom.pieces import (
    Capsule,
    Ellipsoid,
    Piece,
    Ribbon,
    Shape,
    Shell,
    cut,
    mirrored,
    tube,
)
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.variants import STANDARD

FINE = PhantomSpec(matrix_ij=(120, 120), pixel_mm=(1.0, 1.0), slice_step_mm=1.0, bottom_mm=-60, top_mm=60)
CANVAS = Canvas(FINE, FINE.geometry())
ORGANS = PelvicOrgans(STANDARD)
SHAPES: dict[str, Shape] = {
    "hip": bones.hip_left(),
    "femur": bones.femur_left(),
    "sacrum": bones.sacrum(),
    "vertebra": bones.vertebra("vertebra_l4"),
    "artery": vessels.iliac_artery("right"),
    "gluteus": muscles.gluteus_maximus_left(),
    "trunk": (muscles.trunk(20.0),),
    "vagina": ORGANS.vagina(),
    "uterus": ORGANS.uterus(),
    "parametrium": ORGANS.parametrium_right(),
    "tumour": ORGANS.tumour(),
}


def _volume_cc(shape: Shape, grow_mm: float = 0.0) -> float:
    return CANVAS.draw(shape, grow_mm).volume_cc


def _inside(piece: Piece, x: float, y: float, z: float, grow_mm: float = 0.0) -> bool:
    at = [np.full((1, 1, 1), v, dtype=np.float32) for v in (x, y, z)]
    return bool(piece.inside(at[0], at[1], at[2], grow_mm).all())


def test_an_ellipsoid_has_the_volume_of_its_radii_and_grows_by_the_margin() -> None:
    ball = (Ellipsoid((0.0, 10.0, 5.0), (20.0, 15.0, 25.0), 30.0),)
    assert _volume_cc(ball) == pytest.approx(4 / 3 * np.pi * 20 * 15 * 25 / 1000, rel=0.01)
    assert _volume_cc(ball, 5.0) == pytest.approx(4 / 3 * np.pi * 25 * 20 * 30 / 1000, rel=0.01)


def test_an_ellipsoid_shrunk_to_nothing_is_empty() -> None:
    assert CANVAS.draw((Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0)),), -5.0).is_empty


def test_a_capsule_is_a_cylinder_with_round_ends() -> None:
    capsule = (Capsule((-20.0, 10.0, 0.0), (20.0, 10.0, 0.0), 10.0, 10.0),)
    expected = (np.pi * 100 * 40 + 4 / 3 * np.pi * 1000) / 1000
    assert _volume_cc(capsule) == pytest.approx(expected, rel=0.01)


def test_a_widened_capsule_is_wider_by_that_factor() -> None:
    wide = (Capsule((0.0, 10.0, -20.0), (0.0, 10.0, 20.0), 8.0, 8.0, 2.0),)
    mask = CANVAS.draw(wide)
    across, deep = np.ptp(mask.points_lps()[:, 0]), np.ptp(mask.points_lps()[:, 1])
    assert (across, deep) == (pytest.approx(32, abs=1.5), pytest.approx(16, abs=1.5))


def test_a_round_ribbon_is_an_elliptical_drum_with_flat_ends() -> None:
    drum = (Ribbon((10.0, -15.5), (10.0, 15.5), (12.0, 12.0), (20.0, 20.0), rounded=True),)
    assert _volume_cc(drum) == pytest.approx(np.pi * 12 * 20 * 31 / 1000, rel=0.02)


def test_a_shell_keeps_only_the_side_it_faces() -> None:
    shell = Shell((0.0, 0.0, 0.0), 20.0, 30.0, (0.0, 0.0, 1.0))
    assert _inside(shell, 0, 0, 25)
    assert not _inside(shell, 0, 0, -25)
    assert not _inside(shell, 0, 0, 10)


def test_a_plate_is_as_thick_as_it_says_between_its_heights_only() -> None:
    sheet = plate((-10, -20, 0, 4.0, 0, 0, 4.0, 20, 0, 4.0), (10, -20, 0, 4.0, 0, 0, 4.0, 20, 0, 4.0))
    assert len(sheet) == 2
    assert _inside(sheet[0], -10, 3.9, 0)
    assert not _inside(sheet[0], -10, 4.1, 0)
    assert not _inside(sheet[0], -10, 0, 10.6)


def test_a_barrel_follows_its_rows_and_is_deeper_behind_when_told_so() -> None:
    trunk = barrel((10, 0, 0, 30, 10, 20), (-10, 0, 0, 30, 10, 20))
    assert _inside(trunk, 0, 19.5, 0)
    assert not _inside(trunk, 0, -10.5, 0)
    assert _inside(trunk, 0, -10.5, 0, grow_mm=1.0)


def test_a_tube_passes_through_its_points() -> None:
    points = [(-30.0, 0.0, -30.0), (0.0, 20.0, 0.0), (30.0, 0.0, 30.0)]
    shape = tube(points, [5.0, 6.0, 7.0])
    for x, y, z in points:
        assert any(_inside(piece, x, y, z) for piece in shape)


def test_a_cut_vessel_grown_by_a_margin_still_ends_at_the_cut() -> None:
    vessel = cut(tube([(0.0, 10.0, -40.0), (0.0, 10.0, 40.0)], [5.0, 5.0]), -10.0, 10.0, side=1)
    reached = CANVAS.draw(vessel, 7.0).points_lps()
    assert reached[:, 2].min() >= -10.0
    assert reached[:, 2].max() < 10.0
    assert reached[:, 0].min() >= 0.0
    assert reached[:, 0].max() == pytest.approx(12.0, abs=1.0)


@pytest.mark.parametrize("name", SHAPES)
def test_a_mirrored_shape_is_the_mirror_image(name: str) -> None:
    rng = np.random.default_rng(5)
    for piece, twin in zip(SHAPES[name], mirrored(SHAPES[name]), strict=True):
        low, high = np.asarray(piece.bounds())
        x, y, z = (rng.uniform(a - 2, b + 2, 400).astype(np.float32) for a, b in zip(low, high, strict=True))
        np.testing.assert_array_equal(piece.inside(x, y, z, 0.0), twin.inside(-x, y, z, 0.0))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SHAPES)),
    which=st.floats(0, 1),
    grow_mm=st.floats(-3, 9),
    seed=st.integers(0, 10_000),
)
def test_a_piece_never_leaves_its_box(name: str, which: float, grow_mm: float, seed: int) -> None:
    shape = SHAPES[name]
    piece = shape[round(which * (len(shape) - 1))]
    low, high = np.asarray(piece.bounds())
    points = np.random.default_rng(seed).uniform(low - 40, high + 40, (3000, 3)).astype(np.float32)
    inside = points[piece.inside(points[:, 0], points[:, 1], points[:, 2], grow_mm)]
    reach = max(grow_mm, 0.0) * 2.5 + 0.1
    assert np.all((inside >= low - reach) & (inside <= high + reach))
