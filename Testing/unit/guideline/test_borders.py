"""Level borders on a patient of blocks: exact where masks show them, else marked as estimated."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.guideline.borders import Borders, find_borders
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.guideline.patient_view import PatientView
from support import block_patient as block
from support.shapes import voxels_lps

GRID = block.block_grid()
POINTS = voxels_lps(GRID)
PRESET = load_margins("pgi")
VERTEBRAE = ("vertebra_s1", "vertebra_l5", "vertebra_l4", "vertebra_l3", "vertebra_l2", "vertebra_l1")


def _mask(field: block.Field) -> Mask:
    return Mask.from_array(field(POINTS), GRID)


def _borders(leave_out: tuple[str, ...] = (), **replaced: Mask) -> Borders:
    return find_borders(PatientView.of(*block.patient(GRID, leave_out, **replaced)), PRESET)


def _height(border: LevelBorder | None) -> float:
    assert border is not None
    np.testing.assert_allclose(border.normal_lps, (0, 0, 1), atol=1e-9)
    return border.point_lps[2]


def _said(borders: Borders, *words: str) -> bool:
    return any(all(word in message for word in words) for message in borders.messages)


def test_every_border_lies_where_the_blocks_put_it() -> None:
    found = _borders()
    assert _height(found.aortic) == pytest.approx(block.AORTIC_FACE)
    assert _height(found.para_aortic_top) == pytest.approx(block.HILUM_TOP_FACE)
    for side in ("left", "right"):
        assert _height(found.common_iliac[side]) == pytest.approx(block.BIFURCATION_FACE)
        assert _height(found.femoral_head[side]) == pytest.approx(block.HEAD_FACE)
        assert _height(found.obturator[side]) == pytest.approx(block.FORAMEN_FACE)
    assert found.messages == ()


def test_only_what_no_mask_shows_is_marked_estimated() -> None:
    planes = {plane.kind: plane.estimated for plane in _borders().as_planes()}
    assert set(planes) == set(BorderKind)
    assert {kind for kind, estimated in planes.items() if estimated} == {
        BorderKind.PARAAORTIC_TOP,  # the renal hilum stands in for the renal vein
        BorderKind.SACRUM_S2_S3,
    }


def test_the_midline_runs_through_the_spine() -> None:
    midline = _borders().midline
    assert midline is not None
    assert not midline.estimated
    assert midline.point_lps[0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(midline.normal_lps, (1, 0, 0), atol=1e-6)


def test_the_midline_falls_back_to_paired_bones() -> None:
    midline = _borders(leave_out=(*VERTEBRAE, "sacrum")).midline
    assert midline is not None
    assert midline.estimated
    assert midline.point_lps[0] == pytest.approx(0, abs=1e-6)


def test_without_an_aorta_its_bifurcation_is_where_the_iliac_arteries_begin() -> None:
    found = _borders(leave_out=("aorta",))
    assert found.aortic is not None
    assert _height(found.aortic) == pytest.approx(46.5)
    assert found.aortic.estimated
    assert _said(found, "No aorta mask", "estimated")


def test_without_arteries_the_aortic_bifurcation_is_the_disc_below_l4() -> None:
    found = _borders(leave_out=("aorta", "iliac_artery_left", "iliac_artery_right"))
    assert found.aortic is not None
    assert _height(found.aortic) == pytest.approx(33.0)  # L4 ends at 36, L5 begins at 30
    assert found.aortic.estimated


def test_an_aorta_that_parts_within_its_own_mask_bifurcates_there() -> None:
    limbs = block.joined(block.tube(4, 15, 4, 36, 57), block.tube(18, 15, 4, 36, 57))
    aorta = _mask(block.joined(block.tube(10, 15, 8, 60, 147), limbs))
    assert _height(_borders(aorta=aorta).aortic) == pytest.approx(58.5)


def test_an_aortic_bifurcation_far_from_l4_is_flagged() -> None:
    found = _borders(aorta=_mask(block.tube(10, 15, 8, 96, 147)))
    assert found.aortic is not None
    assert not found.aortic.estimated
    assert _said(found, "mm from the lower half of L4", "check it")


def test_an_artery_that_does_not_part_gives_l5_s1_marked_estimated() -> None:
    found = _borders(iliac_artery_left=_mask(block.artery(internal=False)))
    left, right = found.common_iliac["left"], found.common_iliac["right"]
    assert left is not None
    assert right is not None
    assert _height(left) == pytest.approx(block.L5_S1)
    assert left.estimated
    assert not right.estimated
    assert _said(found, "left iliac artery does not part", "L5-S1")


def test_a_parting_of_two_slices_is_no_bifurcation() -> None:
    short = block.joined(block.artery(internal=False), block.tube(22, 25, 4, 0, 3))
    left = _borders(iliac_artery_left=_mask(short)).common_iliac["left"]
    assert left is not None
    assert left.estimated


def test_the_other_limb_of_a_loop_is_no_bifurcation() -> None:
    # Beside the artery a second section appears that does not leave it: a vessel coming up from below.
    limb = block.joined(block.artery(internal=False), block.tube(60, 40, 4, -60, -6))
    link = block.joined(limb, block.box((34, 10.5, -63), (60, 40.5, -60)))
    left = _borders(iliac_artery_left=_mask(link)).common_iliac["left"]
    assert left is not None
    assert left.estimated


def test_a_bifurcation_far_from_l5_s1_is_flagged() -> None:
    low = block.joined(
        block.tube(25, 15, 5, -48, 45), block.tube(34, 11, 4, -90, -51), block.tube(22, 25, 4, -90, -51)
    )
    found = _borders(iliac_artery_left=_mask(low))
    assert _height(found.common_iliac["left"]) == pytest.approx(-49.5)
    assert _said(found, "left common iliac bifurcation lies 52 mm from L5-S1")


def test_without_artery_split_spine_and_sacrum_there_is_no_common_iliac_border() -> None:
    found = _borders(leave_out=(*VERTEBRAE, "sacrum", "iliac_artery_left"))
    assert found.common_iliac["left"] is None
    assert _said(found, "Nothing", "common iliac bifurcation, left")


def test_without_a_left_kidney_the_higher_of_right_kidney_and_disc_gives_the_top() -> None:
    disc_is_higher = _borders(leave_out=("kidney_left",)).para_aortic_top
    assert _height(disc_is_higher) == pytest.approx(120.0)  # between L1 (from 123) and L2 (to 117)
    no_disc = _borders(leave_out=("kidney_left", *VERTEBRAE))
    assert _height(no_disc.para_aortic_top) == pytest.approx(block.HILUM_TOP_FACE)
    assert _said(no_disc, "the right one gives the para-aortic top")


def test_a_kidney_without_a_hollow_gives_its_middle() -> None:
    solid = _mask(block.box((70, 19.5, 93), (96, 51, 141)))
    assert _height(_borders(kidney_left=solid).para_aortic_top) == pytest.approx(118.5)


def test_a_kidney_cut_by_the_scan_is_not_used() -> None:
    cut = _mask(block.box((70, 19.5, 120), (96, 51, 147)))
    found = _borders(kidney_left=cut, leave_out=("kidney_right",))
    assert _height(found.para_aortic_top) == pytest.approx(120.0)
    assert _said(found, "left kidney is cut by the upper end")


def test_without_a_femur_the_hollow_of_the_hip_bone_shows_the_head() -> None:
    hip = block.without(block.box((60, -30, -102), (80, 45, 60)), block.box((66, -15, -75), (90, 30, -45)))
    found = _borders(leave_out=("femur_left",), hip_left=_mask(hip))
    head = found.femoral_head["left"]
    assert head is not None
    assert head.estimated
    assert _height(head) == pytest.approx(-43.5)
    assert _said(found, "No left femur mask", "hollow of the hip bone")


def test_a_hip_bone_without_foramen_ends_the_strip_at_the_femoral_head() -> None:
    found = _borders(hip_left=_mask(block.box((60, -30, -102), (80, 45, 60))))
    border = found.obturator["left"]
    assert border is not None
    assert border.estimated
    assert _height(border) == pytest.approx(block.HEAD_FACE)
    assert _said(found, "left hip bone shows no obturator foramen")


def test_a_scan_that_ends_above_the_foramen_says_so() -> None:
    scan, organs = _cropped(first_slice=30)  # z from -57
    found = find_borders(PatientView.of(scan, organs), PRESET)
    assert found.obturator == {"left": None, "right": None}
    assert _said(found, "scan ends above the left obturator foramen")
    assert _said(found, "sacrum is cut by the lower end")


def test_a_scan_that_ends_above_the_aortic_bifurcation_says_so() -> None:
    scan, organs = _cropped(first_slice=70)  # z from 63
    found = find_borders(PatientView.of(scan, organs), PRESET)
    assert found.aortic is None
    assert _said(found, "scan ends above the aortic bifurcation")


def test_the_sacral_border_lies_two_lengths_of_s1_down_the_front() -> None:
    arc = _borders().sacrum
    assert arc is not None
    border = arc.border_after(2)
    assert border.estimated
    assert border.point_lps[2] == pytest.approx(-48, abs=4)
    assert border.point_lps[1] == pytest.approx(block.SACRUM_FRONT_Y, abs=1)
    np.testing.assert_allclose(border.normal_lps, (0, 0, 1), atol=0.05)


def test_without_s1_the_sacrum_is_taken_in_fifths() -> None:
    arc = _borders(leave_out=("vertebra_s1",)).sacrum
    assert arc is not None
    assert arc.border_after(2).point_lps[2] == pytest.approx(-24, abs=4)
    assert "fifths" in arc.border_after(2).evidence


def test_a_lying_sacrum_is_cut_across_its_own_run() -> None:
    lying = block.box((-40, 20, -18), (40, 75, 0))
    s1 = block.box((-20, 20, -18), (20, 45, 0))
    arc = _borders(sacrum=_mask(lying), vertebra_s1=_mask(s1)).sacrum
    assert arc is not None
    np.testing.assert_allclose(np.abs(arc.along), (0, 1, 0), atol=0.1)
    assert arc.front[2] < -0.9  # the pelvis lies below a sacrum that lies flat


def _cropped(first_slice: int) -> tuple[CtScan, StructureSet]:
    """The patient on a grid that begins at a slice."""
    shape = GRID.shape_kji
    lower = GRID.cropped((first_slice, 0, 0), (shape[0] - first_slice, shape[1], shape[2]))
    return block.patient(lower)
