"""The module in the stand-in host: its life from setup to the second reload, and its panels driven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from host.application import Host
from host.clinician import tree_line
from host.leftovers import Count
from support.backend_process import wait_for


def test_setup_enter_exit_cleanup_and_two_reloads_leave_nothing(host: Host) -> None:
    host.load()
    host.close()
    before = Count.now(host.scene)
    widget = host.load()
    for _ in range(2):
        widget.enter()
        host.spin(0.25)
        widget.exit()
        widget = host.reload()
    host.close()
    assert Count.now(host.scene) == before


def test_a_scene_closed_half_way_leaves_no_patient_and_no_node(bench: Any, host: Host) -> None:
    host.widget.enter()
    slicer.mrmlScene.Clear(0)
    host.spin(0.25)
    assert bench.session.patient is None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert bench.ui.patientLabel.text == "No patient is open."
    host.widget.exit()


def test_ticking_a_part_composes_the_target_anew_and_leaves_the_part(bench: Any) -> None:
    tree = bench.components.ui.tree
    uterus = bench.session.case.structures.mask("uterus")
    with_it = bench.session.case.composition.composites.mask("ctvp").voxel_count
    import qt

    item = tree_line(tree, "Uterus")
    assert item.checkState(0) == qt.Qt.Checked
    item.setCheckState(0, qt.Qt.Unchecked)
    assert "uterus" not in bench.session.case.selection.included
    assert bench.session.case.composition.composites.mask("ctvp").voxel_count < with_it
    assert bench.session.case.structures.mask("uterus") is uterus


def test_the_settings_of_the_components_reach_the_session(bench: Any) -> None:
    ui = bench.components.ui
    ui.ptvSpin.value = 7.0
    bench.components._ptv()
    bench.tick()
    assert bench.session.case.composition.composites.has("ptv") or bench.session.case.selection.ptv
    ui.disjointCheck.click()
    assert bench.session.case.selection.rules_off
    ui.editBackCheck.click()
    assert not bench.session.case.selection.edit_back_parametrium


def test_a_click_on_a_slice_of_the_strip_moves_the_axial_view(bench: Any) -> None:
    bench.choose("bladder")
    bench.tick()
    axial = bench.session.patient.axial
    slices = bench.session.case.slices("bladder")
    assert bench.effort.ui.strip.columnCount == len(slices)
    bench.effort._jump(0, len(slices) - 1)
    assert bench.desk.views.current(axial) == slices[-1]


def test_what_the_axial_view_shows_counts_as_displayed(bench: Any, host: Host) -> None:
    bench.choose("bladder")
    patient = bench.session.patient
    k = bench.session.case.slices("bladder")[0]
    bench.desk.views.jump(patient.axial, k)
    wait_for(lambda: host.spin(0.1) or k in bench.session.case.review.of("bladder").seen, 20, "it is seen")
    bench.scene.working_node.GetDisplayNode().SetVisibility(False)
    other = bench.session.case.slices("bladder")[-1]
    bench.desk.views.jump(patient.axial, other)
    host.spin(0.6)
    assert other not in bench.session.case.review.of("bladder").seen, "hidden contours are not displayed"


def test_an_approval_without_reviews_is_refused_in_words(bench: Any) -> None:
    bench.review.ui.reviewerEdit.text = "Dr A"
    bench.review.ui.approveButton.click()
    assert bench.session.review.approval is None
    assert "Not reviewed yet" in bench.ui.noticeLabel.text


def test_the_export_dialog_is_offered_our_segmentations_only(bench: Any, host: Host, tmp_path: Path) -> None:
    plugin = slicer.modules.dicomPlugins["AmlartContourDICOMPlugin"]()
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(host.scene)
    other = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Other")
    items = [tree.CreateItem(tree.GetSceneItemID(), n) for n in (bench.scene.working_node, other)]
    assert plugin.examineForExport(items[1]) == []
    (offered,) = plugin.examineForExport(items[0])
    assert offered.tags["Modality"] == "RTSTRUCT"
    offered.directory = str(tmp_path / "out")
    assert plugin.export([offered]) == ""
    assert list((tmp_path / "out").rglob("rtstruct.dcm"))
