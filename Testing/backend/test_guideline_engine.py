"""The first real engine: the guideline's nodal levels, through the backend as they are without it."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.client.job_run import ContourTask, JobRun
from AmlartContourLib.contract.errors import Cancelled, NothingToContour
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.engines.guideline_nodal import USED, GuidelineNodalEngine
from inference_backend.engines.registry import Registry
from inference_backend.guideline.margins_preset import load_margins, preset_names
from inference_backend.guideline.nodal import contour_nodal
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from support.backend_process import BackendProcess


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A small, coarse patient."""
    return make_phantom(PhantomSpec(matrix_ij=(120, 100), pixel_mm=(3.4, 3.4), slice_step_mm=5.0))


def _organs(phantom: Phantom) -> StructureSet:
    return phantom.truth.only(USED)


def test_every_guideline_preset_has_an_engine() -> None:
    infos = {info.id: info for info in Registry().infos()}
    assert {f"guideline-{name.replace('_', '-')}" for name in preset_names()} <= set(infos)
    for name, info in infos.items():
        if not name.startswith("guideline-"):
            continue
        assert info.available, info.reason
        assert info.id == name
        assert all(structure in catalogue() for structure in (*info.gives, *info.uses_context))


def test_levels_are_those_of_a_call_without_the_backend(shared: BackendProcess, phantom: Phantom) -> None:
    organs = _organs(phantom)
    direct = contour_nodal(phantom.scan, organs, load_margins("taylor_2005"))
    stages: list[str] = []
    task = ContourTask(
        phantom.scan.hu_kji, phantom.scan.geometry, "guideline-taylor-2005", context=organs, client="test"
    )
    found = JobRun(task, shared.client, lambda progress: stages.append(progress.stage)).run()
    assert set(found.masks.ids) == set(direct.structures.ids)
    for contour in direct.structures:
        mine = found.masks.contours[contour.structure_id]
        assert mine.mask.same_voxels(contour.mask), contour.structure_id
        assert mine.source is Source.GUIDELINE
        assert mine.note == contour.note
    for there, here in zip(found.borders, direct.borders, strict=True):
        assert (there.kind, there.evidence, there.estimated) == (here.kind, here.evidence, here.estimated)
        np.testing.assert_allclose(there.point_lps, here.point_lps, atol=1e-9)
        np.testing.assert_allclose(there.normal_lps, here.normal_lps, atol=1e-9)
    assert found.findings == direct.messages
    assert found.timings_s["contour"] > 0
    assert any("level" in stage for stage in stages)


def test_only_the_wanted_levels_come_back(shared: BackendProcess, phantom: Phantom) -> None:
    task = ContourTask(
        phantom.scan.hu_kji,
        phantom.scan.geometry,
        "guideline-pgi",
        wanted=("ln_common_iliac", "ln_paraaortic"),
        context=_organs(phantom),
    )
    assert set(JobRun(task, shared.client).run().masks.ids) == {"ln_common_iliac", "ln_paraaortic"}


def test_what_the_engine_does_not_use_changes_nothing(phantom: Phantom) -> None:
    margins = load_margins("taylor_2005")
    some = contour_nodal(phantom.scan, _organs(phantom), margins)
    every = contour_nodal(phantom.scan, phantom.truth, margins)
    for contour in every.structures:
        assert contour.mask.same_voxels(some.structures.mask(contour.structure_id)), contour.structure_id


def test_without_masks_the_job_says_what_is_missing(shared: BackendProcess, phantom: Phantom) -> None:
    task = ContourTask(phantom.scan.hu_kji, phantom.scan.geometry, "guideline-pgi")
    with pytest.raises(NothingToContour, match="neither a pelvis nor a great vessel") as failed:
        JobRun(task, shared.client).run()
    assert "masks" in failed.value.advice


def test_the_engine_stops_when_asked(phantom: Phantom) -> None:
    engine = GuidelineNodalEngine("pgi")
    engine.load("cpu")
    with pytest.raises(Cancelled):
        engine.contour(phantom.scan, ("ln_pelvic",), lambda _f, _s: None, lambda: True, _organs(phantom))
    engine.unload()
