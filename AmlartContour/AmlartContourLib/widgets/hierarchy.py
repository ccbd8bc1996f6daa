"""The open patient in the subject hierarchy, as the Data module shows it: patient, study, CT and contours.

MRML only, no Qt. What else somebody put under the patient stays in the scene when the patient goes.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from AmlartContourLib.scene.patient_scene import PatientScene


class Hierarchy:
    """The branch of one patient."""

    def __init__(self, scene: Any, patient: PatientScene) -> None:
        self._scene = scene
        self._patient = patient
        self._branch = 0  # 0: none, as in MRML

    def show(self, name: str) -> None:
        """Puts the patient's nodes under a branch of their own: one that came with a scene, or a new one."""
        tree = self._tree()
        study = self._study_of(tree.GetItemByDataNode(self._patient.volume_node), name)
        if not study:
            branch = tree.CreateSubjectItem(tree.GetSceneItemID(), name)
            study = tree.CreateStudyItem(branch, _("Contouring"))
        self._branch = tree.GetItemParent(study)
        for node in self._nodes():
            item = tree.GetItemByDataNode(node)
            if item:
                tree.SetItemParent(item, study)
            else:
                tree.CreateItem(study, node)

    def _study_of(self, item: int, name: str) -> int:
        """The study that an item lies in, where that is one of the patient of this name; else 0."""
        tree = self._tree()
        study = tree.GetItemParent(item) if item else 0
        branch = tree.GetItemParent(study) if study and study != tree.GetSceneItemID() else 0
        ours = branch and branch != tree.GetSceneItemID() and tree.GetItemName(branch) == name
        return int(study) if ours else 0

    def hide(self) -> None:
        """Takes the branch away, before its nodes leave the scene."""
        tree, branch, self._branch = self._tree(), self._branch, 0
        branches, under = vtk.vtkIdList(), vtk.vtkIdList()
        tree.GetItemChildren(tree.GetSceneItemID(), branches, False)
        if not branch or branches.IsId(branch) < 0:
            return
        tree.GetItemChildren(branch, under, True)
        ours = self._nodes()
        for n in range(under.GetNumberOfIds()):
            item = under.GetId(n)
            node = tree.GetItemDataNode(item)
            if node is not None and node not in ours:
                tree.SetItemParent(item, tree.GetSceneItemID())
        tree.RemoveItem(branch, False, True)

    def _nodes(self) -> tuple[Any, ...]:
        """Those that the Data module lists."""
        patient = self._patient
        nodes = (patient.volume_node, patient.working_node, patient.composites_node, patient.original_node)
        return tuple(node for node in nodes if node is not None)

    def _tree(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
