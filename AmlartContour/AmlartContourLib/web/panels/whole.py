"""Tools that change a whole structure at once, each as one step: islands, smoothing, margin, filling."""

from __future__ import annotations

from collections.abc import Callable

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.margins import Margin, expand, shrink
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.views.editor import Editor

SMALL_CC = 0.5


class WholeStructure:
    """The chosen structure as a whole. `take` takes over what the editor did to the scene."""

    def __init__(self, desk: Desk, editor: Editor, take: Callable[[], None]) -> None:
        self._desk = desk
        self._editor = editor
        self._take = take

    def islands(self, what: str) -> None:
        """Keeps the largest piece, or removes small ones."""
        active = self._begin("Islands")
        if what == "keep":
            self._editor.keep_largest_island(active)
        else:
            case = self._desk.session.case
            voxels = max(1, round(SMALL_CC / case.patient.scan.geometry.voxel_volume_cc))
            self._editor.remove_small_islands(active, voxels)
        self._take()

    def smooth(self) -> None:
        """Smooths the structure."""
        active = self._begin("Smooth")
        self._editor.smooth(active, str(self._desk.state.smooth_mode), float(self._desk.state.smooth_mm))
        self._take()

    def margin(self) -> None:
        """Grows or shrinks the structure."""
        active, mm = self._begin("Margin"), float(self._desk.state.margin_mm)
        mask = self._desk.session.case.structures.mask(active)
        changed = expand(mask, Margin.isotropic(mm)) if mm >= 0 else shrink(mask, -mm)
        self._desk.session.editing.apply(active, changed, "Margin")

    def fill_between(self) -> None:
        """Fills gaps between drawn slices."""
        self._editor.fill_between(self._begin("Fill between slices"))
        self._take()

    def _begin(self, tool: str) -> str:
        if not self._desk.active:
            raise BadSetting("Choose the structure to edit first.")
        self._desk.session.editing.begin(self._desk.active, tool)
        return self._desk.active
