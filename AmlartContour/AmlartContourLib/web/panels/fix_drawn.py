"""What "fix here" draws over the slices: what is pointed at, how far a change may reach, and the proposal.

The proposal is never a part of the scene, so nothing can take it for a contour. What would come is hatched
with crosses, what would go with dashes, both within dashed lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from AmlartContourLib.contract.prompt import PromptKind, VoxelBox
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.session.fixing import Proposal
from AmlartContourLib.session.pointing import Mark, Pointed, filled
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.views.arrangement import SLICE_VIEWS
from AmlartContourLib.web.views.outline import outline_path
from AmlartContourLib.web.views.projection import Numbers, Projection

NOTHING: dict[str, Any] = {"added": "", "removed": "", "region": "", "points": [], "lines": []}


class DrawnFix:
    """The drawings of every view."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: tuple[Any, Any] = (None, None)

    def start_state(self) -> Mapping[str, Any]:
        """What the templates read, before anything happened."""
        return {f"{name}_fix": dict(NOTHING) for name in SLICE_VIEWS}

    def draw(self, name: str, pointed: Pointed, region: VoxelBox | None, proposal: Proposal | None) -> None:
        """One view."""
        key, case = f"{name}_fix", self._desk.case
        shown = dict(NOTHING)
        if proposal is None:
            self._kept = (None, None)
        if case is not None and (pointed.marks or proposal is not None):
            projection, geometry = self._desk.views.projection(name), case.structures.geometry
            shown["points"] = [
                point
                for mark in pointed.marks
                if mark.kind is PromptKind.POINT and (point := _point(mark, geometry, projection))
            ]
            shown["lines"] = [
                {"d": path, "belongs": mark.belongs}
                for mark in pointed.marks
                if mark.kind is not PromptKind.POINT and (path := _line(mark, geometry, projection))
            ]
            if region is not None:
                shown["region"] = outline_path(filled(region, geometry), projection)
            if proposal is not None:
                added, removed = self._changes(proposal)
                shown["added"] = outline_path(added, projection)
                shown["removed"] = outline_path(removed, projection)
        if self._desk.state[key] != shown:
            self._desk.state[key] = shown

    def _changes(self, proposal: Proposal) -> tuple[Mask, Mask]:
        """Worked out once, though every scroll draws them."""
        if self._kept[0] is not proposal:
            self._kept = proposal, (proposal.added, proposal.removed)
        changes: tuple[Mask, Mask] = self._kept[1]
        return changes


def _point(mark: Mark, geometry: Geometry, projection: Projection) -> dict[str, Any] | None:
    """Where a point lies in the view, as percent; None where it lies on another slice."""
    places = _seen(mark, geometry, projection)
    if places is None:
        return None
    ((x, y),) = np.round(places * 100.0, 2).tolist()
    return {"x": x, "y": y, "belongs": mark.belongs}


def _line(mark: Mark, geometry: Geometry, projection: Projection) -> str:
    """A box, a scribble or a lasso as a path in thousandths of the view; empty on other slices."""
    if mark.kind is PromptKind.BOX:
        return outline_path(filled(mark.extent, geometry), projection)
    places = _seen(mark, geometry, projection)
    if places is None:
        return ""
    words = "L".join(f"{x:.1f} {y:.1f}" for x, y in places * 1000.0)
    return f"M{words}{'Z' if mark.kind is PromptKind.LASSO else ''}"


def _seen(mark: Mark, geometry: Geometry, projection: Projection) -> Numbers | None:
    """(n, 2) fractions of the view; None where the mark lies more than half a voxel beside the slice."""
    ijk = np.asarray(mark.points_kji, dtype=float)[:, ::-1]
    lps = geometry.index_to_lps(ijk)
    axis = int(np.argmax(np.abs(geometry.direction_matrix.T @ projection.normal_lps)))
    away_mm = np.abs((lps - projection.centre_lps) @ projection.normal_lps)
    if (away_mm > geometry.spacing_mm[axis] / 2 + 1e-3).any():
        return None
    return projection.to_fractions(lps)
