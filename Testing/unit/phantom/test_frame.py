"""The body frame: coordinates and points agree on any grid, and a shape looks the same on all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from inference_backend.phantom import bones, frame
from inference_backend.phantom.frame import Canvas
from inference_backend.phantom.pieces import Ellipsoid
from inference_backend.phantom.variants import STANDARD
from support.shapes import DIRECTIONS, grid

BENT = replace(
    STANDARD,
    heads_lps=(30.0, -20.0, 500.0),
    pose_deg=(5.0, -4.0, 8.0),
    body_scale=(1.1, 0.9, 1.05),
    warp_mm=7.0,
    seed=3,
)


def _whole(geometry: Geometry) -> Box:
    return Box((0, 0, 0), geometry.shape_kji)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_body_coordinates_of_a_voxel_lead_back_to_its_place_in_the_patient(direction: str) -> None:
    geometry = grid((9, 8, 7), (30.0, 28.0, 40.0), direction, centre_lps=(30.0, -10.0, 560.0))
    canvas = Canvas(BENT, geometry)
    body = np.stack(np.broadcast_arrays(*canvas.coordinates(_whole(geometry))), axis=-1)
    kji = np.moveaxis(np.indices(geometry.shape_kji), 0, -1)
    lps = geometry.index_to_lps(kji[..., ::-1])
    np.testing.assert_allclose(canvas.to_lps(body), lps, atol=0.02)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_ball_has_its_place_and_volume_on_every_grid(direction: str) -> None:
    spec = replace(STANDARD, heads_lps=(10.0, -20.0, -100.0))
    geometry = grid((60, 60, 40), (1.5, 1.4, 2.0), direction)
    mask = Canvas(spec, geometry).draw((Ellipsoid((4.0, -3.0, 5.0), (15.0, 15.0, 15.0)),))
    np.testing.assert_allclose(mask.centroid_lps(), (14.0, -23.0, -95.0), atol=0.1)
    assert mask.volume_cc == pytest.approx(4 / 3 * np.pi * 3.375, rel=0.01)


def test_the_body_scale_stretches_volumes_by_its_product() -> None:
    geometry = grid((60, 60, 50), (1.5, 1.5, 1.5), centre_lps=(0.0, 0.0, 0.0))
    ball = (Ellipsoid((0.0, 0.0, 0.0), (15.0, 15.0, 15.0)),)
    scaled = Canvas(replace(STANDARD, body_scale=(1.2, 0.9, 1.1)), geometry).draw(ball).volume_cc
    assert scaled == pytest.approx(1.2 * 0.9 * 1.1 * 4 / 3 * np.pi * 3.375, rel=0.01)


def test_drawing_in_small_blocks_gives_the_same_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = replace(BENT, matrix_ij=(80, 70), pixel_mm=(5.0, 5.0), slice_step_mm=6.0).geometry()
    canvas = Canvas(BENT, geometry)
    at_once = canvas.draw(bones.hip_left(), 2.0)
    monkeypatch.setattr(frame, "BLOCK_VOXELS", 100)
    assert canvas.draw(bones.hip_left(), 2.0).same_voxels(at_once)
    assert not at_once.is_empty


def test_a_shape_outside_the_scan_is_empty() -> None:
    geometry = grid((10, 10, 10), centre_lps=(0.0, 0.0, 5000.0))
    assert Canvas(STANDARD, geometry).draw(bones.hip_left()).is_empty


def test_no_shape_is_no_voxel() -> None:
    assert Canvas(STANDARD, grid()).draw(()).is_empty
