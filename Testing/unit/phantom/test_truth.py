"""The standard phantom's contours: complete, on the right side, of a believable size, obeying the rules."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from AmlartContourLib.domain.mask import union
from AmlartContourLib.domain.structure_set import Source
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.phantom import anatomy
from support.phantoms import standard

AMLART_LABELS = ("anorectum", "bladder", "ctvn", "ctvp", "parametrium", "uterus", "vagina")
VOLUMES_CC = {
    "bladder": (100, 400),
    "uterus": (60, 120),
    "cervix": (15, 45),
    "vagina": (15, 40),
    "anorectum": (50, 90),
    "ctvn": (350, 650),
    "parametrium": (30, 90),
    "gtvp": (20, 80),
    "gtvn": (1, 10),
    "kidney_left": (110, 200),
    "kidney_right": (110, 200),
    "hip_left": (200, 400),
    "aorta": (30, 80),
    "vertebra_l4": (35, 70),
    "iliopsoas_left": (180, 320),
    "body": (18000, 28000),
}


def test_every_structure_of_the_catalogue_but_the_ptvs_is_there() -> None:
    wanted = {structure.id for structure in catalogue().values() if structure.role is not Role.PTV}
    assert wanted == set(standard().truth.ids)


def test_every_label_of_the_source_data_is_there() -> None:
    assert all(standard().truth.has(structure_id) for structure_id in AMLART_LABELS)


def test_every_contour_says_that_it_is_a_phantoms_truth() -> None:
    for contour in standard().truth:
        assert contour.source is Source.PHANTOM
        assert "synthetic" in contour.note


@pytest.mark.parametrize("structure_id", VOLUMES_CC)
def test_volumes_are_those_of_a_patient(structure_id: str) -> None:
    low, high = VOLUMES_CC[structure_id]
    assert low <= standard().truth.mask(structure_id).volume_cc <= high


def test_nodal_ctv_primary_ctv_and_anorectum_are_pairwise_disjoint() -> None:
    for one, other in combinations(("ctvn", "ctvp", "anorectum"), 2):
        assert (standard().truth.mask(one) & standard().truth.mask(other)).is_empty


def test_the_primary_ctv_is_cervix_gtvp_uterus_and_vagina() -> None:
    mask, geometry = standard().truth.mask, standard().scan.geometry
    assert mask("ctv_hr").same_voxels(mask("cervix") | mask("gtvp"))
    assert mask("ctvp").same_voxels(union([mask("ctv_hr"), mask("uterus"), mask("vagina")], geometry))


def test_the_nodal_ctv_is_gtvn_and_the_three_levels() -> None:
    mask, geometry = standard().truth.mask, standard().scan.geometry
    parts = ["gtvn", "ln_pelvic", "ln_common_iliac", "ln_paraaortic"]
    assert mask("ctvn").same_voxels(union([mask(name) for name in parts], geometry))


def test_the_pelvic_level_is_its_four_parts() -> None:
    mask, geometry = standard().truth.mask, standard().scan.geometry
    parts = ["ln_external_iliac", "ln_internal_iliac", "ln_obturator", "ln_presacral"]
    assert mask("ln_pelvic").same_voxels(union([mask(name) for name in parts], geometry))


def test_the_three_levels_do_not_share_a_voxel_and_lie_one_above_the_other() -> None:
    masks = [standard().truth.mask(name) for name in ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")]
    for low, high in combinations(masks, 2):
        assert (low & high).is_empty
        assert low.points_lps()[:, 2].max() < high.points_lps()[:, 2].min()


def test_the_whole_ctv_is_primary_nodal_and_parametrium() -> None:
    mask, geometry = standard().truth.mask, standard().scan.geometry
    parts = [mask(name) for name in ("ctvp", "ctvn", "parametrium")]
    assert mask("ctv").same_voxels(union(parts, geometry))
    assert mask("parametrium").same_voxels(mask("parametrium_left") | mask("parametrium_right"))


def test_parametrium_overlaps_the_cervix_and_bladder_overlaps_the_nodal_ctv_as_the_rules_allow() -> None:
    mask = standard().truth.mask
    assert not (mask("parametrium") & mask("cervix")).is_empty
    assert not (mask("bladder") & mask("ctvn")).is_empty


@pytest.mark.parametrize("solid", [*anatomy.BONES, *anatomy.NAMED_MUSCLES, "colon", "small_bowel"])
def test_the_nodal_levels_hold_no_bone_muscle_or_bowel(solid: str) -> None:
    truth = standard().truth
    levels = union([truth.mask(i) for i in ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")], truth.geometry)
    assert (levels & truth.mask(solid)).is_empty


def test_bones_vessels_and_solid_organs_do_not_share_voxels() -> None:
    solid = (*anatomy.BONES, *anatomy.VESSELS, "uterus", "anorectum", "bladder")
    names = [name for name in solid if name in catalogue()]
    truth = standard().truth
    for one, other in combinations(names, 2):
        assert (truth.mask(one) & truth.mask(other)).is_empty, f"{one} and {other}"


def test_left_is_at_larger_x_for_every_paired_structure() -> None:
    truth = standard().truth
    lefts = [i for i in truth.ids if i.endswith("_left")]
    assert len(lefts) >= 15
    for left in lefts:
        right = left.removesuffix("_left") + "_right"
        assert truth.mask(left).centroid_lps()[0] > truth.mask(right).centroid_lps()[0], left


def test_organs_lie_where_an_anatomist_expects_them() -> None:
    x, y, z = (
        {i: standard().truth.mask(i).centroid_lps()[axis] for i in standard().truth.ids} for axis in range(3)
    )
    assert y["bladder"] < y["cervix"] < y["anorectum"]
    assert y["bladder"] < y["vagina"] < y["anorectum"]
    assert z["vagina"] < z["cervix"] < z["uterus"]
    assert z["uterus"] > z["bladder"]
    assert x["inferior_vena_cava"] < 0 < x["aorta"]
    assert y["aorta"] < y["vertebra_l3"] + 1
    assert abs(x["femur_left"]) > abs(x["parametrium_left"])
    rectum, sacrum = (standard().truth.mask(i).points_lps() for i in ("rectum", "sacrum"))
    assert rectum[np.abs(rectum[:, 2]) < 5][:, 1].max() < sacrum[np.abs(sacrum[:, 2]) < 5][:, 1].min()
    spine = [z[f"vertebra_{n}"] for n in ("s1", "l5", "l4", "l3", "l2", "l1", "t12")]
    assert spine == sorted(spine)


def test_the_landmarks_are_where_the_truth_was_cut() -> None:
    phantom = standard()
    step = phantom.spec.slice_step_mm
    lowest = {i: phantom.truth.mask(i).points_lps()[:, 2].min() for i in ("aorta", "ln_external_iliac")}
    assert abs(lowest["aorta"] - phantom.landmarks_lps["aortic_bifurcation"][2]) <= step
    assert abs(lowest["ln_external_iliac"] - phantom.landmarks_lps["femoral_head_top_left"][2]) <= step
    top = phantom.truth.mask("ln_paraaortic").points_lps()[:, 2].max()
    assert abs(top - phantom.landmarks_lps["left_renal_vein"][2]) <= step
    heads = np.mean([phantom.truth.mask(f"femur_{s}").points_lps()[:, 2].max() for s in ("left", "right")])
    assert abs(heads - phantom.landmarks_lps["femoral_head_top_left"][2]) <= step
