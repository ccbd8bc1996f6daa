"""The guideline recipe on synthetic patients whose landmarks are known, in every variant that may trip it."""

from __future__ import annotations

from functools import lru_cache

import pytest

from AmlartContourLib.domain.levels import BorderKind
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.guideline.nodal import NodalResult, contour_nodal
from inference_backend.phantom.make import Phantom
from support.phantoms import variant

LANDMARK_TOLERANCE_MM = {
    BorderKind.AORTIC_BIFURCATION: ("aortic_bifurcation", 4.0),
    # Two tubes part in their sections some way below the point where their middle lines part.
    BorderKind.COMMON_ILIAC_BIFURCATION_LEFT: ("iliac_bifurcation_left", 12.0),
    BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT: ("iliac_bifurcation_right", 12.0),
    BorderKind.FEMORAL_HEAD_LEFT: ("femoral_head_top_left", 3.0),
    BorderKind.FEMORAL_HEAD_RIGHT: ("femoral_head_top_right", 3.0),
    BorderKind.PELVIC_BOTTOM: ("obturator_bottom", 6.0),
    BorderKind.PARAAORTIC_TOP: ("left_renal_vein", 6.0),
}


def _organs(phantom: Phantom) -> StructureSet:
    """What a segmentation model would give: organs and landmarks, no target."""
    known = (Role.ORGAN, Role.LANDMARK)
    return phantom.truth.only(i for i in phantom.truth.ids if catalogue()[i].role in known)


@lru_cache(maxsize=6)
def _contoured(name: str) -> tuple[Phantom, NodalResult]:
    phantom = variant(name)
    return phantom, contour_nodal(phantom.scan, _organs(phantom), load_margins("pgi"))


@pytest.mark.parametrize("name", ["standard", "oblique", "feet_first_prone", "one_kidney", "non_square"])
def test_borders_lie_at_the_landmarks_however_the_patient_lies(name: str) -> None:
    phantom, result = _contoured(name)
    planes = {border.kind: border for border in result.borders}
    for kind, (landmark, tolerance) in LANDMARK_TOLERANCE_MM.items():
        apart = planes[kind].point_lps[2] - phantom.landmarks_lps[landmark][2]
        assert abs(apart) <= tolerance, kind


def test_an_oblique_scan_gives_the_same_levels_within_a_few_per_cent() -> None:
    straight, oblique = _contoured("standard")[1].structures, _contoured("oblique")[1].structures
    for stem in ("paraaortic", "common_iliac", "pelvic", "external_iliac"):
        volume = straight.mask(f"ln_{stem}").volume_cc
        assert oblique.mask(f"ln_{stem}").volume_cc == pytest.approx(volume, rel=0.06), stem


def test_levels_resemble_the_phantoms_own() -> None:
    # The phantom's levels were drawn by a rule of its own; this guards against gross error only.
    phantom, result = _contoured("standard")
    for stem, least in {
        "paraaortic": 0.8,
        "common_iliac": 0.75,
        "pelvic": 0.6,
        "external_iliac": 0.75,
    }.items():
        ours, theirs = result.structures.mask(f"ln_{stem}"), phantom.truth.mask(f"ln_{stem}")
        shared = (ours & theirs).voxel_count
        assert 2 * shared / (ours.voxel_count + theirs.voxel_count) >= least, stem


def test_a_scan_cropped_above_has_no_para_aortic_top_and_says_so() -> None:
    _, result = _contoured("cropped_above")
    assert BorderKind.PARAAORTIC_TOP not in {border.kind for border in result.borders}
    assert any("Cut by the upper end of the scan: Para-aortic" in message for message in result.messages)


def test_a_scan_cropped_below_says_which_levels_it_cuts() -> None:
    _, result = _contoured("cropped_below")
    assert any("Cut by the lower end of the scan: Obturator" in message for message in result.messages)


@pytest.mark.parametrize("name", ["after_hysterectomy", "metal_hip", "sigmoid_in_parametrium"])
def test_an_unusual_patient_gives_every_level(name: str) -> None:
    _, result = _contoured(name)
    for stem in ("external_iliac", "internal_iliac", "obturator", "presacral", "common_iliac", "paraaortic"):
        assert result.structures.has(f"ln_{stem}_left"), stem
        assert result.structures.has(f"ln_{stem}_right"), stem
