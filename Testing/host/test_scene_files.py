"""A scene saved with a patient in it, and loaded again: her session goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import slicer
import vtk

from AmlartContourLib.widgets.self_test import write_block_patient
from host.application import Host
from host.clinician import Clinician, dab


@pytest.fixture
def bundle(bench: Any, host: Host, tmp_path: Path) -> Path:
    """A scene file of the open patient, whose bladder was edited."""
    clinician = Clinician(host)
    host.widget.enter()
    mask = bench.session.case.structures.mask("bladder")
    clinician.paint("bladder", dab(mask, bench.session.case.slices("bladder")[0]))
    host.spin(1.5)
    return save(host, tmp_path / "case.mrb")


def save(host: Host, path: Path) -> Path:
    """As the save dialog does it, which tells nobody before."""
    host.scene.SetURL(str(path))
    host.scene.SetRootDirectory(str(path.parent))
    assert host.scene.WriteToMRB(str(path))
    return path


def load(host: Host, path: Path, clear: bool = True) -> None:
    """As "Load scene" and "Add scene" do."""
    assert host.scene.ReadFromMRB(str(path), clear, slicer.vtkMRMLMessageCollection())
    host.spin(0.3)


def branches(host: Host) -> list[str]:
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(host.scene)
    items = vtk.vtkIdList()
    tree.GetItemChildren(tree.GetSceneItemID(), items, False)
    return [tree.GetItemName(items.GetId(n)) for n in range(items.GetNumberOfIds())]


def test_a_scene_that_is_loaded_goes_on_with_the_session_in_it(bench: Any, host: Host, bundle: Path) -> None:
    edited = bench.session.case.structures.mask("bladder")
    load(host, bundle)
    assert "The session of the scene was found." in bench.ui.noticeLabel.text
    assert bench.ui.patientLabel.text == "Block patient"
    assert bench.session.case.structures.mask("bladder").same_voxels(edited)
    assert [entry.structure_id for entry in bench.session.case.record.log.entries] == ["bladder"]
    assert branches(host) == ["Block patient"]
    bench.worklist.ui.closeButton.click()
    assert branches(host) == []


def test_a_scene_loaded_before_the_module_was_shown_is_found_by_it(host: Host, bundle: Path) -> None:
    host.close()
    load(host, bundle)
    bench = host.load().workbench
    host.spin(0.3)
    assert bench.ui.patientLabel.text == "Block patient"


def test_later_work_on_this_computer_is_not_replaced_unless_asked_for(
    bench: Any, host: Host, bundle: Path, tmp_path: Path
) -> None:
    in_scene = bench.session.case.structures.mask("uterus")
    uterus = dab(in_scene, bench.session.case.slices("uterus")[0])
    Clinician(host).paint("uterus", uterus)
    later = bench.session.case.structures.mask("uterus")
    assert not later.same_voxels(in_scene)
    load(host, bundle)
    assert bench.session.patient is None
    assert "other work on her was saved" in bench.ui.noticeLabel.text
    assert not bench.worklist.ui.sceneButton.isHidden()
    bench.worklist.ui.sceneButton.click()
    assert bench.session.case.structures.mask("uterus").same_voxels(in_scene)
    assert "kept aside as" in bench.ui.noticeLabel.text
    host.spin(0.1)
    assert bench.worklist.ui.sceneButton.isHidden()
    (aside,) = (tmp_path / "home" / "sessions").glob("*.aside-1")
    kept = bench.worklist._store.load(bench.session.patient.key)
    assert kept is not None
    assert (aside / "session.json").is_file()


def test_a_scene_that_is_added_leaves_the_open_patient_as_she_is(
    bench: Any, host: Host, bundle: Path, tmp_path: Path
) -> None:
    bench.worklist.ui.closeButton.click()
    write_block_patient(tmp_path / "others" / "Other patient")
    Clinician(host).open_folder(tmp_path / "others")
    load(host, bundle, clear=False)
    assert "was left out" in bench.ui.noticeLabel.text
    assert bench.session.patient.name == "Other patient"
    assert bench.scene.state_node.GetParameter("Name") == "Other patient"
    assert bench.scene.state_node.GetNodeReference("Ct") is bench.scene.volume_node


def test_a_scene_without_a_session_opens_nobody(bench: Any, host: Host, tmp_path: Path) -> None:
    bench.worklist.ui.closeButton.click()
    path = save(host, tmp_path / "other.mrb")
    said = bench.ui.noticeLabel.text
    load(host, path)
    assert bench.session.patient is None
    assert bench.ui.noticeLabel.text == said
