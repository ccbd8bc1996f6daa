"""The views on the screen: made once, arranged as the user likes, and asked where things lie on them.

Multisampling is off and both JPEG qualities are one: without a graphics card that is a third of the
time of a frame (measured). The CT is a slice background only; nothing is volume rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import RemoteSliceViewFactory, RemoteViewFactory
from trame_slicer.views import AbstractView, NoScheduleRendering, SliceView, ThreeDView, ViewType

from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.web.views.arrangement import SLICE_VIEWS, START, WITH_SURFACES, arrangements
from AmlartContourLib.web.views.pace import Pace
from AmlartContourLib.web.views.projection import Projection

JPEG_QUALITY = 88
FRAMES_PER_S = 30.0
WINDOWS = {
    "soft": ("Soft tissue", 400.0, 40.0),
    "narrow": ("Narrow soft tissue", 250.0, 50.0),
    "bone": ("Bone", 1800.0, 400.0),
    "lung": ("Lung", 1500.0, -600.0),
    "full": ("Whole range", 3000.0, 300.0),
}
START_WINDOW = "soft"

Overlay = Callable[[Any, str, SliceView], None]
"""Builds what lies over one view's image: takes the server, the view's name and the view."""


class Views:
    """All views of one workstation. `overlay` and `overlay_3d` build what lies over their images."""

    def __init__(self, server: Any, app: SlicerApp, overlay: Overlay, overlay_3d: Overlay) -> None:
        self._app = app
        common = {"target_fps": FRAMES_PER_S, "blur_fps": FRAMES_PER_S, "interactive_quality": JPEG_QUALITY}
        self._slices = RemoteSliceViewFactory(server, populate_view_ui_f=overlay, **common)
        self._surfaces = RemoteViewFactory(
            server, _made_undrawn, view_type=ViewType.THREE_D_VIEW, populate_view_ui_f=overlay_3d, **common
        )
        app.view_manager.register_factory(self._slices)
        app.view_manager.register_factory(self._surfaces)
        self.layout = LayoutManager(app.scene, app.view_manager, server)
        self.layout.register_layout_dict(arrangements(), lazy_initialization=True)
        self.pace = Pace()
        self._volume: Any = None
        self.on_modified: Callable[[str], None] = lambda _name: None
        self.arrange(START)

    def arrange(self, arrangement: str) -> None:
        """Shows the views of an arrangement, making those that were never shown."""
        before = {view.get_singleton_tag() for view in self._app.view_manager.get_views()}
        self.layout.create_layout_views_if_needed(arrangement)
        for factory in (self._slices, self._surfaces):
            for view in factory.get_views():
                if view.get_singleton_tag() not in before:
                    self._draw_lightly(view, factory)
        for name in SLICE_VIEWS:
            if name not in before and self._slices.has_view(name):
                self._prepare(name)
        self.layout.set_layout(arrangement)

    def _draw_lightly(self, view: AbstractView, factory: RemoteViewFactory) -> None:
        adapter = factory.get_factory_view(view.get_singleton_tag()).view_adapter
        view.render_window().SetMultiSamples(0)
        adapter.update_quality(JPEG_QUALITY, JPEG_QUALITY)
        self.pace.take(view, adapter.schedule_render)

    def _prepare(self, name: str) -> None:
        view = self.slice(name)
        view.modified.connect(lambda _view, name=name: self.on_modified(name))
        if self._volume is not None:
            view.set_background_volume_id(self._volume.GetID())
            view.reset_view()

    @property
    def surfaces_shown(self) -> bool:
        """True while a 3D view is on the screen."""
        return bool(self.layout.layout_id == WITH_SURFACES)

    def slice(self, name: str) -> SliceView:
        """One slice view."""
        return self._slices.get_view(name)

    def slices(self) -> dict[str, SliceView]:
        """The slice views that have been made, by name."""
        return {name: self.slice(name) for name in SLICE_VIEWS if self._slices.has_view(name)}

    @property
    def is_empty(self) -> bool:
        """True while no CT is shown."""
        return self._volume is None

    def show(self, volume: Any) -> None:
        """Shows a CT, or nothing, in every slice view, whole and in the middle."""
        self._volume = volume
        self._app.display_manager.show_volume_in_slice_background(volume)
        for view in self.slices().values():
            view.reset_view()

    def fit(self) -> None:
        """The whole CT in every view."""
        for view in self._app.view_manager.get_views():
            view.reset_view()

    def fit_surfaces(self) -> None:
        """All surfaces in the 3D view, where it is shown."""
        if self.surfaces_shown:
            for view in self._surfaces.get_views():
                view.reset_view()

    def set_window(self, width_hu: float, level_hu: float) -> None:
        """The grey window."""
        if self._volume is None:
            return
        display = self._volume.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(width_hu, level_hu)

    def render_all(self) -> None:
        """Draws every view that is on the screen again."""
        for view in self._app.view_manager.get_views():
            view.schedule_render()

    def projection(self, name: str) -> Projection:
        """Where things lie on a slice view now."""
        view = self.slice(name)
        matrix = view.get_view_node().GetXYToRAS()
        xy_to_ras = np.asarray([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        return Projection.of(xy_to_ras, *view.render_window().GetSize())

    def sharpness(self, name: str) -> float:
        """Pixels of a view's image for each pixel of the page; more than one on a dense screen."""
        return float(self._slices.get_factory_view(name).view_adapter.scale_factor)

    def go_to(self, point_lps: np.ndarray[Any, Any]) -> None:
        """Moves every slice view to a point of the patient."""
        ras = (-float(point_lps[0]), -float(point_lps[1]), float(point_lps[2]))
        for view in self.slices().values():
            view.get_view_node().JumpSliceByOffsetting(*ras)

    def go_to_index(self, name: str, index: int, axial: AxialSlices) -> None:
        """Moves one view to a slice: axial ones counted from inferior, others along the scan's own axis."""
        projection = self.projection(name)
        axis = self._axis(projection, axial.grid)
        ijk = axial.grid.lps_to_index(projection.centre_lps)
        ijk[axis] = self._turned(min(max(index, 0), axial.grid.size_ijk[axis] - 1), axis, axial)
        lps = axial.grid.index_to_lps(ijk)
        ras = (-float(lps[0]), -float(lps[1]), float(lps[2]))
        self.slice(name).get_view_node().JumpSliceByOffsetting(*ras)

    def index_of(self, name: str, axial: AxialSlices) -> tuple[int | None, int]:
        """The slice that a view shows, counted as in `go_to_index` (None: beside the scan), of how many."""
        projection = self.projection(name)
        axis = self._axis(projection, axial.grid)
        count = axial.grid.size_ijk[axis]
        index = round(float(axial.grid.lps_to_index(projection.centre_lps)[axis]))
        return (self._turned(index, axis, axial) if 0 <= index < count else None), count

    @staticmethod
    def _axis(projection: Projection, grid: Geometry) -> int:
        return int(np.argmax(np.abs(grid.direction_matrix.T @ projection.normal_lps)))

    @staticmethod
    def _turned(index: int, axis: int, axial: AxialSlices) -> int:
        backwards = axis == 2 - axial.axis and axial.flipped
        return axial.grid.size_ijk[axis] - 1 - index if backwards else index


def _made_undrawn(**where: Any) -> ThreeDView:
    """A 3D view that is not drawn while it is made: it drew itself 67 times (counted)."""
    return ThreeDView(**where, scheduled_render_strategy=NoScheduleRendering())
