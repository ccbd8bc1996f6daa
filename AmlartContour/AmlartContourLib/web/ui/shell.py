"""The page round the views: header, rail, panels, footer. Everything else of it lies in the templates."""

from __future__ import annotations

from typing import Any

import trame_vuetify
from trame.ui.html import DivLayout
from trame.widgets import html
from trame_slicer.core import LayoutManager

from AmlartContourLib.web.ui.rail import RAIL
from AmlartContourLib.web.ui.templates import template
from AmlartContourLib.web.views.arrangement import SURFACES

PANELS = tuple(panel["id"] for panel in RAIL)
ICONS = "__amlart_icons"


def icon_module() -> dict[str, Any]:
    """The icon font that comes with trame, from this machine."""
    from pathlib import Path

    folder = Path(trame_vuetify.__file__).parent / "module" / "v3-serve"
    return {"serve": {ICONS: str(folder)}, "styles": [f"{ICONS}/css/mdi.css"]}


def slice_overlay(_server: Any, name: str, _view: Any) -> None:
    """What lies over a slice view's image. Its state is `<name>_place`, `_lines`, `_came`, `_filled` and
    `_fix`."""
    html.Div(template("slice_overlay", view=name), classes="overlay", id=f"view-{name}")


def surfaces_overlay(_server: Any, _name: str, _view: Any) -> None:
    """What lies over the 3D view's image."""
    html.Div(template("surfaces_overlay"), classes="overlay", id=f"view-{SURFACES}")


def build_page(server: Any, layout_manager: LayoutManager) -> DivLayout:
    """The whole page. The state that its templates read must be there already."""
    with DivLayout(server) as layout:
        layout.root.classes = "amlart-root"
        with html.Div(classes=("['ws', theme, {waits: fix.placing}]",), id="workstation"):
            html.Header(template("header"), classes="head")
            html.Nav(template("rail"), classes="rail")
            with html.Section(classes="panel", id="panel"):
                for panel in PANELS:
                    shown, key = (f"panel === '{panel}'",), (f"'{panel}' + refusals",)
                    html.Div(template(panel), classes="panel-body", v_if=shown, key=key)
            with html.Main(classes="views", id="views"):
                layout_manager.initialize_layout_grid(layout)
                html.Div(template("over_views"))
            html.Footer(template("footer"), classes="foot")
            html.Div(template("dialogs"))
    return layout
