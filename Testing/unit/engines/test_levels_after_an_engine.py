"""An engine that gives organs, vessels and bones only: the guideline draws the nodal levels round them."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.parts import NODAL_IDS
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.exchange.nifti_out import write_ct
from AmlartContourLib.exchange.presets import load_preset
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.loop import Case, Request, run
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.write import organ_names

NOBODY = lambda _fraction, _stage: None  # noqa: E731


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A coarse patient."""
    return make_phantom(PhantomSpec(matrix_ij=(120, 100), pixel_mm=(3.4, 3.4), slice_step_mm=5.0))


def ran(phantom: Phantom, folder: Path, given: StructureSet, guideline: str | None) -> Case:
    """The loop with an engine that gives these contours."""
    folder.mkdir()
    write_ct(folder / "ct.nii.gz", phantom.scan)
    preset = load_preset("small_pelvis")
    request = Request(
        ct=folder / "ct.nii.gz",
        contours=(),
        preset=preset,
        selection=Selection.from_preset(preset),
        pseudonym="CASE",
        guideline=load_margins(guideline, None) if guideline else None,
        engine=lambda _scan, _came_in, _progress: Contours(given, engine="organs", engine_version="1"),
    )
    return run(request, NOBODY)


def test_levels_are_drawn_round_the_vessels_that_the_engine_gave(phantom: Phantom, tmp_path: Path) -> None:
    organs = phantom.truth.only([*organ_names(phantom), "cervix", "uterus"])
    case = ran(phantom, tmp_path / "case", organs, "taylor_2005")
    drawn = [i for i in NODAL_IDS if case.structures.has(i)]
    assert "ln_pelvic" in drawn
    assert {case.structures.contours[i].source for i in drawn} == {Source.GUIDELINE}
    assert case.record.engines[0].name == "organs"
    assert len(case.record.engines) == 2
    assert case.record.borders
    without = ran(phantom, tmp_path / "without", organs, None)
    assert not any(without.structures.has(i) for i in NODAL_IDS)
    for one in organs:
        assert case.structures.mask(one.structure_id).same_voxels(without.structures.mask(one.structure_id))


def test_levels_that_the_engine_gave_itself_are_left_alone(phantom: Phantom, tmp_path: Path) -> None:
    case = ran(phantom, tmp_path / "case", phantom.truth, "taylor_2005")
    assert len(case.record.engines) == 1
    assert case.structures.mask("ln_pelvic").same_voxels(phantom.truth.mask("ln_pelvic"))
