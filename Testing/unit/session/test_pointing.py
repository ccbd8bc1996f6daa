"""What is pointed at becomes a prompt in a region round it, on grids that lie as scans do."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.prompt import MOST_POINTS, MOST_STROKE_POINTS, PromptKind
from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.session.pointing import Mark, Pointed, Reach
from support.shapes import grid

SIZE_IJK, SPACING_MM = (40, 36, 28), (2.0, 2.0, 3.0)


@pytest.fixture(params=["head first supine", "feet first supine", "oblique"])
def geometry(request: pytest.FixtureRequest) -> Geometry:
    return grid(SIZE_IJK, SPACING_MM, request.param, (10.0, -20.0, 30.0))


def place(geometry: Geometry, *voxels: tuple[float, float, float]) -> np.ndarray:
    """LPS mm of places given as [k, j, i]."""
    return np.asarray(geometry.index_to_lps([voxel[::-1] for voxel in voxels]))


def pointed(*marks: Mark) -> Pointed:
    found = Pointed()
    for mark in marks:
        found = found.added(mark)
    return found


def test_points_become_the_voxels_they_lie_in(geometry: Geometry) -> None:
    inside = Mark.at(PromptKind.POINT, place(geometry, (10.3, 8.4, 5.6)), geometry)
    outside = Mark.at(PromptKind.POINT, place(geometry, (10, 12, 9)), geometry, belongs=False)
    prompt = pointed(inside, outside).prompt("bladder", AxialSlices.of(geometry), Reach())
    assert (prompt.inside_kji, prompt.outside_kji) == (((10, 8, 6),), ((10, 12, 9),))


def test_the_region_reaches_its_millimetres_round_all_that_is_pointed_at(geometry: Geometry) -> None:
    marks = [
        Mark.at(PromptKind.POINT, place(geometry, voxel), geometry) for voxel in ((10, 18, 20), (10, 20, 24))
    ]
    region = pointed(*marks).prompt("bladder", AxialSlices.of(geometry), Reach(7.0, 6.0)).region
    assert AxialSlices.of(geometry).axis == 0
    assert (region.start_kji, region.stop_kji) == ((8, 14, 16), (13, 25, 29))


def test_the_region_ends_with_the_scan(geometry: Geometry) -> None:
    mark = Mark.at(PromptKind.POINT, place(geometry, (0, 35, 1)), geometry)
    region = pointed(mark).prompt("bladder", AxialSlices.of(geometry), Reach(200.0, 200.0)).region
    assert (region.start_kji, region.stop_kji) == ((0, 0, 0), SIZE_IJK[::-1])


def test_two_corners_make_a_flat_box_and_a_new_box_takes_the_place_of_the_last(geometry: Geometry) -> None:
    first = Mark.at(PromptKind.BOX, place(geometry, (9, 3, 4), (9, 5, 6)), geometry)
    second = Mark.at(PromptKind.BOX, place(geometry, (10, 12, 18), (10, 6, 7)), geometry)
    box = pointed(first, second).prompt("bladder", AxialSlices.of(geometry), Reach()).box
    assert box is not None
    assert (box.start_kji, box.stop_kji) == ((10, 6, 7), (11, 13, 19))
    assert box.is_flat


def test_a_box_across_slices_and_a_place_beside_the_scan_are_refused(geometry: Geometry) -> None:
    with pytest.raises(BadSetting, match="no single slice"):
        Mark.at(PromptKind.BOX, place(geometry, (9, 3, 4), (10, 5, 6)), geometry)
    with pytest.raises(BadSetting, match="beside the scan"):
        Mark.at(PromptKind.POINT, place(geometry, (9, 36, 4)), geometry)


def test_a_long_line_is_thinned_to_what_a_prompt_may_hold(geometry: Geometry) -> None:
    wander = np.random.default_rng(1).uniform(0, 27, (8 * MOST_STROKE_POINTS, 3))
    line = Mark.at(PromptKind.SCRIBBLE, place(geometry, *map(tuple, wander)), geometry)
    assert MOST_STROKE_POINTS / 2 < len(line.points_kji) <= MOST_STROKE_POINTS
    prompt = pointed(line).prompt("bladder", AxialSlices.of(geometry), Reach())
    assert prompt.kinds == {PromptKind.SCRIBBLE}


def test_what_does_not_belong_is_not_enough_and_the_last_can_be_taken_back(geometry: Geometry) -> None:
    outside = Mark.at(PromptKind.POINT, place(geometry, (10, 12, 9)), geometry, belongs=False)
    inside = Mark.at(PromptKind.POINT, place(geometry, (10, 12, 12)), geometry)
    both = pointed(outside, inside)
    assert both.is_enough
    assert both.without_last() == pointed(outside)
    with pytest.raises(BadSetting, match="Nothing is pointed at"):
        both.without_last().prompt("bladder", AxialSlices.of(geometry), Reach())


def test_a_point_too_many_is_refused_and_a_reach_beyond_reason_too(geometry: Geometry) -> None:
    mark = Mark.at(PromptKind.POINT, place(geometry, (10, 12, 12)), geometry)
    full = pointed(*[mark] * MOST_POINTS)
    with pytest.raises(BadSetting, match="64 points"):
        full.added(mark)
    with pytest.raises(BadSetting, match="0 to 200 mm"):
        Reach(-1.0)
