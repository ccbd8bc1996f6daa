"""Nodal levels on a patient of blocks: margins exact in mm, sides, borders, barriers, what is missing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from AmlartContourLib.contract.errors import GeometryMismatch, NothingToContour
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.guideline.margins_preset import GuidelineMargins, Sourced, Tag, load_margins
from inference_backend.guideline.nodal import NodalResult, contour_nodal
from support import block_patient as block
from support.shapes import grid, voxels_lps

GRID = block.block_grid()
POINTS = voxels_lps(GRID)
BONES_AND_MUSCLES = ("hip", "femur", "iliopsoas")
SUBLEVELS = ("external_iliac", "internal_iliac", "obturator", "presacral")


def _plain(name: str, para_aortic: str | None = None) -> GuidelineMargins:
    """A preset without closing, so that margins can be counted voxel by voxel."""
    none = Sourced(0.0, "mm", "chosen for this test", Tag.E)
    return replace(load_margins(name, para_aortic), in_plane_closing=none)


@lru_cache(maxsize=8)
def _result(
    preset: str = "pgi", leave_out: tuple[str, ...] = (), para_aortic: str | None = None
) -> NodalResult:
    return contour_nodal(*block.patient(GRID, leave_out), _plain(preset, para_aortic))


def _level(name: str, result: NodalResult | None = None) -> np.ndarray:
    return (result or _result()).structures.mask(f"ln_{name}").to_array()


def _points(name: str, result: NodalResult | None = None) -> np.ndarray:
    return POINTS[_level(name, result)]


def _organ(*names: str) -> np.ndarray:
    organs = block.patient(GRID)[1]
    return union([organs.mask(name) for name in names], GRID).to_array()


def _within(mask: np.ndarray, mm: float) -> np.ndarray:
    """Voxels whose centre lies within a distance of a mask's, counted point by point."""
    distance, _ = cKDTree(POINTS[mask]).query(POINTS.reshape(-1, 3), distance_upper_bound=mm + 1.0)
    return (distance <= mm + 1e-6).reshape(GRID.shape_kji)


def _said(result: NodalResult, *words: str) -> bool:
    return any(all(word in message for word in words) for message in result.messages)


def test_all_levels_are_made_for_both_sides_and_as_a_whole() -> None:
    stems = (*SUBLEVELS, "pelvic", "common_iliac", "paraaortic")
    wanted = {f"ln_{stem}{side}" for stem in stems for side in ("", "_left", "_right")}
    assert set(_result().structures.ids) == wanted
    assert all(contour.source is Source.GUIDELINE for contour in _result().structures)
    assert all("[S]" in c.note or "node distances" in c.note for c in _result().structures)


def test_external_iliac_is_all_within_7_mm_of_its_vessels_between_its_borders() -> None:
    z = POINTS[..., 2]
    between = (z > block.HEAD_FACE) & (z < block.BIFURCATION_FACE)
    vessels = (block.tube(34, 11, 4, -90, 3)(POINTS)) | (block.tube(40, 18, 4, -90, 3)(POINTS))
    barrier = _organ("hip_left", "iliopsoas_left", "femur_left", "small_bowel", "sacrum")
    expected = _within(vessels, 7.0) & between & ~barrier
    np.testing.assert_array_equal(_level("external_iliac_left"), expected)


def test_the_branch_to_the_back_and_middle_is_the_internal_one() -> None:
    internal = block.tube(22, 25, 4, -60, 3)(POINTS) & (POINTS[..., 2] > block.HEAD_FACE)
    assert (_level("internal_iliac_left") | _level("external_iliac_left"))[internal].all()
    assert _level("internal_iliac_left")[internal & (POINTS[..., 1] > 26)].all()
    vein = block.tube(27, 33, 3, -60, 3)(POINTS) & (POINTS[..., 2] > block.HEAD_FACE)
    assert _level("internal_iliac_left")[vein].all()  # the vein follows its nearer artery


