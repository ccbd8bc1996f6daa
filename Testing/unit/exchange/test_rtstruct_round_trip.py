from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from support.masks2d import stacked
from support.rtstruct_files import ct_series, structures
from support.shapes import DIRECTIONS, ball, block, centre, grid

directions = pytest.mark.parametrize("direction", DIRECTIONS)


def _comes_back(folder: Path, geometry: Geometry, **masks_kji: np.ndarray) -> None:
    headers = ct_series(folder / "ct", geometry)
    contours = structures(geometry, **masks_kji)
    write_rtstruct(folder / "rs.dcm", contours, headers, catalogue())
    read = read_rtstruct(folder / "rs.dcm", geometry, catalogue(), headers=headers)
    assert read.messages == ()
    assert read.structures.ids == contours.ids
    for contour in contours:
        assert read.structures.mask(contour.structure_id).same_voxels(contour.mask), contour.structure_id


@directions
def test_hard_slices_come_back_voxel_for_voxel(tmp_path: Path, direction: str) -> None:
    stack = np.concatenate([stacked()[:-1], stacked()[:1]])  # no empty slice, so that there is no gap to tell
    geometry = grid(stack.shape[::-1], (1.3, 1.0, 2.5), direction)  # type: ignore[arg-type]
    _comes_back(tmp_path, geometry, bladder=stack, uterus=stack[:, ::-1, ::-1])


@directions
@pytest.mark.parametrize("size", [(48, 60, 6), (64, 50, 1)])
def test_shapes_on_non_square_images_come_back(
    tmp_path: Path, direction: str, size: tuple[int, int, int]
) -> None:
    geometry = grid(size, (0.7, 1.9, 3.0), direction)
    shell = ball(geometry, centre(geometry), 14) - ball(geometry, centre(geometry), 8)
    slab = block(geometry, centre(geometry) - 9, centre(geometry) + 5)
    _comes_back(tmp_path, geometry, ctvn=shell.to_array(), anorectum=slab.to_array())


@directions
def test_a_mask_that_fills_the_whole_image_comes_back(tmp_path: Path, direction: str) -> None:
    geometry = grid((7, 9, 3), direction=direction)
    _comes_back(tmp_path, geometry, body=np.ones(geometry.shape_kji, dtype=bool))


def test_a_large_image_with_fine_pixels_far_from_the_origin_comes_back(tmp_path: Path) -> None:
    geometry = grid((256, 200, 2), (0.08, 0.11, 0.5), "oblique", (-1234.5678, 987.654, -2345.678))
    shell = ball(geometry, centre(geometry), 6) - ball(geometry, centre(geometry), 3)
    _comes_back(tmp_path, geometry, bladder=shell.to_array())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    masks=hnp.arrays(np.bool_, st.tuples(st.just(2), st.integers(1, 9), st.integers(1, 9))).filter(
        lambda m: m.any(axis=(1, 2)).all()
    ),
    direction=st.sampled_from(sorted(DIRECTIONS)),
)
def test_any_mask_comes_back(
    tmp_path_factory: pytest.TempPathFactory, masks: np.ndarray, direction: str
) -> None:
    _, j, i = masks.shape
    _comes_back(tmp_path_factory.mktemp("case"), grid((i, j, 2), (1.3, 1.0, 2.5), direction), bladder=masks)
