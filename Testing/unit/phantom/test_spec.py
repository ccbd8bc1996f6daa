"""The specification: what it refuses, the grid it describes, and that it decides every byte."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting, UnknownStructure
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import LIMITS, PatientPosition, PhantomSpec
from inference_backend.phantom.variants import STANDARD, VARIANTS

SMALL = replace(STANDARD, matrix_ij=(72, 60), pixel_mm=(5.6, 5.6), slice_step_mm=8.0)


def test_equal_specifications_give_identical_bytes() -> None:
    one, two = make_phantom(SMALL), make_phantom(replace(SMALL))
    assert one.scan.hu_kji.tobytes() == two.scan.hu_kji.tobytes()
    assert one.truth.ids == two.truth.ids
    for contour in one.truth:
        assert contour.mask.same_voxels(two.truth.mask(contour.structure_id))


def test_another_seed_gives_another_picture_and_other_bowel_but_the_same_bones() -> None:
    one, two = make_phantom(SMALL), make_phantom(replace(SMALL, seed=99))
    assert not np.array_equal(one.scan.hu_kji, two.scan.hu_kji)
    assert not one.truth.mask("small_bowel").same_voxels(two.truth.mask("small_bowel"))
    assert one.truth.mask("femur_left").same_voxels(two.truth.mask("femur_left"))


@pytest.mark.parametrize("name", sorted(set(LIMITS) - {"seed"}))
def test_a_number_outside_its_range_is_refused_by_name(name: str) -> None:
    value = getattr(STANDARD, name)
    too_high = LIMITS[name][1] + 1
    with pytest.raises(BadSetting, match=name):
        replace(STANDARD, **{name: (too_high,) * len(value) if isinstance(value, tuple) else too_high})
    with pytest.raises(BadSetting, match=name):
        replace(STANDARD, **{name: (np.nan,) * len(value) if isinstance(value, tuple) else np.nan})


def test_a_scan_of_fewer_than_five_slices_is_refused() -> None:
    with pytest.raises(BadSetting, match="five slices"):
        PhantomSpec(bottom_mm=0.0, top_mm=10.0)


def test_metal_on_no_side_is_refused() -> None:
    with pytest.raises(BadSetting, match="metal_hip"):
        PhantomSpec(metal_hip="middle")


def test_a_missing_structure_that_is_in_no_catalogue_is_refused() -> None:
    with pytest.raises(UnknownStructure, match="tail"):
        make_phantom(replace(SMALL, missing=frozenset({"tail"})))


@pytest.mark.parametrize("position", PatientPosition)
def test_every_position_describes_the_same_space_in_another_order(position: PatientPosition) -> None:
    usual, other = STANDARD.geometry(), replace(STANDARD, patient_position=position).geometry()
    corners = usual.index_to_lps(usual.corners_ijk())
    turned = other.index_to_lps(other.corners_ijk())
    np.testing.assert_allclose(turned.min(axis=0), corners.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(turned.max(axis=0), corners.max(axis=0), atol=1e-9)


def test_the_scan_reaches_from_its_bottom_to_its_top_above_the_femoral_heads() -> None:
    spec = replace(STANDARD, heads_lps=(5.0, -30.0, 1000.0))
    geometry = spec.geometry()
    heights = geometry.index_to_lps(geometry.corners_ijk())[:, 2]
    assert (heights.min(), heights.max()) == pytest.approx((1000 + spec.bottom_mm, 1000 + spec.top_mm))


def test_every_parameter_and_variant_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "phantom.md").read_text(encoding="utf-8")
    for name in (*(field.name for field in fields(PhantomSpec)), *VARIANTS):
        assert f"`{name}`" in page, name
