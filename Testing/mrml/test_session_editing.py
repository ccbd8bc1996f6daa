"""Editing one structure leaves all others as they were, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import slicer
from vtk.util import numpy_support

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.session.session import Session
from support.shapes import ball, grid
from support.workstation import Desk, painted, pelvis


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.with_contours()
    yield desk
    desk.session.end()


def scene_holds(scene: PatientScene, structures: StructureSet) -> bool:
    """True when the segment editor's segmentation is those structures, voxel for voxel."""
    ids = tuple(scene.working_node.GetSegmentation().GetSegmentIDs())
    return set(ids) == set(structures.ids) and all(
        (scene.part(i) or Mask.empty(structures.geometry)).same_voxels(structures.mask(i)) for i in ids
    )


def same_but(one: StructureSet, other: StructureSet, changed: str) -> bool:
    """True when every structure but one is bit-identical in both."""
    return one.ids == other.ids and all(
        one.mask(i).same_voxels(other.mask(i)) for i in one.ids if i != changed
    )


def composed(session: Session) -> bool:
    """True when the case's composites are those of the rules, and the scene's too."""
    case = session.case
    made = compose(case.structures, case.selection, case.catalogue).composites
    now = case.composition.composites
    return made.ids == now.ids and all(made.mask(i).same_voxels(now.mask(i)) for i in made.ids)


def editor(desk: Desk) -> tuple[slicer.vtkSlicerSegmentEditorLogic, slicer.vtkMRMLSegmentEditorNode]:
    """Slicer's own editor logic on the segmentation of the parts."""
    node = desk.logics.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(desk.logics.scene)
    logic.SetSegmentEditorNode(node)
    logic.SetSegmentationNode(desk.scene.working_node)
    logic.SetSourceVolumeNode(desk.scene.volume_node)
    logic.UpdateReferenceGeometryImage()
    return logic, node


def paint(desk: Desk, structure_id: str, dab: Mask, *, overwrite: bool = False) -> None:
    """A stroke as Slicer's editor makes it."""
    logic, node = editor(desk)
    node.SetOverwriteMode(node.OverwriteAllSegments if overwrite else node.OverwriteNone)
    logic.ResetModifierLabelmapToDefault()
    modifier = logic.GetModifierLabelmap()
    voxels = numpy_support.vtk_to_numpy(modifier.GetPointData().GetScalars())
    voxels.reshape(dab.geometry.shape_kji)[:] = dab.to_array()
    modifier.Modified()
    add = logic.ModificationModeAdd
    whole = [0, -1, 0, -1, 0, -1]
    logic.ModifySegmentByLabelmap(desk.scene.working_node, structure_id, modifier, add, whole, False, False)