@pytest.mark.parametrize(("preset", "innermost"), [("pgi", 44.0), ("taylor_2005", 42.0)])
def test_the_obturator_strip_is_as_wide_as_the_preset_says(preset: str, innermost: float) -> None:
    # Below z = -63 no other wall is near: 17 and 18 mm inwards from x = 60, on voxels at even x.
    strip = _points("obturator_left", _result(preset))
    below = strip[(strip[:, 2] < -63) & (strip[:, 1] > 9) & (strip[:, 1] < 22)]  # behind the bladder
    assert below[:, 0].min() == pytest.approx(innermost)
    assert below[:, 0].max() == pytest.approx(58.0)
    assert strip[:, 2].min() == pytest.approx(-78.0)  # above the foramen at -79.5
    assert strip[:, 2].max() < block.BIFURCATION_FACE


def test_the_strip_joins_external_and_internal_along_the_wall() -> None:
    k = round(-30 / 3) + 49
    side = _level("pelvic_left")[k]
    rows = np.flatnonzero(side.any(axis=1))
    assert list(rows) == list(range(rows[0], rows[-1] + 1))


def test_external_iliac_reaches_10_mm_farther_along_the_psoas_with_taylor_only() -> None:
    taylor = _result("taylor_2005")
    more = _level("external_iliac_left", taylor) & ~_level("external_iliac_left")
    assert more.any()
    assert _within(_organ("iliopsoas_left"), 7.0)[more].all()
    vessels = block.tube(34, 11, 4, -90, 3)(POINTS) | block.tube(40, 18, 4, -90, 3)(POINTS)
    base, reached = POINTS[_within(vessels, 7.0)], POINTS[more]
    for point in reached[:: max(len(reached) // 200, 1)]:
        step = point - base
        outwards = (step[:, 0] >= -1e-6) & (step[:, 1] <= 1e-6)  # to the left and to the front
        assert np.linalg.norm(step[outwards], axis=1).min() <= 10.0 + 1e-6
    mirrored = _level("external_iliac_right", taylor)[..., ::-1]
    np.testing.assert_array_equal(_level("external_iliac_left", taylor), mirrored)


def test_presacral_is_10_mm_deep_in_front_of_the_sacrum() -> None:
    points = _points("presacral")
    assert points[:, 1].min() == pytest.approx(
        block.SACRUM_FRONT_Y - 9.0
    )  # rows 1.5 mm apart: 6 of them, 9 mm
    assert points[:, 1].max() == pytest.approx(block.SACRUM_FRONT_Y - 1.5)
    assert np.abs(points[:, 0]).max() <= 20.0  # half of the sacrum's half width
    assert points[:, 2].max() <= 3.0
    lowest = {name: _points("presacral", _result(name))[:, 2].min() for name in ("pgi", "taylor_2005")}
    assert lowest["pgi"] == pytest.approx(-48, abs=6)
    assert lowest["taylor_2005"] == pytest.approx(-36, abs=6)


def test_common_iliac_fills_the_fat_between_psoas_and_vertebra() -> None:
    level = _level("common_iliac_left")
    fat = block.box((24, 36, 12), (38, 42, 24))(POINTS)
    assert level[fat].all()
    assert not level[_organ("iliopsoas_left", "vertebra_l5", "vertebra_l4")].any()
    heights = POINTS[level][:, 2]
    assert (heights.min(), heights.max()) == (pytest.approx(6.0), pytest.approx(45.0))


def test_what_is_neither_fat_nor_soft_tissue_stays_out_of_the_wedge() -> None:
    scan, organs = block.patient(GRID)
    dense = block.box((22, 42, 6), (40, 50, 45))(POINTS)
    hu = scan.hu_kji.copy()
    hu[dense] = 300
    level = contour_nodal(CtScan(hu, GRID), organs, _plain("pgi")).structures.mask("ln_common_iliac_left")
    assert not (level.to_array() & dense).any()
    assert (_level("common_iliac_left") & dense).any()


def test_para_aortic_is_wider_on_the_left_of_the_aorta_by_default() -> None:
    points = _points("paraaortic")
    assert points[:, 0].max() == pytest.approx(34.0)  # aorta ends at x = 18, and 17 mm on
    assert points[:, 0].min() == pytest.approx(-26.0)  # vena cava ends at x = -20, and 6 mm on
    assert (points[:, 2].min(), points[:, 2].max()) == (pytest.approx(48.0), pytest.approx(117.0))
    assert _said(_result(), "engineering derivation")


def test_recalled_para_aortic_margins_are_flagged_in_the_messages() -> None:
    result = _result("pgi", (), "keenan_recalled")
    assert _points("paraaortic", result)[:, 0].max() == pytest.approx(32.0)  # 18 + 15, on even x
    assert _said(result, "UNVERIFIED numbers in use", "para_aortic.aorta.left 15 mm [K]")
    assert not _said(_result(), "UNVERIFIED")


def test_left_is_left_and_right_is_right() -> None:
    for stem in (*SUBLEVELS, "pelvic", "common_iliac", "paraaortic"):
        assert POINTS[_level(f"{stem}_left")][:, 0].mean() > 0 > POINTS[_level(f"{stem}_right")][:, 0].mean()


def test_the_sides_mirror_each_other() -> None:
    for stem in ("external_iliac", "internal_iliac", "obturator"):
        np.testing.assert_array_equal(_level(f"{stem}_left"), _level(f"{stem}_right")[..., ::-1])


def test_levels_share_no_voxel_and_wholes_are_their_unions() -> None:
    total = np.zeros(GRID.shape_kji, dtype=int)
    for stem in (*SUBLEVELS, "common_iliac", "paraaortic"):
        sides = [_level(f"{stem}_{side}") for side in ("left", "right")]
        np.testing.assert_array_equal(_level(stem), sides[0] | sides[1])
        total += sides[0].astype(int) + sides[1]
    assert total.max() == 1
    parts = np.logical_or.reduce([_level(stem) for stem in SUBLEVELS])
    np.testing.assert_array_equal(_level("pelvic"), parts)


def test_no_level_enters_bone_muscle_or_bowel_and_the_loss_is_told() -> None:
    result = contour_nodal(*block.patient(GRID), load_margins("taylor_2005"))
    whole = union([contour.mask for contour in result.structures], GRID).to_array()
    names = [f"{organ}_{side}" for organ in BONES_AND_MUSCLES for side in ("left", "right")]
    stop = _organ(*names, "sacrum", "small_bowel", *(f"vertebra_l{n}" for n in range(1, 6)))
    assert not (whole & stop).any()
    for group in ("bones", "muscles", "bowel"):
        assert _said(result, "Taken out of the nodal levels", f"of {group}.")


def test_a_disc_between_vertebrae_counts_as_bone() -> None:
    short_l4 = Mask.from_array(block.box((-20, 30, 42), (20, 60, 60))(POINTS), GRID)
    disc = block.box((-20, 30, 33), (20, 60, 39))(POINTS)  # three slices without a vertebra, 9 mm
    vein = block.tube(22, 24, 4, 6, 42)(POINTS)
    assert (_within(vein, 7.0) & disc).any()
    patient = block.patient(GRID, vertebra_l4=short_l4, iliac_vein_left=Mask.from_array(vein, GRID))
    assert not (_level("common_iliac", contour_nodal(*patient, _plain("pgi"))) & disc).any()


def test_strips_stop_at_the_bladder_and_margins_may_overlap_it_until_it_is_taken_out() -> None:
    bladder = _organ("bladder")
    assert not (_level("obturator") & bladder).any()
    shared = _level("pelvic") & bladder
    assert shared.any()
    assert _said(_result(), "pelvic level and the bladder share")
    removed = contour_nodal(*block.patient(GRID), _plain("pgi").with_bladder_removed(True))
    assert not (_level("pelvic", removed) & bladder).any()
    assert _said(removed, "Taken out", "of bladder")


@pytest.mark.parametrize(
    ("left_out", "lost", "words"),
    [
        (("iliac_artery_left", "iliac_vein_left"), "external_iliac_left", "No left iliac vessel masks"),
        (("aorta", "inferior_vena_cava"), "paraaortic", "the para-aortic level was not made"),
        (("sacrum",), "presacral", "presacral level was not made"),
        (("hip_left",), "obturator_left", "No left hip bone mask"),
    ],
)
def test_a_missing_mask_costs_its_own_level_only_and_is_told(
    left_out: tuple[str, ...], lost: str, words: str
) -> None:
    result = _result("pgi", left_out)
    assert f"ln_{lost}" not in result.structures
    assert _said(result, words)
    for other in ("external_iliac_right", "obturator_right", "common_iliac"):
        assert f"ln_{other}" in result.structures


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (("iliac_vein_left",), "No left iliac vein mask"),
        (("inferior_vena_cava",), "No inferior vena cava mask"),
        (("iliopsoas_left",), "No left iliopsoas mask"),
        (("small_bowel",), "No masks of bowel"),
        (("femur_left",), "No left femur mask"),
        (("femur_left", "hip_left"), "No left femoral head"),
    ],
)
def test_a_missing_companion_is_told(left_out: tuple[str, ...], words: str) -> None:
    result = _result("pgi", left_out)
    assert _said(result, words)
    assert "ln_pelvic_left" in result.structures


