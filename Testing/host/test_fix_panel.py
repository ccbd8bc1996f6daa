"""Fix here in the Slicer panel: Slicer's own markups and place mode, a real backend process and segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from AmlartContourLib.scene.proposal_view import COME, GO, LIMIT, TITLE
from host import pythonqt
from host.application import Host
from host.clinician import Clinician
from support.backend_process import BackendProcess

Key = QtCore.Qt.Key
FILLS = "Fixes (for tests)"
BLADDER = "bladder"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("server") / "home").start()
    yield process
    process.stop()


@pytest.fixture
def clinician(bench: Any, host: Host, server: BackendProcess) -> Clinician:
    """At the block patient, with a hospital's server that has prompted engines, and the bladder chosen."""
    clinician = Clinician(host)
    clinician.ask_server(server.url, server.token)
    clinician.wait(lambda: bench.fix.ui.engineBox.count, 60, "the engines are offered")
    clinician.look_at(BLADDER)
    return clinician


def middle(bench: Any) -> np.ndarray:
    """LPS mm of a place in the chosen structure, at its edge in the middle slice."""
    mask = bench.session.case.structures.mask(BLADDER)
    k, j, i = (int(v) for v in np.argwhere(mask.to_array())[mask.voxel_count // 2])
    return np.asarray(mask.geometry.index_to_lps([i, j, k]))


def click(bench: Any, point_lps: np.ndarray) -> None:
    """What a click in a view does while one is waited for: a control point in the active list."""
    markups = slicer.modules.markups.logic()
    node = slicer.mrmlScene.GetNodeByID(markups.GetActiveListID())
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    x, y, z = (float(v) for v in point_lps)
    node.AddControlPointWorld(-x, -y, z)
    bench.tick()


def proposed(clinician: Clinician) -> Any:
    """Points at the bladder and waits for the answer."""
    bench = clinician.bench
    clinician.press(bench.fix.ui.pointButton)
    click(bench, middle(bench))
    clinician.press(bench.fix.ui.askButton)
    clinician.wait(lambda: bench.session.fixing.proposal, 60, "the engine answers")
    bench.tick()
    return bench.session.fixing.proposal


def proposal_node() -> Any:
    return slicer.mrmlScene.GetFirstNodeByName(TITLE)


def test_pointing_is_slicers_place_mode_and_puts_the_editor_down(clinician: Clinician) -> None:
    bench = clinician.bench
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    bench.editor.ui.editor.setActiveEffectByName("Paint")
    clinician.press(bench.fix.ui.beginButton)
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    assert interaction.GetPlaceModePersistence()
    assert pythonqt.unwrap(bench.editor.ui.editor).effect is None
    click(bench, middle(bench))
    assert bench.fix.ui.marksLabel.text == "Marks: 1."
    assert tuple(proposal_node().GetSegmentation().GetSegmentIDs()) == (LIMIT,)
    clinician.press(bench.fix.ui.clearButton)
    bench.tick()
    assert proposal_node() is None
    clinician.host.widget.exit()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_proposal_is_beside_the_contours_and_accepting_it_is_one_step_of_one(clinician: Clinician) -> None:
    bench, session = clinician.bench, clinician.bench.session
    before, parts = session.case.structures, bench.scene.part
    proposal = proposed(clinician)
    assert session.case.structures is before
    assert parts(BLADDER).same_voxels(before.mask(BLADDER))
    assert {LIMIT, COME} <= set(proposal_node().GetSegmentation().GetSegmentIDs())
    assert GO not in proposal_node().GetSegmentation().GetSegmentIDs()
    assert not proposal_node().GetSaveWithScene()
    said = bench.fix.ui.proposalLabel.text
    assert said.startswith("Proposed, not in the contour: Bladder.")
    assert f"{proposal.added.volume_cc:.2f} cm3 would come" in said
    clinician.press(bench.fix.ui.acceptButton)
    assert "needs a name" in bench.ui.noticeLabel.text
    bench.fix.ui.nameEdit.text = "Dr Test"
    clinician.press(bench.fix.ui.acceptButton)
    bench.tick()
    bench.tick()
    after = session.case.structures
    assert [i for i in after.ids if not after.mask(i).same_voxels(before.mask(i))] == [BLADDER]
    assert parts(BLADDER).same_voxels(proposal.mask)
    assert session.case.record.accepted[-1].accepted_by == "Dr Test"
    assert proposal_node() is None
    clinician.press(bench.editor.ui.undoButton)
    assert session.case.structures.mask(BLADDER).same_voxels(before.mask(BLADDER))


def test_return_accepts_and_escape_rejects_only_while_a_proposal_waits(clinician: Clinician) -> None:
    bench, session = clinician.bench, clinician.bench.session
    window: QtWidgets.QWidget = pythonqt.unwrap(clinician.host.parent)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    clinician.host.widget.enter()
    before = session.case.structures
    QTest.keyClick(window, Key.Key_Return)
    proposed(clinician)
    QTest.keyClick(window, Key.Key_Escape)
    assert session.fixing.proposal is None
    assert session.case.structures is before
    bench.tick()
    clinician.press(bench.fix.ui.askButton)
    clinician.wait(lambda: session.fixing.proposal, 60, "the engine answers")
    bench.tick()
    name = pythonqt.unwrap(bench.fix.ui.nameEdit)
    name.setFocus()
    QTest.keyClicks(name, "Dr Test")
    QTest.keyClick(name, Key.Key_Return)
    assert session.fixing.proposal is not None, "Return belongs to the field that is typed into"
    name.clearFocus()
    QTest.keyClick(window, Key.Key_Return)
    assert session.fixing.proposal is None
    assert session.editing.undo_label == "fix here: Bladder"


def test_the_box_is_two_corners_and_its_answer_can_take_voxels_away(clinician: Clinician) -> None:
    bench, session = clinician.bench, clinician.bench.session
    clinician.press(bench.fix.ui.boxButton)
    centre = middle(bench)
    for aside in (np.asarray([-6.0, -6.0, 0.0]), np.asarray([6.0, 6.0, 0.0])):
        click(bench, centre + aside)
        slicer.modules.markups.logic().StartPlaceMode(False)  # a real click does not leave before the second
    bench.tick()
    bench.fix.ui.acrossSpin.value = 0.0
    clinician.press(bench.fix.ui.askButton)
    clinician.wait(lambda: session.fixing.proposal, 60, "the engine answers")
    proposal = session.fixing.proposal
    assert proposal.prompt.box.is_flat
    assert len(proposal.slices(session.case.patient.axial)) == 1
    bench.tick()
    assert GO in proposal_node().GetSegmentation().GetSegmentIDs()


def test_an_engine_that_works_is_shown_and_can_be_cancelled(clinician: Clinician) -> None:
    bench, session = clinician.bench, clinician.bench.session
    titles = [engine.id for engine in bench.fix._engines]
    bench.fix.ui.engineBox.currentIndex = titles.index("fix-waits")
    clinician.press(bench.fix.ui.pointButton)
    click(bench, middle(bench))
    clinician.press(bench.fix.ui.askButton)
    clinician.wait(lambda: bench.fix.ui.stageLabel.text == "waiting", 60, "the engine works")
    assert not bench.fix.ui.askButton.enabled
    clinician.press(bench.fix.ui.cancelButton)
    clinician.wait(lambda: not session.fixing.running, 30, "it ends")
    assert session.fixing.proposal is None


def test_composites_cannot_be_chosen_and_without_an_engine_one_sentence_says_what_to_do(
    clinician: Clinician, server: BackendProcess
) -> None:
    bench, client = clinician.bench, server.client()
    box = pythonqt.unwrap(bench.fix.ui.structureBox)
    names = {box.itemText(n) for n in range(box.count())}
    assert "Bladder" in names
    assert not names & {"CTVp", "CTVn", "CTV"}
    bench.choose("ctvp")
    bench.tick()
    clinician.press(bench.fix.ui.pointButton)
    click(bench, middle(bench))
    assert not bench.fix.ui.askButton.enabled
    offered = client.capabilities()
    client.close()
    bench.fix.offer(replace(offered, engines=tuple(replace(e, prompts=()) for e in offered.engines)))
    assert "`amlart models add-prompted WEIGHTS --id NAME`" in bench.fix.ui.noneLabel.text
    assert not bench.fix.ui.beginButton.enabled


def test_the_scene_closed_or_the_module_gone_leaves_nothing_behind(
    clinician: Clinician, host: Host, tmp_path: Path
) -> None:
    bench = clinician.bench
    proposed(clinician)
    markups = slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsNode")
    assert [markups.GetItemAsObject(n).GetSaveWithScene() for n in range(markups.GetNumberOfItems())] == [0]
    slicer.mrmlScene.Clear(0)
    bench.tick()
    assert proposal_node() is None
    assert slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsNode").GetNumberOfItems() == 0
    host.reload()
    assert slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsNode").GetNumberOfItems() == 0
