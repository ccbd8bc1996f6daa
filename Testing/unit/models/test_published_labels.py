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
# Of CADS's parts 551, 552, 553, 554, 556 and 559 (`cads/dataset_utils/bodyparts_labelmaps.py`).
CADS = {
    name: TOTAL[name]
    for name in (
        "kidney_right", "kidney_left", "aorta", "inferior_vena_cava", "vertebrae_L5", "vertebrae_L4",
        "vertebrae_L3", "vertebrae_L2", "vertebrae_L1", "vertebrae_T12", "vertebrae_T11", "iliac_artery_left",
        "iliac_artery_right", "iliac_vena_left", "iliac_vena_right", "small_bowel", "duodenum", "colon",
        "urinary_bladder", "femur_left", "femur_right", "hip_left", "hip_right", "sacrum",
        "gluteus_maximus_left", "gluteus_maximus_right", "gluteus_medius_left", "gluteus_medius_right",
        "gluteus_minimus_left", "gluteus_minimus_right", "iliopsoas_left", "iliopsoas_right", "spinal_cord",
    )
} | {"bowel_bag": "bowel_bag", "sigmoid": "sigmoid", "rectum": "rectum"}  # fmt: skip
# Of the bundle wholeBody_ct_segmentation: names of TotalSegmentator's first version.
WHOLE_BODY = {name: one for name, one in TOTAL.items() if name not in ("vertebrae_S1", "spinal_cord")}
# Of VISTA3D's bundle, without the classes that it never asks for.
VISTA3D = {
    "right kidney": "kidney_right", "left kidney": "kidney_left", "aorta": "aorta",
    "inferior vena cava": "inferior_vena_cava", "duodenum": "duodenum", "bladder": "bladder",
    "small bowel": "small_bowel", "colon": "colon", "vertebrae L5": "vertebra_l5",
    "vertebrae T11": "vertebra_t11", "vertebrae S1": "vertebra_s1", "left iliac artery": "iliac_artery_left",
    "right iliac artery": "iliac_artery_right", "left iliac vena": "iliac_vein_left",
    "right iliac vena": "iliac_vein_right", "left femur": "femur_left", "right femur": "femur_right",
    "left hip": "hip_left", "right hip": "hip_right", "sacrum": "sacrum",
    "left gluteus maximus": "gluteus_maximus_left", "right gluteus minimus": "gluteus_minimus_right",
    "left iliopsoas": "iliopsoas_left", "right iliopsoas": "iliopsoas_right", "spinal cord": "spinal_cord",
}  # fmt: skip
OTHERS = (
    "liver",
    "prostate",
    "bone lesion",
    "right psoas major",
    "heart",
    "rib_left_12",
    "vertebrae_T10",
    "skull",
    "seminal_vesicle",
)


@pytest.mark.parametrize(
    "labels",
    [TOTAL, CADS, WHOLE_BODY, VISTA3D],
    ids=["TotalSegmentator", "CADS", "wholeBody", "VISTA3D"],
)
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
        ("Dataset559_Saros259", "CADS"),
    ],
)
def test_published_data_sets_are_known_by_name(name: str, title: str) -> None:
    found = known(name)
    assert found is not None
    assert (found.title, found.axes) == (title, "RAS")


@pytest.mark.parametrize("name", ["Dataset001_Anorectum", "Dataset299_body_1559subj", "Dataset556_Ours"])
def test_other_data_sets_are_not(name: str) -> None:
    assert known(name) is None