def test_internal_iliac_without_its_vessels_is_estimated_from_the_wall_and_told() -> None:
    artery = Mask.from_array(block.artery(internal=False)(POINTS), GRID)
    result = contour_nodal(*block.patient(GRID, iliac_artery_left=artery), _plain("pgi"))
    assert "ln_internal_iliac_left" in result.structures
    assert _said(result, "left internal iliac vessels are not told apart", "estimated")
    assert not _said(result, "right internal iliac vessels are not told apart")


def test_an_internal_artery_that_ends_early_is_told() -> None:
    short = block.joined(block.artery(internal=False), block.tube(22, 25, 4, -12, 3))
    vein = block.joined(block.tube(32, 22, 4, 6, 42), block.tube(40, 18, 4, -90, 3))
    scan, organs = block.patient(
        GRID,
        iliac_artery_left=Mask.from_array(short(POINTS), GRID),
        iliac_vein_left=Mask.from_array(vein(POINTS), GRID),
    )
    assert _said(contour_nodal(scan, organs, _plain("pgi")), "left internal iliac mask ends 32 mm above")


def test_levels_cut_by_the_ends_of_the_scan_are_named() -> None:
    shape = GRID.shape_kji
    middle = GRID.cropped((30, 0, 0), (45, shape[1], shape[2]))  # z from -57 to 75
    result = contour_nodal(*block.patient(middle), _plain("pgi"))
    assert _said(result, "Cut by the lower end of the scan", "Obturator")
    assert _said(result, "Cut by the upper end of the scan", "Para-aortic")


