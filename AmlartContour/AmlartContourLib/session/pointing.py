"""What a clinician has pointed at so far, before an engine is asked, and how far from it a change may reach.

Places are voxels of the scan's array, [k, j, i]. Both faces give points in LPS mm; a point beside the scan is
refused here, so that no prompt ever holds one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.prompt import (
    MOST_POINTS,
    MOST_STROKE_POINTS,
    MOST_STROKES,
    Prompt,
    PromptKind,
    Stroke,
    Voxel,
    VoxelBox,
)
from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask

MOST_MM = 200.0
LINES = (PromptKind.SCRIBBLE, PromptKind.LASSO)


@dataclass(frozen=True)
class Reach:
    """How far from what is pointed at the contour may change: within axial slices, and across them, in mm.
    The defaults are engineering defaults. BadSetting beyond 0 to 200 mm."""

    in_slice_mm: float = 30.0
    across_mm: float = 10.0

    def __post_init__(self) -> None:
        if not all(0.0 <= mm <= MOST_MM for mm in (self.in_slice_mm, self.across_mm)):
            raise BadSetting(f"A change may reach 0 to {MOST_MM:.0f} mm.", kept="The reach is as it was.")

    def around(self, box: Box, axial: AxialSlices) -> VoxelBox:
        """A box with this much round it, within the scan."""
        spacing_kji = axial.grid.spacing_kji_mm
        k, j, i = (
            math.ceil((self.across_mm if axis == axial.axis else self.in_slice_mm) / spacing_kji[axis])
            for axis in range(3)
        )
        grown = box.padded((k, j, i), axial.grid.shape_kji)
        return VoxelBox(grown.start_kji, grown.stop_kji)


@dataclass(frozen=True)
class Mark:
    """One thing pointed at: a point, the two corners of a flat box, or a line. `belongs`: is it inside?"""

    kind: PromptKind
    points_kji: tuple[Voxel, ...]
    belongs: bool = True

    @classmethod
    def at(cls, kind: PromptKind, points_lps: ArrayLike, geometry: Geometry, *, belongs: bool = True) -> Mark:
        """From (n, 3) points in LPS mm. BadSetting where one lies beside the scan, or where a box or lasso
        lies on no slice of it."""
        points = np.atleast_2d(np.asarray(points_lps, dtype=float))
        ijk = np.rint(geometry.lps_to_index(points)).astype(int)
        if ((ijk < 0) | (ijk >= geometry.size_ijk)).any():
            raise BadSetting(
                "That lies beside the scan.", kept="Nothing was added.", advice="Point at the CT."
            )
        voxels = tuple((int(k), int(j), int(i)) for i, j, k in ijk)
        if kind in LINES:
            voxels = _thinned(voxels)
        flat = any(len({v[axis] for v in voxels}) == 1 for axis in range(3))
        if kind in (PromptKind.BOX, PromptKind.LASSO) and not flat:
            raise BadSetting("That lies on no single slice of the scan.", advice="Draw it in an axial view.")
        if kind is PromptKind.LASSO and len(voxels) < 3:
            raise BadSetting("The lasso holds nothing.", advice="Draw round an area.")
        return cls(kind, voxels, belongs or kind is PromptKind.BOX)

    @property
    def extent(self) -> VoxelBox:
        """The box round its points."""
        box = _round(self.points_kji)
        return VoxelBox(box.start_kji, box.stop_kji)


@dataclass(frozen=True)
class Pointed:
    """All that is pointed at, in the order it was done."""

    marks: tuple[Mark, ...] = ()

    def added(self, mark: Mark) -> Pointed:
        """With one thing more; there is one box at most, the last. BadSetting where it is too much."""
        others = self.marks
        if mark.kind is PromptKind.BOX:
            others = tuple(one for one in others if one.kind is not PromptKind.BOX)
        marks = (*others, mark)
        points = sum(one.kind is PromptKind.POINT for one in marks)
        lines = sum(one.kind in LINES for one in marks)
        if points > MOST_POINTS or lines > MOST_STROKES:
            raise BadSetting(
                f"A prompt has {MOST_POINTS} points and {MOST_STROKES} lines at most.",
                kept="The last one was left out.",
                advice="Ask with what is there, or start again.",
            )
        return Pointed(marks)

    def without_last(self) -> Pointed:
        """Without what was done last."""
        return Pointed(self.marks[:-1])

    @property
    def is_enough(self) -> bool:
        """True where an engine can be asked: what does not belong says nothing by itself."""
        return any(mark.belongs for mark in self.marks)

    def region(self, axial: AxialSlices, reach: Reach) -> VoxelBox:
        """Where a change may reach; there must be a mark."""
        return reach.around(_round([p for mark in self.marks for p in mark.points_kji]), axial)

    @property
    def box(self) -> VoxelBox | None:
        """The box that was drawn."""
        return next((mark.extent for mark in self.marks if mark.kind is PromptKind.BOX), None)

    def prompt(self, structure_id: str, axial: AxialSlices, reach: Reach) -> Prompt:
        """For one structure. BadSetting where nothing was pointed at that belongs."""
        if not self.is_enough:
            raise BadSetting(
                "Nothing is pointed at that belongs to the structure.",
                kept="Nothing was asked.",
                advice="Click a place that belongs to it, or draw a box round it.",
            )
        return Prompt(
            structure=structure_id,
            region=self.region(axial, reach),
            box=self.box,
            inside_kji=self._points(belongs=True),
            outside_kji=self._points(belongs=False),
            strokes=tuple(Stroke(m.kind, m.points_kji, m.belongs) for m in self.marks if m.kind in LINES),
        )

    def _points(self, *, belongs: bool) -> tuple[Voxel, ...]:
        return tuple(
            mark.points_kji[0]
            for mark in self.marks
            if mark.kind is PromptKind.POINT and mark.belongs is belongs
        )


def filled(box: VoxelBox, geometry: Geometry) -> Mask:
    """A box as a mask, to be shown."""
    whole = Box(box.start_kji, box.stop_kji)
    return Mask.from_block(np.ones(whole.shape_kji, dtype=np.bool_), whole, geometry)


def _thinned(voxels: tuple[Voxel, ...]) -> tuple[Voxel, ...]:
    """Each voxel once, and as many as a line may have."""
    once = tuple(dict.fromkeys(voxels))
    return once[:: math.ceil(len(once) / MOST_STROKE_POINTS)]


def _round(points_kji: tuple[Voxel, ...] | list[Voxel]) -> Box:
    low, high = np.min(points_kji, axis=0), np.max(points_kji, axis=0) + 1
    (a, b, c), (d, e, f) = low.tolist(), high.tolist()
    return Box((a, b, c), (d, e, f))
