"""Slicer's slice views: the CT shown in them, jumping to a slice, and what they display. MRML only, no Qt.

A view counts as axial by the direction of its plane, not by its name: views turned to an oblique scan are
axial to that scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.scene.patient_scene import PatientScene

PARALLEL = 0.999  # cosine between a view's normal and the scan's axial axis


@dataclass(frozen=True)
class Shown:
    """An axial slice on the screen, and the structures drawn on it."""

    axial_k: int
    ids: frozenset[str]


class Views:
    """The slice views of one scene."""

    def __init__(self, scene: Any, patient: PatientScene) -> None:
        self._scene = scene
        self._patient = patient

    def show_patient(self, axial: AxialSlices) -> None:
        """The CT into every slice view, turned to the planes it was taken in. A layout without an axial view
        gives way to Slicer's Four-Up; any other stays as it was chosen."""
        volume = self._patient.volume_node
        logic = slicer.app.applicationLogic()
        logic.GetSelectionNode().SetActiveVolumeID(volume.GetID())
        logic.PropagateVolumeSelection()
        self._turn(volume)
        layout = self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if layout is not None and not any(_is_axial(node, axial) for node in self._slice_nodes()):
            layout.SetViewArrangement(layout.SlicerLayoutFourUpView)
            self._turn(volume)

    def _turn(self, volume: Any) -> None:
        for node in self._slice_nodes():
            node.RotateToVolumePlane(volume)

    def jump(self, axial: AxialSlices, axial_k: int) -> None:
        """Every view whose plane is axial goes to this slice."""
        point = _ras(axial.centre_lps(axial_k))
        for node in self._slice_nodes():
            if _is_axial(node, axial):
                node.JumpSliceByOffsetting(*point)

    def current(self, axial: AxialSlices) -> int | None:
        """The slice of the first axial view, None where none shows the scan."""
        return next((shown.axial_k for shown in self.shown(axial).values()), None)

    def shown(self, axial: AxialSlices) -> dict[str, Shown]:
        """By view: the axial slice it displays and the structures that are visible on it."""
        if self._patient.volume_node is None:
            return {}
        ids = self._visible_ids()
        found = {}
        for node in self._slice_nodes():
            if _is_axial(node, axial) and self._shows_ct(node):
                axial_k = _slice_at(node, axial)
                if axial_k is not None:
                    found[node.GetID()] = Shown(axial_k, ids)
        return found

    def _slice_nodes(self) -> Iterator[Any]:
        nodes = self._scene.GetNodesByClass("vtkMRMLSliceNode")
        for number in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(number)
            if node.IsMappedInLayout():
                yield node

    def _shows_ct(self, node: Any) -> bool:
        composites = self._scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
        ct = self._patient.volume_node.GetID()
        for number in range(composites.GetNumberOfItems()):
            composite = composites.GetItemAsObject(number)
            if composite.GetLayoutName() == node.GetLayoutName():
                return bool(composite.GetBackgroundVolumeID() == ct)
        return False

    def _visible_ids(self) -> frozenset[str]:
        found = []
        for segmentation in (self._patient.working_node, self._patient.composites_node):
            display = segmentation.GetDisplayNode()
            if display is None or not display.GetVisibility():
                continue
            ids = segmentation.GetSegmentation().GetSegmentIDs()
            found += [
                i
                for i in ids
                if display.GetSegmentVisibility(i)
                and (display.GetSegmentVisibility2DFill(i) or display.GetSegmentVisibility2DOutline(i))
            ]
        return frozenset(found)


def _ras(point_lps: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = point_lps
    return -x, -y, z


def _axis(axial: AxialSlices) -> np.ndarray:
    """Unit vector (RAS) from one slice to the next above."""
    if axial.count < 2:
        return np.asarray([0.0, 0.0, 1.0])
    step = np.subtract(_ras(axial.centre_lps(1)), _ras(axial.centre_lps(0)))
    return np.asarray(step / np.linalg.norm(step))


def _is_axial(node: Any, axial: AxialSlices) -> bool:
    to_ras = node.GetSliceToRAS()
    normal = np.asarray([to_ras.GetElement(row, 2) for row in range(3)])
    return bool(abs(normal @ _axis(axial)) > PARALLEL)


def _slice_at(node: Any, axial: AxialSlices) -> int | None:
    """The scan's slice in a view's plane; None where the plane lies outside the scan."""
    to_ras = node.GetSliceToRAS()
    point = np.asarray([to_ras.GetElement(row, 3) for row in range(3)])
    x, y, z = (float(v) for v in point)
    axial_k = axial.nearest((-x, -y, z))
    if axial.count < 2:
        return axial_k
    step = np.linalg.norm(np.subtract(axial.centre_lps(1), axial.centre_lps(0)))
    away = (point - np.asarray(_ras(axial.centre_lps(axial_k)))) @ _axis(axial)
    return axial_k if abs(away) <= step / 2 + 1e-3 else None
