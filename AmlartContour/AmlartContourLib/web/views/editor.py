"""Slicer's segment editor on the patient's contours: one structure, one tool, and a word when an edit
is in the scene.

The editor works on the segmentation "Contours" only, with overlap allowed, and has no undo of its own:
steps are the session's. `on_edited` is called once after an edit, however many events it made, and
never for the session's own writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import slicer
from trame_slicer.core import SlicerApp
from trame_slicer.segmentation import (
    BrushDiameterMode,
    ScissorsEffectFillMode,
    ScissorsEffectRangeMode,
    SegmentationEffectDraw,
    SegmentationEffectErase,
    SegmentationEffectIslands,
    SegmentationEffectPaint,
    SegmentationEffectScissors,
    SegmentationEffectSmoothing,
    SegmentationOverwriteMode,
)
from vtkmodules.vtkCommonCore import VTK_UNSIGNED_CHAR

from AmlartContourLib.scene.patient_scene import PatientScene


class Hand(Enum):
    """Tools that work with the mouse in the views."""

    PAINT = SegmentationEffectPaint
    ERASE = SegmentationEffectErase
    DRAW = SegmentationEffectDraw
    SCISSORS = SegmentationEffectScissors


class Editor:
    """The segment editor of one workstation."""

    def __init__(self, app: SlicerApp, scene: PatientScene) -> None:
        self._editor = app.segmentation_editor
        self._scene = scene
        self._waiting = False
        self.on_edited: Callable[[], None] = lambda: None
        self._editor.segmentation_modified.connect(self._modified)

    def opened(self) -> None:
        """Takes up a new patient's contours."""
        self._editor.set_active_segmentation(self._scene.working_node, self._scene.volume_node)
        self._editor.set_overwrite_mode(SegmentationOverwriteMode.ALLOW_OVERLAP)
        self._editor.deactivate_effect()

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

    def keep_largest_island(self, structure_id: str) -> None:
        """Keeps the largest connected piece."""
        self._with(SegmentationEffectIslands, structure_id).keep_largest_island()

    def remove_small_islands(self, structure_id: str, least_voxels: int) -> None:
        """Removes pieces of fewer voxels."""
        self._with(SegmentationEffectIslands, structure_id).remove_small_islands(least_voxels)

    def smooth(self, structure_id: str, method: str, size_mm: float) -> None:
        """Smooths the whole structure."""
        effect = self._with(SegmentationEffectSmoothing, structure_id)
        methods = {
            "MEDIAN": effect.apply_median_smoothing,
            "OPENING": effect.apply_opening,
            "CLOSING": effect.apply_closing,
            "GAUSSIAN": effect.apply_gaussian_smoothing,
        }
        methods[method](size_mm)

    def fill_between(self, structure_id: str) -> None:
        """Fills slices without a contour from those above and below, by morphological interpolation."""
        self._editor.set_active_segment_id(structure_id)
        modifier = self._editor.active_segment_modifier
        source = modifier.get_segment_labelmap(structure_id)
        cast = slicer.vtkOrientedImageData()
        cast.DeepCopy(source)
        interpolator = _interpolator()
        interpolator.SetInputData(_as_bytes(cast))
        interpolator.Update()
        filled = slicer.vtkOrientedImageData()
        filled.ShallowCopy(interpolator.GetOutput())
        filled.CopyDirections(source)
        modifier.apply_labelmap(filled)

    def _with(self, effect: Any, structure_id: str) -> Any:
        self._editor.set_active_segment_id(structure_id)
        self._editor.editor_node.SetSelectedSegmentID(structure_id)
        return self._editor.set_active_effect_type(effect)

    def _modified(self, *_: Any) -> None:
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._waiting = False
        self.on_edited()


def _interpolator() -> Any:
    return slicer.vtkITKMorphologicalContourInterpolator()


def _as_bytes(image: Any) -> Any:
    from vtkmodules.vtkImagingCore import vtkImageCast

    cast = vtkImageCast()
    cast.SetInputData(image)
    cast.SetOutputScalarType(VTK_UNSIGNED_CHAR)
    cast.Update()
    return cast.GetOutput()
