"""Tools that change a whole structure at once, each as one step: islands, smoothing, margin, filling.

Each is computed on another thread, from the contour as it was when the button was pressed, while the page
stays usable; where that contour was changed meanwhile the result is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.margins import Margin, expand, shrink
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.whole_edits import (
    Smoothing,
    largest_piece,
    limited,
    smoothed,
    without_small_pieces,
)
from AmlartContourLib.scene.between_slices import filled_between
from AmlartContourLib.web.desk import Desk, number_of_mm

SMALL_CC = 0.5


class WholeStructure:
    """The chosen structure as a whole."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def islands(self, what: str) -> None:
        """Keeps the largest piece, or removes small ones."""
        keep = what == "keep"
        await self._change("Islands", largest_piece if keep else lambda m: without_small_pieces(m, SMALL_CC))

    async def smooth(self) -> None:
        """Smooths the structure."""
        how, size_mm = Smoothing[str(self._desk.state.smooth_mode)], number_of_mm(self._desk.state.smooth_mm)
        await self._change("Smooth", lambda mask: smoothed(mask, how, size_mm))

    async def margin(self) -> None:
        """Grows or shrinks the structure."""
        mm = number_of_mm(self._desk.state.margin_mm)
        margin = Margin.isotropic(max(mm, 0.0))
        await self._change("Margin", lambda mask: expand(mask, margin) if mm >= 0 else shrink(mask, -mm))

    async def fill_between(self) -> None:
        """Fills gaps between drawn slices."""
        await self._change("Fill between slices", filled_between)

    async def _change(self, tool: str, work: Callable[[Mask], Mask]) -> None:
        desk, active = self._desk, self._desk.active
        if not active:
            raise BadSetting("Choose the structure to edit first.")
        desk.require_idle()
        editing, case = desk.session.editing, desk.session.case
        editing.begin(active, tool)
        before, limit = case.structures.mask(active), dict(desk.state.limit)
        with desk.busy(f"{tool}: {desk.name_of(active)}…"):
            after = await desk.beside(work, before)
        if limit["on"]:
            ends_hu = sorted((limit["low"], limit["high"]))
            after = limited(before, after, case.patient.scan.hu_kji, *ends_hu)
        if not editing.apply(active, after, tool, made_from=before):
            desk.notices.tell(f"{tool}: no voxel of {desk.name_of(active)} changes.", "info")
