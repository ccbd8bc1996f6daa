"""What published models call the structures of the pelvis, and what the catalogue makes of it."""

from __future__ import annotations

import importlib.util

import pytest

from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.known_sources import known
from inference_backend.models.pack_labels import named

# Of TotalSegmentator 2.18's task total.
TOTAL = {
    "kidney_right": "kidney_right", "kidney_left": "kidney_left", "small_bowel": "small_bowel",
    "duodenum": "duodenum", "colon": "colon", "urinary_bladder": "bladder", "sacrum": "sacrum",
    "vertebrae_S1": "vertebra_s1", "vertebrae_L5": "vertebra_l5", "vertebrae_L4": "vertebra_l4",
    "vertebrae_L3": "vertebra_l3", "vertebrae_L2": "vertebra_l2", "vertebrae_L1": "vertebra_l1",
    "vertebrae_T12": "vertebra_t12", "vertebrae_T11": "vertebra_t11", "aorta": "aorta",
    "inferior_vena_cava": "inferior_vena_cava", "iliac_artery_left": "iliac_artery_left",
    "iliac_artery_right": "iliac_artery_right", "iliac_vena_left": "iliac_vein_left",
    "iliac_vena_right": "iliac_vein_right", "femur_left": "femur_left", "femur_right": "femur_right",
    "hip_left": "hip_left", "hip_right": "hip_right", "spinal_cord": "spinal_cord",
    "gluteus_maximus_left": "gluteus_maximus_left", "gluteus_maximus_right": "gluteus_maximus_right",
    "gluteus_medius_left": "gluteus_medius_left", "gluteus_medius_right": "gluteus_medius_right",
    "gluteus_minimus_left": "gluteus_minimus_left", "gluteus_minimus_right": "gluteus_minimus_right",
    "iliopsoas_left": "iliopsoas_left", "iliopsoas_right": "iliopsoas_right",
}  # fmt: skip
# Of CADS's part 556.
CADS = {"bowel_bag": "bowel_bag", "sigmoid": "sigmoid", "rectum": "rectum"}
OTHERS = ("liver", "prostate", "heart", "rib_left_12", "vertebrae_T10", "skull", "seminal_vesicle")


@pytest.mark.parametrize("labels", [TOTAL, CADS], ids=["TotalSegmentator", "CADS"])
def test_pelvic_labels_mean_their_structures_and_others_nothing(labels: dict[str, str]) -> None:
    found = named((*labels, *OTHERS), "Dataset1_x", {}, set(), catalogue())
    assert dict(found.gives) == labels
    assert found.left_out == OTHERS


@pytest.mark.peer
@pytest.mark.skipif(
    importlib.util.find_spec("totalsegmentator") is None, reason="TotalSegmentator is missing"
)
def test_totalsegmentators_own_list_holds_just_these_of_the_catalogue() -> None:
    from totalsegmentator.map_to_binary import class_map

    found = named(tuple(class_map["total"].values()), "Dataset1_x", {}, set(), catalogue())
    assert dict(found.gives) == TOTAL


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Dataset291_TotalSegmentator_part1_organs_1559subj", "TotalSegmentator"),
        ("Dataset297_TotalSegmentator_total_3mm_1559subj_v204", "TotalSegmentator"),
        ("Dataset556_GC256", "CADS"),
        ("Dataset553_Totalseg253", "CADS"),
    ],
)
def test_published_data_sets_are_known_by_name(name: str, title: str) -> None:
    found = known(name)
    assert found is not None
    assert (found.title, found.axes) == (title, "RAS")


@pytest.mark.parametrize("name", ["Dataset001_Anorectum", "Dataset299_body_1559subj", "Dataset556_Ours"])
def test_other_data_sets_are_not(name: str) -> None:
    assert known(name) is None
