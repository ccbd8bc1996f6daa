"""The picture of a surface coloured by signed distance: four sides at one scale, in bands of millimetres.

Grey is within the tolerance, so what has a colour is what counts as redraw. Blue is inward, orange outward;
darker is farther.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from AmlartContourLib.exchange.report.charts import (
    INK,
    RULE,
    SMALL,
    SOFT,
    USUAL,
    new_figure,
    plain,
    png,
    signed,
)
from AmlartContourLib.exchange.report.surface_view import SurfaceView, Values

INWARD, KEPT, OUTWARD = ("#08306b", "#2f79b8", "#8fbfe0"), "#dcdcdc", ("#fdb46f", "#e2620e", "#7f2704")
BANDS = 3  # beyond the tolerance, each as wide as the tolerance; the last one is open
STEP_MM = 1.0  # the bands' width at a tolerance of 0
SHADES = 16  # few, so that the file stays small
WIDTH_INCHES, HIGHEST_INCHES = 9.5, 3.6
LOWEST_INCHES = 1.6  # the colour bar needs as much for its words
LEFT_INCHES, GAP_INCHES, BAR_INCHES, THICK_INCHES = 0.65, 0.25, 0.9, 0.16
BASE_INCHES, FRAME_INCHES = 0.3, 0.6  # below, and below and above together
TEST_LINE: dict[str, Any] = {"colors": ["#ff9600"], "linewidths": 1.0, "linestyles": [(0, (3.0, 1.5))]}


def band_edges_mm(tolerance_mm: float) -> tuple[float, ...]:
    """Where the colours change, ascending: the tolerance and the steps beyond it, to both sides."""
    step = tolerance_mm or STEP_MM
    beyond = tuple(tolerance_mm + n * step for n in range(BANDS))
    return tuple(sorted({*beyond, *(-mm for mm in beyond)}))


def surface_picture(views: Sequence[SurfaceView], first_mm: float, tolerance_mm: float) -> bytes:
    """PNG of all views side by side; `first_mm` is the position of the lowest row."""
    edges = band_edges_mm(tolerance_mm)
    middle = (KEPT,) if tolerance_mm else ()
    bands = [*INWARD[1:], *middle, *OUTWARD[:-1]]
    colours = ListedColormap(bands).with_extremes(under=INWARD[0], over=OUTWARD[-1])
    norm = BoundaryNorm(edges, len(bands))
    widths = [view.signed_mm.shape[1] * view.size_mm[1] for view in views]
    height = views[0].signed_mm.shape[0] * views[0].size_mm[0]
    room = WIDTH_INCHES - LEFT_INCHES - BAR_INCHES - GAP_INCHES * len(views)
    per_mm = min(room / sum(widths), HIGHEST_INCHES / height)
    tall = max(per_mm * height, LOWEST_INCHES)
    figure = new_figure(WIDTH_INCHES - room + per_mm * sum(widths), FRAME_INCHES + tall)
    left = LEFT_INCHES
    for view, width in zip(views, widths, strict=True):
        panel = _axes(figure, left, per_mm * width, per_mm * height)
        _side(panel, view, first_mm, lambda mm: colours(norm(mm)))
        if view is views[0]:
            panel.tick_params(labelleft=True)
            panel.set_ylabel("position (mm)", color=INK, fontsize=USUAL)
        left += per_mm * width + GAP_INCHES
    place = _axes(figure, left + GAP_INCHES, THICK_INCHES, tall)
    _bar(figure.colorbar(ScalarMappable(norm, colours), cax=place, extend="both", ticks=edges), edges)
    return png(figure)


def _axes(figure: Figure, left: float, width: float, height: float) -> Axes:
    """Axes of that size in inches, all on one base line: only so do their millimetres line up."""
    across, along = figure.get_size_inches()
    return figure.add_axes((left / across, BASE_INCHES / along, width / across, height / along))


def _bar(bar: Colorbar, edges: Sequence[float]) -> None:
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.ax.set_yticklabels([signed(edge, "+g") for edge in edges])
    bar.ax.set_title("mm", fontsize=SMALL, color=INK)
    bar.set_label("\N{LEFTWARDS ARROW} inward      outward \N{RIGHTWARDS ARROW}", fontsize=USUAL, color=INK)


def _side(axes: Axes, view: SurfaceView, first_mm: float, colour: Callable[[Values], Values]) -> None:
    plain(axes)
    rows, columns = view.signed_mm.shape
    low = first_mm - view.size_mm[0] / 2
    extent = (0.0, columns * view.size_mm[1], low, low + rows * view.size_mm[0])
    shown = colour(np.nan_to_num(view.signed_mm))
    shown[..., :3] *= (np.round(view.light * SHADES) / SHADES)[..., None]
    shown[..., 3] = ~np.isnan(view.signed_mm)
    axes.imshow(shown, extent=extent, origin="lower", interpolation="nearest", aspect="auto", zorder=2)
    outline = np.pad(view.test_seen.astype(np.float32), 1)
    x = (np.arange(columns + 2) - 0.5) * view.size_mm[1]
    y = low + (np.arange(rows + 2) - 0.5) * view.size_mm[0]
    axes.contour(x, y, outline, levels=[0.5], zorder=3, **TEST_LINE)
    axes.set_xlim(extent[0], extent[1])
    axes.set_ylim(extent[2], extent[3])
    axes.set_xticks(extent[:2], list(view.letters), fontsize=USUAL, weight="bold", color=SOFT)
    axes.tick_params(axis="both", length=0, labelleft=False)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title(f"from {view.side}", fontsize=USUAL, color=INK)
