"""A session found in a scene that came from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtk.util import numpy_support

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.scene.labelmaps import geometry_of
from AmlartContourLib.scene.logics import SceneLogics
from AmlartContourLib.scene.roles import COMPOSITES, CT, ORIGINALS, PARTS, STATE_TAG
from AmlartContourLib.scene.segments import Segments


@dataclass(frozen=True, eq=False)
class Found:
    """The nodes by role, and what they hold."""

    nodes: dict[str, Any]
    segments: dict[str, Segments]
    geometry: Geometry
    hu_kji: NDArray[np.int16]
    originals: StructureSet
    parts: StructureSet
    parameters: Mapping[str, str]


def find(logics: SceneLogics) -> Found | None:
    """The session of a scene; None where it holds none. DamagedFile where a node of it is missing,
    BadGeometry where its CT lies on no grid that this software uses."""
    state = logics.scene.GetSingletonNode(STATE_TAG, "vtkMRMLScriptedModuleNode")
    if state is None or not state.GetParameter("Form"):
        return None
    nodes = {role: state.GetNodeReference(role) for role in (CT, ORIGINALS, PARTS, COMPOSITES)}
    if any(node is None for node in nodes.values()) or nodes[CT].GetImageData() is None:
        raise DamagedFile(
            "The scene holds a session, but not all of its CT and contours.",
            kept="The scene was left as it is.",
            advice="Open the patient from the worklist instead.",
        )
    geometry = geometry_of(nodes[CT])
    segments = {r: Segments(logics, nodes[r], geometry) for r in (ORIGINALS, PARTS, COMPOSITES)}
    voxels = numpy_support.vtk_to_numpy(nodes[CT].GetImageData().GetPointData().GetScalars())
    return Found(
        nodes={**nodes, STATE_TAG: state},
        segments=segments,
        geometry=geometry,
        hu_kji=voxels.reshape(geometry.shape_kji).astype(np.int16),
        originals=segments[ORIGINALS].contours(),
        parts=segments[PARTS].contours(),
        parameters=_parameters(state),
    )


def state_in(scene: Any) -> Mapping[str, str] | None:
    """The state that a scene holds; None where it holds none."""
    state = scene.GetSingletonNode(STATE_TAG, "vtkMRMLScriptedModuleNode")
    return _parameters(state) if state is not None and state.GetParameter("Form") else None


def _parameters(state: Any) -> dict[str, str]:
    return {name: state.GetParameter(name) for name in state.GetParameterNames()}
