"""The module beside Slicer's own and other people's segmentations, in any layout; a scene closed half-way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import slicer
import vtk

from AmlartContourLib.session.events import PatientOpened
from host.application import Host
from host.clinician import Clinician, dab
from host.leftovers import Count
from support.backend_process import wait_for


def _tree() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def _branch(node: Any) -> list[str]:
    """Names of the items above a node's, the nearest first."""
    tree, names = _tree(), []
    item = tree.GetItemParent(tree.GetItemByDataNode(node))
    while item != tree.GetSceneItemID():
        names.append(tree.GetItemName(item))
        item = tree.GetItemParent(item)
    return names


def test_the_data_module_lists_the_patient_with_her_ct_and_contours(bench: Any) -> None:
    for node in (bench.scene.volume_node, bench.scene.working_node, bench.scene.composites_node):
        assert _branch(node) == ["Contouring", "Block patient"]
    bench.worklist.ui.closeButton.click()
    items = vtk.vtkIdList()
    _tree().GetItemChildren(_tree().GetSceneItemID(), items, True)
    assert items.GetNumberOfIds() == 0


def test_what_somebody_else_put_into_the_scene_is_left_alone(bench: Any, host: Host) -> None:
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Other")
    other.GetSegmentation().AddEmptySegment("bladder", "Bladder", (1.0, 0.0, 0.0))
    _tree().CreateItem(_tree().GetItemParent(_tree().GetItemByDataNode(bench.scene.working_node)), other)
    changed = other.GetMTime()
    clinician = Clinician(host)
    host.widget.enter()
    mask = bench.session.case.structures.mask("bladder")
    clinician.paint("bladder", dab(mask, bench.session.case.slices("bladder")[0]))
    clinician.press(bench.editor.ui.undoButton)
    bench.worklist.ui.closeButton.click()
    assert slicer.mrmlScene.IsNodePresent(other)
    assert _branch(other) == []
    assert other.GetMTime() == changed


def test_a_segment_deleted_in_another_module_comes_back(bench: Any, host: Host) -> None:
    bladder = bench.session.case.structures.mask("bladder")
    bench.choose("uterus")
    host.spin(0.2)
    bench.scene.working_node.GetSegmentation().RemoveSegment("bladder")
    host.spin(0.3)
    assert "put back" in bench.ui.noticeLabel.text
    assert bench.scene.part("bladder").same_voxels(bladder)


def test_a_layout_without_an_axial_view_gives_way_to_four_up_and_another_stays(
    bench: Any, host: Host
) -> None:
    layout = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(layout.SlicerLayoutConventionalView)
    axial = bench.session.patient.axial
    bench.desk.views.show_patient(axial)
    assert layout.GetViewArrangement() == layout.SlicerLayoutConventionalView
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    red.SetMappedInLayout(0)
    try:
        bench.desk.views.show_patient(axial)
    finally:
        red.SetMappedInLayout(1)
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView


def test_a_patient_who_is_being_opened_when_the_scene_closes_is_not_opened(bench: Any, host: Host) -> None:
    worklist = bench.worklist
    worklist.ui.openButton.click()
    slicer.mrmlScene.Clear(0)
    assert "Block patient was not opened" in bench.ui.noticeLabel.text
    wait_for(lambda: not _is_reading(), 20, "the reading has ended")
    host.spin(0.3)
    assert bench.session.patient is None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert "Block patient was not opened" in bench.ui.noticeLabel.text, "the words stay"
    worklist.ui.openButton.click()
    wait_for(lambda: host.spin(0.05) or bench.session.patient, 20, "she is opened when asked for again")


def test_a_patient_who_is_asked_for_again_while_a_dropped_reading_ends_is_opened_once(
    bench: Any, host: Host
) -> None:
    opened = []
    bench.session.subscribe(lambda event: opened.append(event) if isinstance(event, PatientOpened) else None)
    bench.worklist.ui.openButton.click()
    slicer.mrmlScene.Clear(0)
    bench.worklist.ui.openButton.click()
    wait_for(lambda: not _is_reading(), 20, "both readings have ended")
    host.spin(0.3)
    assert bench.session.patient.name == "Block patient"
    assert len(opened) == 1


def _is_reading() -> bool:
    return any(thread.name == "amlart" for thread in threading.enumerate())


DRIVEN: dict[str, Callable[[Clinician], object]] = {
    "worklist": lambda c: c.press(c.bench.worklist.ui.openButton),
    "backend": lambda c: c.press(c.bench.backend.ui.testButton),
    "contouring": lambda c: c.bench.contouring.ui.blindCheck.click(),
    "components": lambda c: c.tick("Uterus", on=False),
    "effort": lambda c: (c.look_at("bladder"), c.press(c.bench.effort.ui.worstButton)),
    "editor": lambda c: c.look_at("bladder"),
    "review": lambda c: c.press(c.bench.review.ui.approveButton),
    "export": lambda c: c.press(c.bench.export.ui.exportButton),
}


@pytest.mark.slow
@pytest.mark.parametrize("panel", DRIVEN)
def test_a_panel_that_was_used_leaves_nothing_when_the_scene_closes_half_way(
    panel: str, host: Host, bench: Any
) -> None:
    """Used, the scene closed in the middle of it, left, loaded anew twice, and used again."""
    del bench
    host.close()
    host.scene.Clear(0)
    before = Count.now(host.scene)
    for _ in range(2):
        host.load()
        clinician = Clinician(host)
        host.widget.enter()
        clinician.bench.worklist.ui.table.selectRow(0)
        clinician.press(clinician.bench.worklist.ui.openButton)
        clinician.wait(lambda c=clinician: c.bench.session.patient, 60, "the patient is open")
        host.spin(0.25)
        DRIVEN[panel](clinician)
        slicer.mrmlScene.Clear(0)
        host.spin(0.3)
        assert clinician.bench.session.patient is None
        host.widget.exit()
        host.reload()
        host.close()
    wait_for(
        lambda: {t.name for t in threading.enumerate()} <= before.threads, 120, "an export ends by itself"
    )
    after = Count.now(host.scene)
    assert (after.observers, after.widgets, after.timers) == (before.observers, before.widgets, before.timers)
