"""The vagina is cut to a length along its own axis, and the parametrium edited back to it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.parametrium import edit_back
from AmlartContourLib.domain.vagina import (
    VaginalAxis,
    VaginaLength,
    VaginaRecipe,
    cut_below,
    cut_upper,
)
from support.patients import reorders, turned_mask
from support.shapes import DIRECTIONS, ball, block, centre, grid, rotation, voxels_lps

GRID = grid((60, 60, 50), (1.0, 1.0, 2.5), centre_lps=(0.0, 0.0, 0.0))  # slices at z = -61.25, ... 61.25
UPRIGHT = block(GRID, (-10, -6, -50), (10, 6, 30))  # 32 slices, outer faces at z = -50 and 30


def slanted_tube(geometry: Geometry, degrees: float, length_mm: float, radius_mm: float) -> Mask:
    """A tube round the grid's centre whose upper end leans to posterior, cut off square."""
    axis = rotation("x", -degrees) @ np.asarray([0.0, 0.0, 1.0])
    offsets = voxels_lps(geometry) - centre(geometry)
    along = offsets @ axis
    across = np.linalg.norm(offsets - along[..., None] * axis, axis=-1)
    return Mask.from_array((np.abs(along) <= length_mm / 2) & (across <= radius_mm), geometry)


def lowest_and_highest(mask: Mask) -> tuple[float, float]:
    z = mask.points_lps()[:, 2]
    return float(z.min()), float(z.max())


def test_the_upper_20_mm_of_an_upright_vagina_are_its_8_upper_slices_of_2_5_mm() -> None:
    kept = cut_upper(UPRIGHT, 20)
    assert lowest_and_highest(kept) == (11.25, 28.75)
    assert kept.voxel_count == UPRIGHT.voxel_count // 4


def test_20_mm_below_the_cervix_is_measured_from_its_lowest_face() -> None:
    cervix = block(GRID, (-12, -12, 5), (12, 12, 40))  # lowest slice 6.25, lowest face 5
    assert lowest_and_highest(cut_below(UPRIGHT, [cervix], 20)) == (-13.75, 28.75)


def test_the_lower_of_cervix_and_gtvp_decides() -> None:
    cervix = block(GRID, (-12, -12, 5), (12, 12, 40))
    low_gtvp = block(GRID, (-5, -5, -10), (5, 5, 12))
    high_gtvp = block(GRID, (-5, -5, 20), (5, 5, 42))
    assert cut_below(UPRIGHT, [cervix, low_gtvp], 20).same_voxels(cut_below(UPRIGHT, [low_gtvp], 20))
    assert lowest_and_highest(cut_below(UPRIGHT, [cervix, low_gtvp], 20))[0] == -28.75
    assert cut_below(UPRIGHT, [high_gtvp, cervix], 20).same_voxels(cut_below(UPRIGHT, [cervix], 20))


def test_no_gtvp_is_normal_and_no_reference_at_all_is_refused() -> None:
    cervix = block(GRID, (-12, -12, 5), (12, 12, 40))
    with_none = cut_below(UPRIGHT, [cervix, Mask.empty(GRID)], 20)
    assert with_none.same_voxels(cut_below(UPRIGHT, [cervix], 20))
    with pytest.raises(BadSetting, match="no cervix and no GTVp"):
        cut_below(UPRIGHT, [Mask.empty(GRID)], 20)


def test_a_vagina_shorter_than_the_length_stays_whole() -> None:
    assert cut_upper(UPRIGHT, 80).same_voxels(UPRIGHT)
    assert cut_upper(UPRIGHT, 500).same_voxels(UPRIGHT)
    at_the_bottom = block(GRID, (-3, -3, -60), (3, 3, -30))
    assert cut_below(UPRIGHT, [at_the_bottom], 20).same_voxels(UPRIGHT)


def test_nothing_is_left_of_a_vagina_that_begins_further_below_the_tumour() -> None:
    far_above = block(GRID, (-3, -3, 52), (3, 3, 60))
    assert cut_below(UPRIGHT, [far_above], 20).is_empty
    assert not cut_below(UPRIGHT, [far_above], 25).is_empty


def test_one_voxel_and_one_slice_are_vaginas_too() -> None:
    one = np.zeros(GRID.shape_kji, dtype=bool)
    one[20, 30, 30] = True
    voxel = Mask.from_array(one, GRID)
    assert cut_upper(voxel, 20).same_voxels(voxel)
    assert cut_below(voxel, [voxel], 20).same_voxels(voxel)
    one[20] = True
    disc = Mask.from_array(one, GRID)
    assert VaginalAxis.of(disc).direction_lps == pytest.approx([0, 0, 1])
    assert cut_upper(disc, 2.5).same_voxels(disc)
    assert cut_upper(disc, 1.0).is_empty, "its centre lies deeper than 1 mm"


def test_an_empty_vagina_stays_empty_and_has_no_axis() -> None:
    assert cut_upper(Mask.empty(GRID), 20).is_empty
    assert cut_below(Mask.empty(GRID), [UPRIGHT], 20).is_empty
    with pytest.raises(BadSetting, match="no axis"):
        VaginalAxis.of(Mask.empty(GRID))


def test_a_vagina_wider_than_long_is_still_cut_from_above() -> None:
    wide = block(GRID, (-28, -6, 0), (28, 6, 10))
    assert lowest_and_highest(cut_upper(wide, 5)) == (6.25, 8.75)


