"""One patient in an MRML scene: the CT, three segmentations, and the node that keeps the session's state.

"Contours as they came" and "Targets" are locked, and no editor that works on "Contours" reaches them. Nodes
are found again in a scene from a file through the references of the state node. All calls on the thread that
owns the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray
from vtk.util import numpy_support

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.scene.found import Found, find, state_in
from AmlartContourLib.scene.labelmaps import ijk_to_ras
from AmlartContourLib.scene.logics import SceneLogics
from AmlartContourLib.scene.look import Look
from AmlartContourLib.scene.roles import COMPOSITES, CT, MODULE, ORIGINALS, PARTS, STATE_TAG, TITLES
from AmlartContourLib.scene.segments import Segments

WINDOW_HU, LEVEL_HU = 400.0, 40.0  # soft tissue of the pelvis
SEGMENTATIONS = (ORIGINALS, PARTS, COMPOSITES)


class PatientScene:
    """The scene of both faces; `session.ports.Scene` says what each call means."""

    def __init__(self, logics: SceneLogics) -> None:
        self._logics = logics
        self._geometry: Geometry | None = None
        self._nodes: dict[str, Any] = {}
        self._segments: dict[str, Segments] = {}

    @property
    def volume_node(self) -> Any:
        """The CT, or None."""
        return self._nodes.get(CT)

    @property
    def original_node(self) -> Any:
        """The segmentation of the contours as they came, or None."""
        return self._nodes.get(ORIGINALS)

    @property
    def working_node(self) -> Any:
        """The segmentation of the parts, for the segment editor, or None."""
        return self._nodes.get(PARTS)

    @property
    def composites_node(self) -> Any:
        """The segmentation of the composites, or None."""
        return self._nodes.get(COMPOSITES)

    @property
    def state_node(self) -> Any:
        """The node that keeps the session's state, or None."""
        return self._nodes.get(STATE_TAG)

    def show_patient(self, name: str, hu_kji: NDArray[np.int16], geometry: Geometry) -> None:
        """A new patient: everything of the one before goes."""
        self.clear()
        scene, self._geometry = self._logics.scene, geometry
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"CT {name}")
        volume.SetAndObserveImageData(_image(hu_kji))
        volume.SetIJKToRASMatrix(ijk_to_ras(geometry))
        volume.CreateDefaultDisplayNodes()
        display = volume.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(WINDOW_HU, LEVEL_HU)
        self._nodes[CT] = volume
        for role in SEGMENTATIONS:
            node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", TITLES[role])
            node.CreateDefaultDisplayNodes()
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
            self._nodes[role] = node
            self._segments[role] = Segments(self._logics, node, geometry)
        self._nodes[STATE_TAG] = _added_state(scene)

    def show_originals(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The contours as they came: those of the ids that the set holds are written, the others are taken
        away."""
        self._segments[ORIGINALS].show(contours, ids, looks)

    def show_parts(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The same for parts."""
        self._segments[PARTS].show(contours, ids, looks)

    def show_composites(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The same for composites."""
        self._segments[COMPOSITES].show(contours, ids, looks)

    def edited_parts(self) -> tuple[str, ...]:
        """Ids of parts that something else than these calls has changed, added or taken away."""
        return self._segments[PARTS].edited() if PARTS in self._segments else ()

    def edited_originals(self) -> tuple[str, ...]:
        """The same for the contours as they came."""
        return self._segments[ORIGINALS].edited() if ORIGINALS in self._segments else ()

    def edited_composites(self) -> tuple[str, ...]:
        """The same for composites."""
        return self._segments[COMPOSITES].edited() if COMPOSITES in self._segments else ()

    def part(self, structure_id: str) -> Mask | None:
        """The voxels of a part as the scene holds them; None where it has no such segment."""
        return self._segments[PARTS].mask(structure_id)

    def keep_state(self, parameters: Mapping[str, str]) -> None:
        """Writes the state into the scene, so that it is saved with it."""
        node = self.state_node
        for name, text in parameters.items():
            if node.GetParameter(name) != text:
                node.SetParameter(name, text)
        for role in (CT, *SEGMENTATIONS):
            node.SetNodeReferenceID(role, self._nodes[role].GetID())

    def found_state(self) -> Mapping[str, str] | None:
        """The state that the scene holds, of whichever patient; None where it holds none."""
        return state_in(self._logics.scene)

    def content(self) -> Found | None:
        """What a scene from a file holds; None where it holds no session. From now on it is this scene's."""
        found = find(self._logics)
        if found is None:
            return None
        self._nodes, self._segments, self._geometry = found.nodes, found.segments, found.geometry
        return found

    def is_there(self) -> bool:
        """True while every node of the patient is still in the scene."""
        scene = self._logics.scene
        return bool(self._nodes) and all(scene.IsNodePresent(node) for node in self._nodes.values())

    def clear(self) -> None:
        """Takes everything of the patient out of the scene."""
        scene = self._logics.scene
        for node in self._nodes.values():
            if scene.IsNodePresent(node):
                _remove(scene, node)
        self.let_go()

    def let_go(self) -> None:
        """The patient's nodes stay in the scene and are this patient's no longer."""
        self._nodes, self._segments, self._geometry = {}, {}, None


def _added_state(scene: Any) -> Any:
    node = slicer.vtkMRMLScriptedModuleNode()
    node.SetSingletonTag(STATE_TAG)
    node.SetModuleName(MODULE)
    node.SetName(MODULE)
    return scene.AddNode(node)


def _image(hu_kji: NDArray[np.int16]) -> Any:
    image = slicer.vtkOrientedImageData()
    k, j, i = hu_kji.shape
    image.SetDimensions(i, j, k)
    image.GetPointData().SetScalars(
        numpy_support.numpy_to_vtk(np.ascontiguousarray(hu_kji).ravel(), deep=True)
    )
    return image


def _remove(scene: Any, node: Any) -> None:
    """A node with its display and storage nodes, which the scene would keep."""
    own = []
    if node.IsA("vtkMRMLDisplayableNode"):
        own += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        own += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    scene.RemoveNode(node)
    for other in own:
        if other is not None and scene.IsNodePresent(other):
            scene.RemoveNode(other)
