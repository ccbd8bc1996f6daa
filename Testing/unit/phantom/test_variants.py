"""Each variant has the property it is named after, and whatever is drawn at random obeys the rules."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from AmlartContourLib.domain.mask import union
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.variants import VARIANTS, random_spec
from support.phantoms import standard, variant

OTHER_GRIDS = ("oblique", "prone", "feet_first", "feet_first_prone", "non_square")
SAME_PLACE = (
    "bladder",
    "uterus",
    "cervix",
    "gtvp",
    "vagina",
    "anorectum",
    "parametrium",
    "ctvn",
    "ctvp",
    "aorta",
    "hip_left",
    "kidney_right",
    "iliac_vein_left",
)


def _obeys_the_rules(phantom: Phantom) -> None:
    mask, geometry = phantom.truth.mask, phantom.scan.geometry
    for one, other in combinations(("ctvn", "ctvp", "anorectum"), 2):
        assert (mask(one) & mask(other)).is_empty
    parts = ("cervix", "gtvp", "uterus", "vagina")
    assert mask("ctvp").same_voxels(union([mask(name) for name in parts], geometry))
    levels = ("gtvn", "ln_pelvic", "ln_common_iliac", "ln_paraaortic")
    assert mask("ctvn").same_voxels(union([mask(name) for name in levels], geometry))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_carries_its_name(name: str) -> None:
    assert VARIANTS[name].name == name


@pytest.mark.parametrize("name", OTHER_GRIDS)
def test_another_grid_shows_the_same_patient(name: str) -> None:
    phantom = variant(name)
    assert not phantom.scan.geometry.same_as(standard().scan.geometry)
    voxel = max(phantom.scan.geometry.spacing_mm)
    for structure_id in SAME_PLACE:
        here, there = phantom.truth.mask(structure_id), standard().truth.mask(structure_id)
        if structure_id not in ("aorta", "hip_left"):  # the oblique grid sees more of these
            assert here.volume_cc == pytest.approx(there.volume_cc, rel=0.03), structure_id
            apart = here.centroid_lps() - there.centroid_lps()
            assert np.linalg.norm(apart) < voxel, structure_id
        if structure_id.endswith(("_left", "_right")):
            assert (here.centroid_lps()[0] > 0) == structure_id.endswith("_left")
    _obeys_the_rules(phantom)


def test_no_gtvp_still_has_a_primary_ctv() -> None:
    truth = variant("no_gtvp").truth
    assert "gtvp" not in truth
    assert truth.mask("ctv_hr").same_voxels(truth.mask("cervix"))
    assert truth.mask("ctvp").volume_cc > 100
    _obeys_the_rules(variant("no_gtvp"))


def test_one_kidney_has_the_right_one_only_and_nothing_enhances_on_the_left() -> None:
    phantom = variant("one_kidney")
    assert "kidney_left" not in phantom.truth
    assert phantom.truth.has("kidney_right")
    place = standard().truth.mask("kidney_left")
    left = phantom.scan.hu_kji[place.box.slices][place.block_kji]
    assert np.median(left) < 60 < np.median(standard().scan.hu_kji[place.box.slices][place.block_kji])


def test_cropped_above_ends_at_the_lower_poles_of_the_kidneys() -> None:
    phantom = variant("cropped_above")
    assert (
        phantom.truth.mask("kidney_right").volume_cc < 0.2 * standard().truth.mask("kidney_right").volume_cc
    )
    assert "vertebra_l1" not in phantom.truth
    assert phantom.truth.has("ln_paraaortic")


def test_cropped_below_cuts_vagina_and_bladder() -> None:
    phantom = variant("cropped_below")
    for structure_id in ("vagina", "bladder", "anorectum"):
        mask = phantom.truth.mask(structure_id)
        assert mask.box.start_kji[0] == 0
        assert 0 < mask.volume_cc < standard().truth.mask(structure_id).volume_cc
    _obeys_the_rules(phantom)


def test_extra_slices_reach_the_lungs_and_the_thighs_and_change_nothing_between() -> None:
    phantom = variant("extra_slices")
    geometry = phantom.scan.geometry
    assert geometry.size_ijk[2] > 1.5 * standard().scan.geometry.size_ijk[2]
    middle_rows = phantom.scan.hu_kji[-3]
    assert np.percentile(middle_rows[phantom.truth.mask("body").to_array()[-3]], 20) < -700
    assert phantom.truth.mask("femur_left").box.start_kji[0] == 0
    for structure_id in ("bladder", "uterus", "vagina", "anorectum"):
        expected = standard().truth.mask(structure_id).volume_cc
        assert phantom.truth.mask(structure_id).volume_cc == pytest.approx(expected, rel=0.01)


def test_no_contrast_leaves_blood_like_muscle_and_shows_a_tube() -> None:
    phantom = variant("no_contrast")
    aorta = phantom.truth.mask("aorta")
    assert np.median(phantom.scan.hu_kji[aorta.box.slices][aorta.block_kji]) < 60
    assert VARIANTS["no_contrast"].nasogastric_tube


@pytest.mark.parametrize("name", ["no_contrast", "small_parametrium_low_uterus"])
def test_small_parametrium_and_low_uterus(name: str) -> None:
    truth = variant(name).truth
    assert truth.mask("parametrium").volume_cc < 0.4 * standard().truth.mask("parametrium").volume_cc
    lower = standard().truth.mask("uterus").centroid_lps() - truth.mask("uterus").centroid_lps()
    assert lower[2] > 15


def test_a_large_tumour_is_several_times_larger_and_pushes_the_rectum_back() -> None:
    truth = variant("large_tumour").truth
    assert truth.mask("gtvp").volume_cc > 200
    assert truth.mask("rectum").centroid_lps()[1] > standard().truth.mask("rectum").centroid_lps()[1]
    _obeys_the_rules(variant("large_tumour"))


def test_the_sigmoid_hangs_into_the_left_parametrium() -> None:
    def shared(phantom: Phantom) -> float:
        return (phantom.truth.mask("sigmoid") & phantom.truth.mask("parametrium_left")).volume_cc

    assert shared(variant("sigmoid_in_parametrium")) > 2
    assert shared(standard()) == 0


def test_after_hysterectomy_the_primary_ctv_is_the_vagina() -> None:
    truth = variant("after_hysterectomy").truth
    assert not {"uterus", "cervix", "gtvp", "ctv_hr"} & set(truth.ids)
    assert truth.mask("ctvp").same_voxels(truth.mask("vagina"))


def test_no_nodes_still_has_a_nodal_ctv() -> None:
    truth = variant("no_nodes").truth
    assert "gtvn" not in truth
    assert truth.mask("ctvn").volume_cc > 350


def test_a_full_bladder_is_fuller_and_lifts_the_uterus() -> None:
    truth = variant("full_bladder").truth
    assert truth.mask("bladder").volume_cc > 1.6 * standard().truth.mask("bladder").volume_cc
    assert truth.mask("uterus").centroid_lps()[2] > standard().truth.mask("uterus").centroid_lps()[2]


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))])
def test_a_random_phantom_obeys_the_rules(seed: int) -> None:
    phantom = make_phantom(_coarse(random_spec(np.random.default_rng(seed))))
    _obeys_the_rules(phantom)
    assert phantom.truth.has("ctvn")
    for left in (i for i in phantom.truth.ids if i.endswith("_left")):
        right = left.removesuffix("_left") + "_right"
        if phantom.truth.has(right):
            apart = phantom.truth.mask(left).centroid_lps() - phantom.truth.mask(right).centroid_lps()
            assert apart[0] > 0, left


def test_random_specifications_differ_and_repeat_with_their_generator() -> None:
    specs = [random_spec(np.random.default_rng(seed)) for seed in range(300)]  # none is refused
    assert len(set(specs)) == 300
    assert specs[7] == random_spec(np.random.default_rng(7))
    assert len({spec.patient_position for spec in specs}) == 4
    assert any(spec.missing for spec in specs)
    assert any(spec.metal_hip for spec in specs)


def _coarse(spec: PhantomSpec) -> PhantomSpec:
    """The same patient on larger voxels, to keep the test quick."""
    size = (spec.matrix_ij[0] // 2, spec.matrix_ij[1] // 2)
    pixel = (spec.pixel_mm[0] * 2, spec.pixel_mm[1] * 2)
    return replace(spec, matrix_ij=size, pixel_mm=pixel, slice_step_mm=5.0)
