"""Slicer's segment editor on the patient's contours: one structure, one tool, and a word when an edit
is in the scene.

The editor works on the segmentation "Contours" only, with overlap allowed, and has no undo of its own:
steps are the session's. `on_edited` is called once after an edit, however many events it made, and
never for the session's own writes; the views are drawn after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

from trame_slicer.core import SlicerApp
from trame_slicer.segmentation import (
    BrushDiameterMode,
    ScissorsEffectFillMode,
    ScissorsEffectRangeMode,
    Segmentation,
    SegmentationEffectDraw,
    SegmentationEffectErase,
    SegmentationEffectPaint,
    SegmentationEffectScissors,
    SegmentationOverwriteMode,
)

from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.web.views.pace import Pace


class Hand(Enum):
    """Tools that work with the mouse in the views."""

    PAINT = SegmentationEffectPaint
    ERASE = SegmentationEffectErase
    DRAW = SegmentationEffectDraw
    SCISSORS = SegmentationEffectScissors


class Editor:
    """The segment editor of one workstation."""

    def __init__(self, app: SlicerApp, scene: PatientScene, pace: Pace) -> None:
        self._editor = app.segmentation_editor
        self._scene = scene
        self._pace = pace
        self._waiting = False
        self.on_edited: Callable[[], None] = lambda: None
        self._editor.segmentation_modified.connect(self._modified)

    def opened(self) -> None:
        """Takes up a new patient's contours, and lets go of those of the patient before."""
        before = self._editor.active_segmentation
        self._editor.set_active_segmentation(self._scene.working_node, self._scene.volume_node)
        self._editor.set_overwrite_mode(SegmentationOverwriteMode.ALLOW_OVERLAP)
        self._editor.deactivate_effect()
        if before is not None:
            _let_go(before)

    def put_down(self) -> None:
        """No tool: the mouse scrolls and zooms only."""
        self._editor.deactivate_effect()

    def take_up(self, hand: Hand, structure_id: str) -> None:
        """A tool for one structure."""
        self._editor.set_active_segment_id(structure_id)
        self._editor.editor_node.SetSelectedSegmentID(structure_id)
        self._editor.set_active_effect_type(hand.value)

    def set_brush(self, diameter_mm: float, ball: bool) -> None:
        """The brush of paint and erase."""
        for hand in (Hand.PAINT, Hand.ERASE):
            effect = self._editor.get_effect(hand.value)
            effect.set_brush_diameter(diameter_mm, BrushDiameterMode.Absolute)
            effect.set_use_sphere_brush(ball)

    def set_scissors(self, mode: str) -> None:
        """What the scissors do, through all slices."""
        effect = self._editor.get_effect(SegmentationEffectScissors)
        effect.set_fill_mode(ScissorsEffectFillMode[mode])
        effect.set_range_mode(ScissorsEffectRangeMode.UNLIMITED)

    def set_limit(self, on: bool, low_hu: float, high_hu: float) -> None:
        """Tools change only voxels within these CT numbers."""
        self._editor.editor_node.SetSourceVolumeIntensityMask(on)
        self._editor.editor_node.SetSourceVolumeIntensityMaskRange(low_hu, high_hu)

    def _modified(self, *_: Any) -> None:
        if not self._waiting:
            self._waiting = True
            self._pace.hold()
            with suppress(RuntimeError):  # the event loop has ended: the station closes its patient
                asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._waiting = False
        try:
            self.on_edited()
        finally:  # after what was put off to the end of this turn: the page is told of the edit first
            asyncio.get_running_loop().call_soon(self._pace.let_go)


def _let_go(segmentation: Segmentation) -> None:
    """Its observer of the node holds it, and it holds the node and the CT: a ring that only the garbage
    collector's rare full run would end (observed), with 100 MB of CT in it."""
    segmentation.segmentation_modified.disconnect_all()
    segmentation.volume_node = None
    segmentation.segmentation_node = None