@pytest.mark.parametrize("degrees", [0, 20, 45])
def test_the_axis_of_a_slanting_vagina_is_found_and_the_length_runs_along_it(degrees: float) -> None:
    geometry = grid((40, 90, 70), (1.0, 1.0, 1.25), centre_lps=(0.0, 0.0, 0.0))
    tube = slanted_tube(geometry, degrees, length_mm=70, radius_mm=8)
    wanted = rotation("x", -degrees) @ np.asarray([0.0, 0.0, 1.0])
    found = VaginalAxis.of(tube).direction_lps
    assert np.degrees(np.arccos(min(found @ wanted, 1.0))) < 3.0
    kept = cut_upper(tube, 20)
    depth = 35 - kept.points_lps() @ wanted
    assert depth.max() == pytest.approx(20, abs=1.6)
    assert kept.volume_cc / tube.volume_cc == pytest.approx(20 / 70, abs=0.02)


def test_slices_across_a_vagina_that_slants_by_45_degrees_are_measured_at_their_middle() -> None:
    geometry = grid((30, 90, 48), (1.0, 1.0, 1.25), centre_lps=(0.0, 0.0, 0.0))
    x, y, z = np.moveaxis(voxels_lps(geometry), -1, 0)
    vagina = Mask.from_array((np.hypot(x, y - z) <= 9) & (np.abs(z) <= 28), geometry)
    kept = cut_upper(vagina, 20)
    lowest_on_centreline = kept.to_array() & (np.hypot(x, y - z) <= 1.0)
    top_face = 28.125  # the highest slice lies at 28.125 - 0.625
    assert top_face - z[lowest_on_centreline].min() == pytest.approx(20 / np.sqrt(2), abs=1.25)


def test_a_curved_vagina_is_measured_along_its_centreline() -> None:
    geometry = grid((16, 70, 70), (1.0, 1.0, 1.0), centre_lps=(0.0, 28.0, -28.0))
    x, y, z = np.moveaxis(voxels_lps(geometry), -1, 0)
    bend, radius, angle = 50.0, np.hypot(y, z), np.arctan2(-z, y)  # a quarter of a circle, 79 mm long
    from_centreline = np.hypot(radius - bend, x)
    inside = (from_centreline <= 5) & (angle >= 0) & (angle <= np.pi / 2)
    vagina = Mask.from_array(inside, geometry)
    near = inside & (from_centreline <= 1.5)
    kept = cut_upper(vagina, 30).to_array()
    assert (angle * bend)[kept & near].max() == pytest.approx(30, abs=1.0)
    axis = VaginalAxis.of(vagina)
    by_straight_ruler = axis.above(vagina, axis.top_mm(vagina) - 30).to_array()
    assert (angle * bend)[by_straight_ruler & near].max() > 32


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cuts_do_not_depend_on_the_array(direction: str) -> None:
    geometry = grid((26, 30, 24), (1.5, 1.5, 2.5), direction, (4.0, -9.0, 33.0))
    vagina = slanted_tube(geometry, 25, length_mm=34, radius_mm=6)
    gtvp = ball(geometry, centre(geometry) + 6, 5)
    side = block(geometry, centre(geometry) - 16, centre(geometry) + 16)
    upper, below = cut_upper(vagina, 12), cut_below(vagina, [gtvp], 12)
    edited = edit_back(side, vagina, upper)
    assert 0 < upper.voxel_count < vagina.voxel_count
    assert 0 < below.voxel_count < vagina.voxel_count
    assert 0 < edited.voxel_count < side.voxel_count
    for order in reorders():
        turned = turned_mask(vagina, order)
        assert cut_upper(turned, 12).same_voxels(turned_mask(upper, order))
        assert cut_below(turned, [turned_mask(gtvp, order)], 12).same_voxels(turned_mask(below, order))
        found = edit_back(turned_mask(side, order), turned, turned_mask(upper, order))
        assert found.same_voxels(turned_mask(edited, order))


def test_the_parametrium_ends_where_the_included_vagina_ends() -> None:
    parametrium = block(GRID, (-28, -20, -60), (28, 20, 40))
    edited = edit_back(parametrium, UPRIGHT, cut_upper(UPRIGHT, 20))
    assert lowest_and_highest(edited) == (11.25, 38.75)
    left = block(GRID, (12, -20, -60), (28, 20, 40))
    assert edit_back(left, UPRIGHT, cut_upper(UPRIGHT, 20)).same_voxels(edited & left)
    whole = edit_back(parametrium, UPRIGHT, UPRIGHT)
    assert lowest_and_highest(whole)[0] == -48.75
    assert edit_back(parametrium, UPRIGHT, Mask.empty(GRID)).same_voxels(parametrium)
    assert edit_back(Mask.empty(GRID), UPRIGHT, UPRIGHT).is_empty


def test_an_axis_is_kept_as_long_as_its_mask_and_an_edited_vagina_gets_its_own() -> None:
    geometry = grid((10, 10, 10), (2.0, 2.0, 2.0))
    whole = block(geometry, centre(geometry) - 7, centre(geometry) + 7)
    edited = whole - block(geometry, centre(geometry) - 7, centre(geometry) + 1)
    assert VaginalAxis.of(whole) is VaginalAxis.of(whole)
    assert not np.allclose(VaginalAxis.of(edited).point_lps, VaginalAxis.of(whole).point_lps)
    gone = weakref.ref(VaginalAxis.of(edited))
    del edited
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("length", [0.0, -5.0, float("nan"), float("inf")])
def test_lengths_that_are_none_are_refused(length: float) -> None:
    with pytest.raises(BadSetting, match="length"):
        VaginaLength(VaginaRecipe.UPPER, length)
    with pytest.raises(BadSetting, match="length"):
        cut_upper(UPRIGHT, length)
    with pytest.raises(BadSetting, match="length"):
        cut_below(UPRIGHT, [UPRIGHT], length)
