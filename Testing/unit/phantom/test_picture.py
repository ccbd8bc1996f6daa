"""The picture: Hounsfield units of each tissue, noise, contrast, gas, metal, the same however it is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AmlartContourLib.domain.mask import Mask
from inference_backend.phantom import hounsfield
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.variants import STANDARD
from support.phantoms import standard, variant

MEDIAN_HU = {
    "bladder": (-5, 20),
    "uterus": (90, 115),
    "gtvp": (50, 80),
    "aorta": (140, 170),
    "inferior_vena_cava": (110, 135),
    "iliopsoas_left": (50, 70),
    "kidney_right": (140, 190),
    "vertebra_l3": (150, 420),
    "femur_left": (150, 450),
    "gluteus_maximus_right": (50, 70),
    "spinal_cord": (10, 40),
}
COARSE = replace(STANDARD, matrix_ij=(100, 80), pixel_mm=(4.2, 4.2), slice_step_mm=6.0)


def _hu(phantom: Phantom, mask: Mask) -> np.ndarray:
    values: np.ndarray = phantom.scan.hu_kji[mask.box.slices][mask.block_kji]
    return values


@pytest.mark.parametrize("structure_id", MEDIAN_HU)
def test_tissues_have_the_hounsfield_units_of_a_contrast_ct(structure_id: str) -> None:
    low, high = MEDIAN_HU[structure_id]
    assert low <= np.median(_hu(standard(), standard().truth.mask(structure_id))) <= high


def test_values_are_int16_within_what_a_scanner_stores() -> None:
    hu = variant("metal_hip").scan.hu_kji
    assert hu.dtype == np.int16
    assert hu.min() >= -1024
    assert hu.max() <= 3071
    assert np.median(hu[:, 0, :]) == pytest.approx(-1000, abs=5)


def test_the_noise_is_as_strong_as_specified() -> None:
    phantom = make_phantom(replace(STANDARD, bottom_mm=-20.0, top_mm=30.0, texture_hu=0.0, noise_hu=20.0))
    urine = _hu(phantom, _core(phantom, "bladder"))
    assert urine.std() == pytest.approx(20.0, rel=0.1)


def test_without_noise_and_texture_urine_is_flat() -> None:
    phantom = make_phantom(replace(COARSE, texture_hu=0.0, noise_hu=0.0))
    assert np.ptp(_hu(phantom, _core(phantom, "bladder"))) <= 2


def test_bowel_holds_gas_where_asked_and_none_where_not() -> None:
    much, none = (make_phantom(replace(COARSE, bowel_gas=share)) for share in (1.0, 0.0))
    for structure_id in ("colon", "small_bowel"):
        assert (_hu(much, much.truth.mask(structure_id)) < -500).mean() > 0.02
        assert (_hu(none, none.truth.mask(structure_id)) < -500).mean() < 0.002


def test_gas_rises_to_the_front_of_a_supine_patient_and_to_the_back_of_a_prone_one() -> None:
    def depth(name: str) -> float:
        phantom = variant(name)
        colon = phantom.truth.mask("colon")
        gas = colon.points_lps()[_hu(phantom, colon) < -500]
        return float(gas[:, 1].mean() - colon.centroid_lps()[1])

    assert depth("prone") - depth("feet_first") > 4


def test_metal_saturates_on_its_side_and_streaks_through_its_slices_only() -> None:
    phantom, plain = variant("metal_hip"), standard()
    assert np.median(_hu(phantom, phantom.truth.mask("femur_left"))) > 2500
    assert np.median(_hu(phantom, phantom.truth.mask("femur_right"))) < 500
    muscle = "gluteus_maximus_left"
    assert _hu(phantom, phantom.truth.mask(muscle)).std() > _hu(plain, plain.truth.mask(muscle)).std() + 10
    assert _hu(phantom, phantom.truth.mask("kidney_left")).std() < 100


def test_the_couch_lies_under_the_patient() -> None:
    def middle_y(name: str) -> float:
        phantom = variant(name)
        outside = phantom.scan.hu_kji > -700
        outside &= ~phantom.truth.mask("body").to_array()
        couch = Mask.from_array(outside, phantom.scan.geometry)
        return float(couch.centroid_lps()[1])

    assert middle_y("standard") > 90
    assert middle_y("prone") < -90


def test_the_picture_does_not_depend_on_the_slabs_it_is_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_phantom(COARSE).scan.hu_kji
    monkeypatch.setattr(hounsfield, "SLAB_SLICES", 5)
    difference = np.abs(make_phantom(COARSE).scan.hu_kji.astype(int) - whole)
    assert difference.max() <= 1  # rounding at most: the blur is cut off at four sigma


def _core(phantom: Phantom, structure_id: str) -> Mask:
    """The voxels of a structure well inside its wall."""
    mask = phantom.truth.mask(structure_id)
    away = mask.points_lps() - mask.centroid_lps()
    inside = np.zeros(mask.block_kji.shape, dtype=bool)
    inside[mask.block_kji] = (away**2).sum(axis=1) < 18.0**2
    return Mask.from_block(inside, mask.box, phantom.scan.geometry)
