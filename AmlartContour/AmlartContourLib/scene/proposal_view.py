"""A proposed change in Slicer's views: a segmentation of its own that no editor works on and no scene keeps.

What would come and what would go are segments beside the contours, never voxels of them. So is the limit of
the change, and the box that was drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.labelmaps import image_of
from AmlartContourLib.scene.logics import SceneLogics

TITLE = "Proposed change (in no contour)"
COME, GO, LIMIT, BOX = "come", "go", "limit", "box"
NAMES = {COME: "would come", GO: "would go", LIMIT: "limit of the change", BOX: "box"}
COLOURS = {COME: (0.44, 0.88, 0.54), GO: (1.0, 0.45, 0.35), LIMIT: (1.0, 1.0, 1.0), BOX: (0.44, 0.88, 0.54)}
FILLED = {COME: 0.45, GO: 0.45}


class ProposalView:
    """The segmentation, made when something is first shown."""

    def __init__(self, logics: SceneLogics) -> None:
        self._logics = logics
        self._node: Any = None
        self._shown: dict[str, Mask] = {}

    @property
    def node(self) -> Any:
        """The segmentation node, or None."""
        there = self._node is not None and self._logics.scene.IsNodePresent(self._node)
        return self._node if there else None

    def show(self, masks: Mapping[str, Mask]) -> None:
        """Shows these, by `COME`, `GO`, `LIMIT` and `BOX`, and nothing else; empty ones are left out."""
        wanted = {key: mask for key, mask in masks.items() if not mask.is_empty}
        if not wanted:
            self.remove()
            return
        node = self.node or self._made()
        segmentation = node.GetSegmentation()
        for key in [k for k in segmentation.GetSegmentIDs() if wanted.get(k) is not self._shown.get(k)]:
            segmentation.RemoveSegment(key)
        display = node.GetDisplayNode()
        for key, mask in wanted.items():
            if segmentation.GetSegment(key) is None:
                node.AddSegmentFromBinaryLabelmapRepresentation(
                    image_of(mask), NAMES[key], list(COLOURS[key]), key
                )
                display.SetSegmentVisibility2DFill(key, key in FILLED)
                display.SetSegmentOpacity2DFill(key, FILLED.get(key, 0.0))
                display.SetSegmentVisibility3D(key, False)
        self._shown = wanted

    def remove(self) -> None:
        """Takes it out of the scene."""
        node, scene = self.node, self._logics.scene
        if node is not None:
            display = node.GetDisplayNode()
            scene.RemoveNode(node)
            if display is not None and scene.IsNodePresent(display):
                scene.RemoveNode(display)
        self._node, self._shown = None, {}

    def _made(self) -> Any:
        node = self._logics.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", TITLE)
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetSaveWithScene(False)
        self._node, self._shown = node, {}
        return node