@pytest.mark.parametrize(
    ("axes", "flips"),
    [
        ((0, 1, 2), (True, True, False)),
        ((0, 1, 2), (True, False, True)),
        ((1, 2, 0), (False, False, False)),
        ((2, 0, 1), (True, False, True)),
    ],
)
def test_the_order_of_the_array_changes_nothing(axes: tuple, flips: tuple) -> None:
    order = Reorder(axes, flips)
    scan, organs = block.patient(GRID)
    turned = CtScan(np.ascontiguousarray(order.array(scan.hu_kji)), order.geometry(GRID))
    result = contour_nodal(turned, organs.reordered(order), _plain("pgi"))
    for contour in _result().structures:
        back = result.structures.mask(contour.structure_id).reordered(order.inverse)
        assert back.same_voxels(contour.mask), contour.structure_id
    for one, other in zip(result.borders, _result().borders, strict=True):
        np.testing.assert_allclose(one.point_lps, other.point_lps, atol=1e-6)


def test_masks_of_another_grid_are_refused() -> None:
    scan, _ = block.patient(GRID)
    other = grid((20, 20, 20))
    with pytest.raises(GeometryMismatch):
        contour_nodal(scan, StructureSet.of(other, []), load_margins("pgi"))


def test_without_any_mask_there_is_nothing_to_contour() -> None:
    scan, _ = block.patient(GRID)
    with pytest.raises(NothingToContour, match="no pelvis"):
        contour_nodal(scan, StructureSet.of(GRID, []), load_margins("pgi"))


def test_great_vessels_alone_give_the_para_aortic_level_and_say_that_there_is_no_pelvis() -> None:
    scan, organs = block.patient(GRID)
    result = contour_nodal(scan, organs.only(["aorta", "inferior_vena_cava"]), _plain("pgi"))
    assert result.structures.ids == ("ln_paraaortic",)
    assert _said(result, "no pelvic level was made")


def test_progress_runs_from_0_to_1_and_never_back() -> None:
    heard: list[float] = []
    contour_nodal(*block.patient(GRID), load_margins("pgi"), lambda fraction, _stage: heard.append(fraction))
    assert heard[0] == 0.0
    assert heard[-1] == 1.0
    assert heard == sorted(heard)
