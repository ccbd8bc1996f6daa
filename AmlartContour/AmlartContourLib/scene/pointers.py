"""What a clinician points at in Slicer's views: markups of Slicer's own, placed with its own place mode.

One node for each kind and side, made when it is first needed, never saved with a scene. A box is the line
between two of its corners. All calls on the thread that owns the scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray
from vtk.util import numpy_support

from AmlartContourLib.contract.prompt import PromptKind

CLASSES = {
    PromptKind.POINT: "vtkMRMLMarkupsFiducialNode",
    PromptKind.BOX: "vtkMRMLMarkupsLineNode",
    PromptKind.SCRIBBLE: "vtkMRMLMarkupsCurveNode",
    PromptKind.LASSO: "vtkMRMLMarkupsClosedCurveNode",
}
NAMES = {True: "Belongs", False: "Does not belong"}
LABELS = {True: "+", False: "-"}
COLOURS = {True: (0.44, 0.88, 0.54), False: (1.0, 0.64, 0.56)}
DEFINED = slicer.vtkMRMLMarkupsNode.PositionDefined
LEAST = {PromptKind.POINT: 1, PromptKind.BOX: 2, PromptKind.SCRIBBLE: 2, PromptKind.LASSO: 3}


@dataclass(frozen=True, eq=False)
class Placed:
    """One thing that was placed whole. `points_lps`: (n, 3) mm."""

    kind: PromptKind
    belongs: bool
    points_lps: NDArray[np.float64]


class Pointers:
    """The markups of one module. `logic`: vtkSlicerMarkupsLogic; `application`:
    vtkSlicerApplicationLogic, which has the one interaction node."""

    def __init__(self, scene: Any, logic: Any, application: Any) -> None:
        self._scene = scene
        self._logic = logic
        self._application = application
        self._nodes: dict[tuple[PromptKind, bool], Any] = {}

    @property
    def placing(self) -> bool:
        """True while a click in a view places one of these."""
        node = self._scene.GetNodeByID(self._logic.GetActiveListID() or "")
        mine = any(node is one for one in self._nodes.values())
        interaction = self._application.GetInteractionNode()
        return mine and interaction.GetCurrentInteractionMode() == interaction.Place

    def place(self, kind: PromptKind, belongs: bool) -> None:
        """The next clicks in a view place this: points until stopped, anything else once, anew."""
        node = self._node(kind, belongs)
        if kind is not PromptKind.POINT:
            node.RemoveAllControlPoints()
        self._logic.SetActiveList(node)
        self._logic.StartPlaceMode(kind is PromptKind.POINT)

    def stop(self) -> None:
        """The mouse is the views' again."""
        if self.placing:
            self._application.GetInteractionNode().SwitchToViewTransformMode()

    def placed(self) -> tuple[Placed, ...]:
        """All that is placed whole."""
        found = []
        for (kind, belongs), node in self._nodes.items():
            points = _points(node, kind) if self._scene.IsNodePresent(node) else np.empty((0, 3))
            if kind is PromptKind.POINT:
                found += [Placed(kind, belongs, _lps(point)) for point in points]
            elif len(points) >= LEAST[kind]:
                found.append(Placed(kind, belongs, _lps(points)))
        return tuple(found)

    def clear(self) -> None:
        """Nothing is pointed at."""
        for node in self._nodes.values():
            node.RemoveAllControlPoints()

    def remove(self) -> None:
        """Takes the nodes out of the scene."""
        self.stop()
        for node in self._nodes.values():
            if self._scene.IsNodePresent(node):
                display = node.GetDisplayNode()
                self._scene.RemoveNode(node)
                if display is not None and self._scene.IsNodePresent(display):
                    self._scene.RemoveNode(display)
        self._nodes = {}

    def _node(self, kind: PromptKind, belongs: bool) -> Any:
        node = self._nodes.get((kind, belongs))
        if node is not None and self._scene.IsNodePresent(node):
            return node
        node = self._scene.AddNewNodeByClass(CLASSES[kind], f"{NAMES[belongs]} ({kind.value})")
        node.SetSaveWithScene(False)
        node.SetControlPointLabelFormat(LABELS[belongs])
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetSelectedColor(*COLOURS[belongs])
        display.SetPropertiesLabelVisibility(False)
        self._nodes[kind, belongs] = node
        return node


def _points(node: Any, kind: PromptKind) -> NDArray[np.float64]:
    """(n, 3) RAS mm: the points that were clicked, or for curves those along them; of one that is still being
    placed none."""
    count = node.GetNumberOfControlPoints()
    defined = node.GetNumberOfDefinedControlPoints()
    if kind is not PromptKind.POINT and (defined < count or defined < LEAST[kind]):
        return np.empty((0, 3))
    if kind in (PromptKind.SCRIBBLE, PromptKind.LASSO):
        along = node.GetCurvePointsWorld()
        found: NDArray[np.float64] = numpy_support.vtk_to_numpy(along.GetData()).astype(float)
        return found
    places = [_world(node, n) for n in range(count) if node.GetNthControlPointPositionStatus(n) == DEFINED]
    return np.asarray(places, dtype=float).reshape(-1, 3)


def _world(node: Any, number: int) -> tuple[float, float, float]:
    place = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(number, place)
    return place[0], place[1], place[2]


def _lps(points_ras: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.atleast_2d(points_ras) * (-1.0, -1.0, 1.0)
