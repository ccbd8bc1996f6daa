"""A web panel on a real session, a real scene and trame's own state, without the windows of the views.

A slice view is given by where it looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.web.desk import Desk as PanelDesk
from AmlartContourLib.web.guard import Notices
from AmlartContourLib.web.panels.parts import Panel
from AmlartContourLib.web.views.display import Display
from AmlartContourLib.web.views.projection import Projection
from support.workstation import Desk

PIXELS = 500


@dataclass
class LookingViews:
    """An axial view of a scan whose axes are those of the patient, all of it on a square of pixels."""

    grid: Geometry
    axial_k: int = 0

    def slices(self) -> dict[str, Any]:
        """By name, as `Views` has them."""
        return {"Axial": None}

    def projection(self, _name: str) -> Projection:
        """From pixels to the patient on the slice that is shown."""
        i, j, __ = self.grid.size_ijk
        corner = self.grid.index_to_lps([-0.5, j - 0.5, self.axial_k])
        x = self.grid.direction_matrix[:, 0] * self.grid.spacing_mm[0] * i / PIXELS
        y = -self.grid.direction_matrix[:, 1] * self.grid.spacing_mm[1] * j / PIXELS
        matrix = np.eye(4)
        matrix[:3, 0], matrix[:3, 1], matrix[:3, 3] = x, y, corner
        matrix[:3, 2] = np.cross(x, y)
        return Projection(matrix, PIXELS, PIXELS)

    def share(self, voxel_kji: tuple[int, int, int]) -> tuple[float, float]:
        """Where a voxel's middle lies in the view, as shares of its width and height."""
        (place,) = self.projection("Axial").to_fractions(self.grid.index_to_lps([voxel_kji[::-1]])).tolist()
        return place[0], place[1]


@dataclass
class PanelRoom:
    """One panel at one session. `call` does what the page does."""

    desk: Desk
    make: Callable[[PanelDesk], Panel]
    panel: Any = field(init=False)

    def __post_init__(self) -> None:
        from trame_server.state import State

        self.state = State()
        session = self.desk.session
        self.views = LookingViews(session.case.structures.geometry)
        self.state.update({"active": "", "panel": "", "reviewer": "", "tool": "none"})
        scene = self.desk.scene
        self.table = PanelDesk(
            self.state,
            session,
            scene,
            self.views,
            Display(scene),
            Notices(self.state),  # type: ignore[arg-type]
        )
        self.panel = self.make(self.table)
        self.state.update(self.panel.start_state())
        session.subscribe(lambda event: self.panel.refresh() if self.panel.heard(event) else None)

    def call(self, name: str, *arguments: Any) -> str:
        """A trigger of the page; what the page then says."""
        self.state.notice = {"text": "", "kept": "", "advice": "", "kind": ""}
        self.table.notices.guarded(self.panel.triggers()[name])(*arguments)
        return str(self.state.notice["text"])
