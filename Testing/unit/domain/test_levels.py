"""Borders divide a nodal CTV into levels, lose nothing and say what they could not divide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder, LevelDivision, divide_ctvn
from AmlartContourLib.domain.mask import Mask, union
from support.patients import reorders, turned_mask
from support.shapes import DIRECTIONS, block, centre, grid, rotation, voxels_lps

AORTIC, TOP, MIDLINE = BorderKind.AORTIC_BIFURCATION, BorderKind.PARAAORTIC_TOP, BorderKind.MIDLINE
LEFT, RIGHT = BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT
GRID = grid((20, 16, 40), (2.0, 2.0, 2.5), centre_lps=(0.0, 0.0, 0.0))  # slices at z = -48.75 ... 48.75


def border(kind: BorderKind, z: float = 0.0, x: float = 0.0, tilt: float = 0.0) -> LevelBorder:
    """A border at a height (the midline: at an x), tilted about the y axis by degrees."""
    upright = (1.0, 0.0, 0.0) if kind is MIDLINE else (0.0, 0.0, 1.0)
    nx, ny, nz = (float(v) for v in rotation("y", tilt) @ np.asarray(upright))
    return LevelBorder(kind, (x, 0.0, z), (nx, ny, nz), "test", estimated=False)


ALL = (border(TOP, 40), border(AORTIC, 20), border(LEFT, -5, x=10), border(RIGHT, 5, x=-10))


def whole(geometry: Geometry = GRID) -> Mask:
    return Mask.from_array(np.ones(geometry.shape_kji, dtype=bool), geometry)


def heights(mask: Mask) -> tuple[float, float]:
    z = mask.points_lps()[:, 2]
    return float(z.min()), float(z.max())


def assert_nothing_lost(ctvn: Mask, division: LevelDivision) -> None:
    pieces = [*division.parts.values(), division.unassigned]
    assert union(pieces, ctvn.geometry).same_voxels(ctvn)
    assert sum(piece.voxel_count for piece in pieces) == ctvn.voxel_count


def test_levels_lie_between_their_borders_each_side_with_its_own_bifurcation() -> None:
    division = divide_ctvn(whole(), ALL)
    assert_nothing_lost(whole(), division)
    assert heights(division.parts["ln_paraaortic"]) == (21.25, 38.75)
    assert heights(division.unassigned) == (41.25, 48.75)
    pelvic = division.parts["ln_pelvic"].points_lps()
    assert pelvic[pelvic[:, 0] > 0, 2].max() == -6.25
    assert pelvic[pelvic[:, 0] < 0, 2].max() == 3.75
    common = division.parts["ln_common_iliac"].points_lps()
    assert common[:, 2].max() == 18.75
    assert common[common[:, 0] > 0, 2].min() == -3.75
    assert any("halfway between" in note for note in division.notes)


def test_volume_above_the_top_is_kept_apart_and_told_in_cm3() -> None:
    division = divide_ctvn(whole(), ALL)
    assert division.unassigned.voxel_count == 4 * 20 * 16
    assert f"{4 * 20 * 16 * 0.01:.1f} cm3" in " ".join(division.notes)


def test_a_midline_gives_left_and_right_levels() -> None:
    division = divide_ctvn(whole(), (*ALL, border(MIDLINE, x=3)))
    assert_nothing_lost(whole(), division)
    assert set(division.parts) == {
        f"{level}_{side}"
        for level in ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")
        for side in ("left", "right")
    }
    for structure_id, mask in division.parts.items():
        x = mask.points_lps()[:, 0]
        assert (x.min() >= 3) if structure_id.endswith("left") else (x.max() < 3)
    assert not any("halfway" in note for note in division.notes)


def test_a_voxel_on_a_border_belongs_above_it() -> None:
    division = divide_ctvn(whole(), (border(AORTIC, 21.25), border(LEFT, 1.25)))
    assert heights(division.parts["ln_paraaortic"])[0] == 21.25
    assert heights(division.parts["ln_common_iliac"]) == (1.25, 18.75)


@pytest.mark.parametrize("tilt", [-35, 20, 60])
def test_oblique_borders_cut_obliquely(tilt: float) -> None:
    division = divide_ctvn(whole(), (border(AORTIC, 10, tilt=tilt), border(LEFT, -10, tilt=tilt)))
    assert_nothing_lost(whole(), division)
    points = voxels_lps(GRID)
    slope = np.tan(np.radians(tilt))
    above = points[..., 2] + slope * points[..., 0] >= 10 - 1e-6
    np.testing.assert_array_equal(division.parts["ln_paraaortic"].to_array(), above)


def test_where_borders_cross_the_aortic_one_decides_and_nothing_is_counted_twice() -> None:
    division = divide_ctvn(whole(), (border(AORTIC, 0, tilt=40), border(LEFT, 0), border(RIGHT, 8, x=-10)))
    assert_nothing_lost(whole(), division)
    paraaortic = divide_ctvn(whole(), (border(AORTIC, 0, tilt=40),)).parts["ln_paraaortic"]
    assert division.parts["ln_paraaortic"].same_voxels(paraaortic)


def test_without_borders_nothing_is_divided_and_it_says_so() -> None:
    division = divide_ctvn(whole(), ())
    assert not division.parts
    assert division.unassigned.same_voxels(whole())
    assert "not told apart" in " ".join(division.notes)


def test_without_an_aortic_bifurcation_only_the_pelvic_level_is_told() -> None:
    division = divide_ctvn(whole(), (border(LEFT, 0), border(RIGHT, 0, x=-10)))
    assert set(division.parts) == {"ln_pelvic"}
    assert heights(division.unassigned)[0] == 1.25
    assert any("No aortic bifurcation" in note for note in division.notes)
    assert not any("halfway" in note for note in division.notes), "both bifurcations are one plane"


def test_without_iliac_bifurcations_only_the_paraaortic_level_is_told() -> None:
    division = divide_ctvn(whole(), (border(AORTIC, 20),))
    assert set(division.parts) == {"ln_paraaortic"}
    assert heights(division.unassigned)[1] == 18.75
    assert any("No common iliac bifurcation" in note for note in division.notes)
    assert any("No upper para-aortic border" in note for note in division.notes)


def test_one_bifurcation_serves_both_sides_and_says_so() -> None:
    division = divide_ctvn(whole(), (border(AORTIC, 20), border(RIGHT, 0, x=-10)))
    assert heights(division.parts["ln_pelvic"])[1] == -1.25
    assert any("Only the common iliac bifurcation, right" in note for note in division.notes)


def test_an_empty_ctvn_gives_empty_levels() -> None:
    division = divide_ctvn(Mask.empty(GRID), (*ALL, border(MIDLINE)))
    assert all(mask.is_empty for mask in division.parts.values())
    assert len(division.parts) == 6
    assert division.unassigned.is_empty


def test_a_normal_that_points_down_or_right_means_the_same_plane() -> None:
    down = LevelBorder(AORTIC, (0.0, 0.0, 20.0), (0.0, 0.0, -3.0), "test", False)
    assert down.normal_lps == (0.0, 0.0, 1.0)
    assert LevelBorder(MIDLINE, (0, 0, 0), (-1.0, 0.0, 0.0), "test", False).normal_lps == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "point", "normal"),
    [
        (AORTIC, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        (AORTIC, (0.0, float("nan"), 0.0), (0.0, 0.0, 1.0)),
        (AORTIC, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
        (MIDLINE, (0.0, 0.0, 0.0), (0.0, 1.0, 1.0)),
    ],
)
def test_what_is_no_dividing_plane_is_refused(
    kind: BorderKind, point: tuple[float, float, float], normal: tuple[float, float, float]
) -> None:
    with pytest.raises(BadSetting, match=kind.value):
        LevelBorder(kind, point, normal, "test", False)


def test_one_kind_of_border_twice_is_refused() -> None:
    with pytest.raises(BadSetting, match="Two borders"):
        divide_ctvn(whole(), (border(AORTIC, 20), border(AORTIC, 22)))


def test_a_border_moved_by_hand_is_no_longer_estimated_and_keeps_its_history() -> None:
    guessed = LevelBorder(AORTIC, (0.0, 0.0, 20.0), (0.0, 0.0, 1.0), "vertebra L4", estimated=True)
    moved = guessed.moved_to((1.0, 2.0, 25.0))
    assert moved.point_lps == (1.0, 2.0, 25.0)
    assert not moved.estimated
    assert "by hand" in moved.evidence
    assert "vertebra L4" in moved.evidence
    assert guessed.point_lps == (0.0, 0.0, 20.0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-60, 60), min_size=4, max_size=4),
    st.lists(st.floats(-50, 50), min_size=4, max_size=4),
    st.booleans(),
)
def test_any_planes_divide_without_loss(z: list[float], tilts: list[float], sided: bool) -> None:
    geometry = grid((9, 8, 12), (2.0, 2.0, 5.0), "oblique", (0.0, 0.0, 0.0))
    kinds = (TOP, AORTIC, LEFT, RIGHT)
    borders = [border(k, h, x, t) for k, h, x, t in zip(kinds, z, (0, 0, 9, -9), tilts, strict=True)]
    division = divide_ctvn(whole(geometry), [*borders, border(MIDLINE)] if sided else borders)
    assert_nothing_lost(whole(geometry), division)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_division_does_not_depend_on_the_array(direction: str) -> None:
    geometry = grid((12, 10, 14), (2.0, 2.0, 5.0), direction, (0.0, 0.0, 0.0))
    ctvn = block(geometry, centre(geometry) - 9, centre(geometry) + 20)
    borders = (border(AORTIC, 8, tilt=15), border(LEFT, -3, x=8), border(RIGHT, 2, x=-8), border(MIDLINE))
    expected = divide_ctvn(ctvn, borders)
    for order in reorders():
        found = divide_ctvn(turned_mask(ctvn, order), borders)
        assert found.notes == expected.notes
        for structure_id, mask in expected.parts.items():
            assert found.parts[structure_id].same_voxels(turned_mask(mask, order))