def test_a_stroke_of_slicers_editor_becomes_one_step_of_that_structure(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    dab = ball(pelvis(), (0, -14, -20), 6)
    session.editing.begin("bladder", "paint")
    paint(desk, "bladder", dab)
    assert session.editing.working_scene_changed
    taken = session.editing.take()
    assert (taken.structure_id, taken.changed, taken.put_back) == ("bladder", True, ())
    now = session.case.structures
    assert now.mask("bladder").same_voxels(before.mask("bladder") | dab)
    assert same_but(before, now, "bladder")
    assert scene_holds(desk.scene, now)
    assert composed(session)
    assert not session.editing.working_scene_changed
    assert session.editing.undo_label == "paint: Bladder"


def test_an_editor_that_overwrites_others_changes_only_the_structure_that_was_begun(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    dab = ball(pelvis(), (0, 0, -10), 10)
    session.editing.begin("cervix", "paint")
    paint(desk, "cervix", dab, overwrite=True)
    taken = session.editing.take()
    assert taken.structure_id == "cervix"
    assert "uterus" in taken.put_back
    assert same_but(before, session.case.structures, "cervix")
    assert scene_holds(desk.scene, session.case.structures)


def test_a_stroke_in_another_structure_than_the_begun_one_is_put_back(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    session.editing.begin("bladder", "paint")
    paint(desk, "uterus", ball(pelvis(), (0, -20, 2), 6))
    taken = session.editing.take()
    assert taken.structure_id is None
    assert taken.put_back == ("uterus",)
    assert session.case.structures is before
    assert scene_holds(desk.scene, before)
    assert "Told" in desk.kinds()


def test_without_a_begun_structure_the_only_one_that_was_edited_is_taken(desk: Desk) -> None:
    paint(desk, "vagina", ball(pelvis(), (10, 10, -40), 4))
    assert desk.session.editing.take().structure_id == "vagina"


def test_segments_that_an_editor_adds_or_takes_away_are_put_right(desk: Desk) -> None:
    before = desk.session.case.structures
    segmentation = desk.scene.working_node.GetSegmentation()
    segmentation.AddEmptySegment("Segment_1", "made by islands", [1.0, 0.0, 0.0])
    segmentation.RemoveSegment("uterus")
    taken = desk.session.editing.take()
    assert set(taken.put_back) == {"Segment_1", "uterus"}
    assert desk.session.case.structures is before
    assert scene_holds(desk.scene, before)


def test_composites_and_contours_as_they_came_cannot_be_edited(desk: Desk) -> None:
    session = desk.session
    for composite in ("ctvp", "ctv"):
        with pytest.raises(BadSetting, match="made of other contours"):
            session.editing.begin(composite, "paint")
        with pytest.raises(BadSetting, match="made of other contours"):
            session.editing.apply(composite, Mask.empty(pelvis()), "paint")
    came = session.case.originals
    for node in (desk.scene.composites_node, desk.scene.original_node):
        segmentation = node.GetSegmentation()
        for structure_id in tuple(segmentation.GetSegmentIDs()):
            desk.logics.segmentations.ClearSegment(node, structure_id)
    session.editing.take()
    assert session.case.originals is came
    assert composed(session)
    for segments, wanted in (
        (desk.scene._segments["Composites"], session.case.composition.composites),
        (desk.scene._segments["Originals"], came),
    ):
        assert all(segments.mask(i).same_voxels(wanted.mask(i)) for i in segments.ids())


def test_undo_and_redo_go_back_and_forth_exactly(desk: Desk) -> None:
    session = desk.session
    states = [session.case.structures]
    for number, (structure_id, add) in enumerate([("cervix", True), ("uterus", False), ("cervix", False)]):
        mask = session.case.structures.mask(structure_id)
        assert session.editing.apply(structure_id, painted(mask, (number, 2, -12), 8, add), "paint")
        states.append(session.case.structures)
    for wanted in reversed(states[:-1]):
        assert session.editing.undo()
        assert scene_holds(desk.scene, wanted)
        assert composed(session)
    for wanted in states[1:]:
        assert session.editing.redo()
        assert scene_holds(desk.scene, wanted)
    assert not session.editing.redo()


def test_an_edit_after_undo_forgets_what_was_undone(desk: Desk) -> None:
    session = desk.session
    session.editing.apply("cervix", painted(session.case.structures.mask("cervix"), (0, 0, -10), 6), "paint")
    session.editing.undo()
    session.editing.apply("vagina", painted(session.case.structures.mask("vagina"), (0, 9, -20), 6), "paint")
    assert session.editing.redo_label is None
    assert not session.editing.redo()


def test_an_edit_that_changes_no_voxel_is_no_step(desk: Desk) -> None:
    session, label = desk.session, desk.session.editing.undo_label
    assert not session.editing.apply("cervix", session.case.structures.mask("cervix"), "paint")
    assert session.editing.undo_label == label
    assert session.case.record.log.entries == ()


def test_a_tool_that_was_overtaken_by_another_edit_changes_nothing(desk: Desk) -> None:
    session = desk.session
    was = session.case.structures.mask("cervix")
    assert session.editing.apply("cervix", painted(was, (0, 0, -10), 6), "paint", made_from=was)
    now = session.case.structures.mask("cervix")
    with pytest.raises(BadSetting, match="while the tool was at work"):
        session.editing.apply("cervix", Mask.empty(was.geometry), "smooth", made_from=was)
    assert session.case.structures.mask("cervix") is now


def test_a_contour_on_another_grid_is_refused(desk: Desk) -> None:
    with pytest.raises(GeometryMismatch):
        desk.session.editing.apply("cervix", ball(grid(), (10, -20, -100), 5), "paint")


def test_a_structure_can_be_emptied_and_drawn_again(desk: Desk) -> None:
    session = desk.session
    session.editing.apply("cervix", Mask.empty(pelvis()), "erase")
    assert desk.scene.part("cervix").is_empty
    assert composed(session)
    dab = ball(pelvis(), (0, 0, -20), 5)
    session.editing.begin("cervix", "paint")
    paint(desk, "cervix", dab)
    session.editing.take()
    assert session.case.structures.mask("cervix").same_voxels(dab)


def test_what_no_engine_gave_can_be_added_and_drawn(desk: Desk) -> None:
    session = desk.session
    session.editing.add("gtvp")
    dab = ball(pelvis(), (0, 0, -24), 7)
    session.editing.begin("gtvp", "draw")
    paint(desk, "gtvp", dab)
    session.editing.take()
    assert session.case.structures.mask("gtvp").same_voxels(dab)
    assert "gtvp" in session.case.composition.used.ids
    with pytest.raises(BadSetting, match="there already"):
        session.editing.add("gtvp")
    with pytest.raises(BadSetting, match="not for drawing"):
        session.editing.add("ctv")


def test_reset_brings_the_contour_back_as_it_came(desk: Desk) -> None:
    session = desk.session
    came = session.case.originals.mask("uterus")
    session.editing.apply("uterus", painted(came, (0, 0, 0), 9, add=False), "erase")
    session.editing.reset("uterus")
    assert session.case.structures.mask("uterus").same_voxels(came)
    session.editing.undo()
    assert not session.case.structures.mask("uterus").same_voxels(came)
