"""Whether a CT shows a pelvis, from the image alone: on shapes, and on every public CT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU, CtScan
from inference_backend.guideline.field_of_view import pelvis_in_scan
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.guideline.nodal import contour_nodal
from support.shapes import block, grid
from support.shared_data import real_case, unpacked

GRID = grid((100, 70, 40), (4.0, 4.0, 4.0), "head first supine", (0.0, 0.0, 0.0))
TRUNK = block(GRID, (-180, -110, -200), (180, 110, 200))


def _scan(*bones: Mask) -> CtScan:
    hu = np.full(GRID.shape_kji, AIR_HU, dtype=np.int16)
    hu[TRUNK.to_array()] = 30
    for bone in bones:
        hu[bone.to_array()] = 700
    return CtScan(hu, GRID)


def _bone(low_x: float, high_x: float, height: float, depth: float = 60.0) -> Mask:
    return block(GRID, (low_x, -depth / 2, -height / 2), (high_x, depth / 2, height / 2))


def test_a_pair_of_large_bones_over_some_length_is_a_pelvis() -> None:
    assert pelvis_in_scan(_scan(_bone(70, 110, 80), _bone(-110, -70, 80))).present is True


def test_a_pair_over_a_short_length_cannot_be_told() -> None:
    assert pelvis_in_scan(_scan(_bone(70, 110, 20), _bone(-110, -70, 20))).present is None


def test_a_large_bone_on_one_side_cannot_be_told() -> None:
    assert pelvis_in_scan(_scan(_bone(70, 110, 80))).present is None


@pytest.mark.parametrize(
    "bones",
    [
        (),
        (_bone(-30, 30, 120),),  # a spine
        (_bone(80, 92, 120, 16), _bone(-92, -80, 120, 16)),  # ribs
        (_bone(164, 178, 120), _bone(-178, -164, 120)),  # arms beside the trunk
    ],
    ids=["no bone", "spine", "ribs", "arms"],
)
def test_other_bones_are_no_pelvis(bones: tuple[Mask, ...]) -> None:
    assert pelvis_in_scan(_scan(*bones)).present is False


def test_an_empty_image_is_no_pelvis() -> None:
    air = np.full(GRID.shape_kji, AIR_HU, dtype=np.int16)
    assert pelvis_in_scan(CtScan(air, GRID)).present is False


def test_the_example_scan_shows_a_pelvis() -> None:
    assert pelvis_in_scan(read_ct(real_case("totalseg_example") / "ct.nii.gz")).present is True


@pytest.mark.parametrize(
    ("case", "present"),
    [("sts044_dicomrt", None), ("crlm1006_ffs_contrast", False), ("ge_head_gantry_tilt", False)],
)
def test_public_scans_are_judged_right(case: str, present: bool | None, tmp_path: Path) -> None:
    assert pelvis_in_scan(read_ct(unpacked(case, tmp_path), resample_tilt=True)).present is present


def test_a_scan_of_the_upper_abdomen_with_arms_shows_no_pelvis() -> None:
    assert pelvis_in_scan(read_ct(real_case("totalseg_dicom_j2k") / "dicom")).present is False


def test_a_scan_without_pelvis_and_without_masks_is_refused_in_clear_words(tmp_path: Path) -> None:
    scan = read_ct(unpacked("crlm1006_ffs_contrast", tmp_path))
    with pytest.raises(NothingToContour) as refusal:
        contour_nodal(scan, StructureSet.of(scan.geometry, []), load_margins("pgi"))
    assert "holds no pelvis" in refusal.value.what
    assert refusal.value.kept
    assert refusal.value.advice
