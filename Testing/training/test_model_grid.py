"""The model's grid is the same patient however she was scanned."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from inference_backend.models.model_grid import AIR_HU, HuWindow, hu_on, model_grid, occupancy_on
from inference_backend.phantom.spec import PatientPosition, rotation

SPACING = (3.0, 3.0, 3.0)
CENTRE = np.array([10.0, -20.0, 35.0])
RADIUS_MM = 22.0


def _scan(direction: np.ndarray, spacing: tuple[float, float, float], side_mm: float = 90.0) -> Geometry:
    size = np.ceil(side_mm / np.asarray(spacing)).astype(int)
    origin = CENTRE - direction @ (np.asarray(spacing) * (size - 1) / 2)
    return Geometry.from_matrix(size, spacing, origin, direction)


def _ball(geometry: Geometry) -> Mask:
    k, j, i = np.indices(geometry.shape_kji)
    points = geometry.index_to_lps(np.stack([i, j, k], axis=-1))
    return Mask.from_array(np.linalg.norm(points - CENTRE, axis=-1) <= RADIUS_MM, geometry)


GRIDS = {
    "head first": (np.eye(3), (2.0, 2.0, 2.5)),
    "feet first, prone": (PatientPosition.FEET_FIRST_PRONE.axes, (2.0, 2.0, 2.5)),
    "oblique": (rotation((8.0, -5.0, 11.0)), (1.5, 1.5, 3.0)),
    "not square": (np.eye(3), (2.6, 1.4, 4.0)),
    "fine": (np.eye(3), (0.9, 0.9, 1.0)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_ball_keeps_its_place_and_volume_on_the_model_grid(name: str) -> None:
    scan = _scan(*GRIDS[name])
    grid = model_grid(scan, SPACING)
    share = occupancy_on(grid, _ball(scan))
    k, j, i = np.indices(grid.shape_kji)
    middle = np.average(
        grid.index_to_lps(np.stack([i, j, k], axis=-1)).reshape(-1, 3), axis=0, weights=share.ravel()
    )
    assert np.abs(middle - CENTRE).max() < 0.3
    volume = float(share.sum()) * grid.voxel_volume_cc
    assert volume == pytest.approx(_ball(scan).volume_cc, rel=0.01)


@pytest.mark.parametrize("name", GRIDS)
def test_every_voxel_of_the_scan_lies_in_the_grid(name: str) -> None:
    scan = _scan(*GRIDS[name])
    grid = model_grid(scan, SPACING)
    edges = np.where(scan.corners_ijk() > 0, scan.corners_ijk() + 0.5, -0.5)
    index = grid.lps_to_index(scan.index_to_lps(edges))
    assert index.min() >= -0.5 - 1e-6
    assert np.all(index <= np.asarray(grid.size_ijk) - 0.5 + 1e-6)


def test_the_axes_are_those_of_the_patient_whatever_way_she_lies() -> None:
    for position in PatientPosition:
        scan = _scan(position.axes, (2.0, 2.0, 2.5))
        k, j, i = np.indices(scan.shape_kji)
        points = scan.index_to_lps(np.stack([i, j, k], axis=-1)) - CENTRE
        hu = np.rint(10 * points[..., 1]).astype(np.int16)  # rises towards posterior
        grid = model_grid(scan, SPACING)
        seen = hu_on(grid, hu, scan)
        inner = seen[5:-5, 5:-5, 5:-5]
        assert np.all(np.diff(inner, axis=1) > 0)
        assert np.abs(np.diff(inner, axis=2)).max() < 1.0


def test_nothing_rings_and_outside_the_scan_is_air() -> None:
    scan = _scan(rotation((0.0, 0.0, 30.0)), (2.0, 2.0, 2.0))
    hu = np.where(_ball(scan).to_array(), 400, -100).astype(np.int16)
    seen = hu_on(model_grid(scan, SPACING), hu, scan)
    assert seen.max() <= 400.0
    assert seen.min() == AIR_HU
    assert np.all((seen >= -100.0) | (seen == AIR_HU))


def test_averaging_loses_no_voxel_at_the_far_edge() -> None:
    scan = Geometry((11, 11, 11), (1.0, 1.0, 1.0))
    hu = np.zeros(scan.shape_kji, dtype=np.int16)
    seen = hu_on(model_grid(scan, SPACING), hu, scan)
    assert np.all(seen == 0.0)


def test_the_window_maps_its_ends_to_minus_one_and_one_and_clips_beyond() -> None:
    window = HuWindow(-200.0, 300.0)
    assert window.apply(np.array([-900.0, -200.0, 50.0, 300.0, 3000.0], dtype=np.float32)).tolist() == [
        -1.0,
        -1.0,
        0.0,
        1.0,
        1.0,
    ]
