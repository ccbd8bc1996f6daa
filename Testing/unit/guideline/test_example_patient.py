"""The whole recipe on a real CT with organ masks made by a model."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter

import numpy as np
import pytest
from scipy import ndimage

from AmlartContourLib.domain.levels import BorderKind, divide_ctvn
from AmlartContourLib.domain.mask import union
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.masks_in import read_mask_folder
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.guideline.nodal import NodalResult, contour_nodal
from support.shared_data import real_case

PLAUSIBLE_CC = {  # of both sides together; wide, as no reference contour exists for this patient
    "ln_external_iliac": (80, 260),
    "ln_internal_iliac": (40, 200),
    "ln_obturator": (25, 150),
    "ln_presacral": (8, 60),
    "ln_common_iliac": (50, 180),
    "ln_paraaortic": (70, 220),
    "ln_pelvic": (200, 550),
}


@lru_cache(maxsize=1)
def _patient() -> tuple[CtScan, StructureSet]:
    folder = real_case("totalseg_example")
    scan = read_ct(folder / "ct.nii.gz")
    return scan, read_mask_folder(folder / "masks", scan.geometry, catalogue()).structures


@lru_cache(maxsize=2)
def _result(preset: str = "taylor_2005") -> NodalResult:
    return contour_nodal(*_patient(), load_margins(preset))


@pytest.mark.parametrize("preset", ["taylor_2005", "pgi"])
def test_every_level_is_there_on_both_sides_with_a_plausible_volume(preset: str) -> None:
    structures = _result(preset).structures
    for structure_id, (least, most) in PLAUSIBLE_CC.items():
        assert least <= structures.mask(structure_id).volume_cc <= most, structure_id
        left, right = (structures.mask(f"{structure_id}_{side}").volume_cc for side in ("left", "right"))
        assert 0.5 <= left / right <= 2.0, structure_id
        assert (
            structures.mask(f"{structure_id}_left").centroid_lps()[0]
            > (structures.mask(f"{structure_id}_right").centroid_lps()[0])
        )


def test_the_aortic_bifurcation_lies_within_l4_and_the_renal_border_between_l1_and_l2() -> None:
    planes = {border.kind: border for border in _result().borders}
    organs = _patient()[1]
    l4, l1, l2 = (organs.mask(f"vertebra_{n}").points_lps()[:, 2] for n in ("l4", "l1", "l2"))
    assert l4.min() <= planes[BorderKind.AORTIC_BIFURCATION].point_lps[2] <= l4.max()
    assert not planes[BorderKind.AORTIC_BIFURCATION].estimated
    assert l2.min() <= planes[BorderKind.PARAAORTIC_TOP].point_lps[2] <= l1.max()


def test_arteries_that_do_not_part_in_this_models_masks_give_estimated_borders_in_l5_s1() -> None:
    organs = _patient()[1]
    low, high = (
        organs.mask("sacrum").points_lps()[:, 2].min(),
        organs.mask("vertebra_l5").points_lps()[:, 2].max(),
    )
    for border in _result().borders:
        if border.kind.name.startswith("COMMON_ILIAC"):
            assert border.estimated
            assert low < border.point_lps[2] < high
    assert any("internal iliac vessels are not told apart" in message for message in _result().messages)


def test_no_level_enters_bone_muscle_bowel_or_kidney() -> None:
    organs = _patient()[1]
    stems = (
        "hip",
        "sacrum",
        "femur",
        "vertebra",
        "iliopsoas",
        "gluteus",
        "colon",
        "small_bowel",
        "duodenum",
        "kidney",
    )
    stops = [contour.mask for contour in organs if contour.structure_id.startswith(stems)]
    assert len(stops) > 20
    stop = union(stops, organs.geometry)
    for contour in _result().structures:
        assert (contour.mask & stop).is_empty, contour.structure_id


@pytest.mark.parametrize("preset", ["taylor_2005", "pgi"])
def test_every_voxel_lies_within_the_stated_margin_of_what_its_level_runs_round(preset: str) -> None:
    """Measured apart from the code that draws: from voxel centre to voxel centre, half a voxel allowed."""
    organs, found, mm = _patient()[1], _result(preset).structures, load_margins(preset)
    iliac = distances_mm(organs, "iliac_artery", "iliac_vein")
    great = distances_mm(organs, "aorta", "inferior_vena_cava")
    either = distances_mm(organs, "iliac_artery", "iliac_vein", "aorta", "inferior_vena_cava")
    sacrum = distances_mm(organs, "sacrum", "vertebra_s1")
    wall = distances_mm(organs, "hip", "sacrum", "iliopsoas", "vertebra")
    margin, strip = mm.vessel_margin.value, mm.obturator_strip_width.value
    sides = [n.value for name, n in mm.numbers().items() if name.startswith("para_aortic.")]
    allowed_mm = {
        "ln_external_iliac": (iliac, margin + mm.external_iliac_anterolateral.value),
        "ln_common_iliac": (either, margin + mm.fat_wedge_reach.value),
        "ln_paraaortic": (great, max(sides)),
        "ln_presacral": (sacrum, mm.presacral_depth.value),
        "ln_obturator": (wall, strip + mm.muscle_thickness.value),
        "ln_internal_iliac": (wall, strip + mm.muscle_thickness.value),
    }
    half = max(organs.geometry.spacing_mm) / 2
    for structure_id, (distance_mm, most_mm) in allowed_mm.items():
        reached = distance_mm[found.mask(structure_id).to_array()].max()
        assert reached <= most_mm + half, structure_id
        assert reached > most_mm / 2, f"{structure_id}: a margin that nothing comes near proves nothing"


def distances_mm(organs: StructureSet, *stems: str) -> np.ndarray:
    """From every voxel to the nearest one of these organs."""
    near = union([c.mask for c in organs if c.structure_id.startswith(stems)], organs.geometry)
    spacing = organs.geometry.spacing_kji_mm
    return ndimage.distance_transform_edt(~near.to_array(), sampling=spacing)


def test_vessels_between_their_borders_are_covered() -> None:
    scan, organs = _patient()
    vessels = union(
        [c.mask for c in organs if c.structure_id.startswith(("iliac_", "aorta", "inferior"))], scan.geometry
    )
    planes = {border.kind: border for border in _result().borders}
    covered = planes[BorderKind.FEMORAL_HEAD_LEFT].splits(vessels)[0]
    covered = planes[BorderKind.PARAAORTIC_TOP].splits(covered)[1]
    levels = union([c.mask for c in _result().structures], scan.geometry)
    lost = (covered - levels).voxel_count / covered.voxel_count
    assert lost < 0.01  # voxels that the model labels both vessel and neighbour


def test_the_borders_divide_the_union_into_the_same_levels() -> None:
    structures = _result().structures
    stems = ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")
    whole = union([structures.mask(stem) for stem in stems], structures.geometry)
    sides = [b for b in _result().borders if b.kind is not BorderKind.MIDLINE]
    parts = divide_ctvn(whole, sides).parts
    for stem in ("ln_common_iliac", "ln_paraaortic"):
        apart = (parts[stem] - structures.mask(stem)).voxel_count + (
            structures.mask(stem) - parts[stem]
        ).voxel_count
        assert apart <= 0.02 * structures.mask(stem).voxel_count, stem


def test_the_whole_recipe_takes_seconds() -> None:
    start = perf_counter()
    contour_nodal(*_patient(), load_margins("pgi"))
    assert perf_counter() - start < 15.0  # measured 0.4 s on an idle core
