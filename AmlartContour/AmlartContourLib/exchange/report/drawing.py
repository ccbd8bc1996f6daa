"""Pictures of slices with contour lines, as PNG bytes. matplotlib's object interface only: no global state.

Lengths keep their proportions (mm on both axes); the CT window is level 40, width 400 HU. Contour lines run
where a voxel inside meets one outside, halfway between their centres.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.report.view import Plane, View, cut, cut_hu

LEVEL_HU, WIDTH_HU = 40, 400
DPI = 140
BORDER_HALF_MM = 45.0  # half the length of the line that shows a level border
INNER_MM = 5.0  # how far the line of a border for one side reaches towards the other
LEAST_STEEP = 0.05  # a plane that meets the slice at less than 3 degrees gives no line worth drawing
RIGHT_SIDED = {BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, BorderKind.FEMORAL_HEAD_RIGHT}
LEFT_SIDED = {BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, BorderKind.FEMORAL_HEAD_LEFT}
SCALES_MM = (50.0, 20.0)  # the shorter one in pictures under 20 cm wide
HALO = (withStroke(linewidth=2.5, foreground="black"),)
SMALL: dict[str, Any] = {"color": "white", "fontsize": 8, "path_effects": HALO}
BADGE: dict[str, Any] = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": "black"}
Numbered = tuple[int, LevelBorder]
Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """One structure to draw: its mask in the canonical order, colour (RGB, 0 to 255), width and dashes."""

    mask: Mask
    colour_rgb: tuple[int, int, int]
    width: float = 1.2
    dashes: tuple[float, ...] = ()


def picture(
    view: View,
    plane: Plane,
    index: int,
    window: Box,
    lines: Sequence[Line],
    borders: Sequence[Numbered] = (),
    width_inches: float = 4.6,
) -> bytes:
    """One slice as PNG: CT within `window`, contour lines, letters at the edges, level borders, scale bar."""
    extent = _extent_mm(view, plane, window)
    across, along = extent[1] - extent[0], abs(extent[2] - extent[3])
    figure = Figure(figsize=(width_inches, width_inches * along / across), dpi=DPI, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _show_ct(axes, view, plane, index, window, extent)
    for line in lines:
        _outline(axes, cut(line.mask, plane, index, window), view, plane, extent, line)
    if plane is not Plane.AXIAL:
        for number, border in borders:
            _border(axes, view, plane, index, border, str(number))
    axes.set_xlim(extent[0], extent[1])
    axes.set_ylim(extent[2], extent[3])
    _letters(axes, plane)
    _scale_bar(axes, extent)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, facecolor="black", metadata={"Software": None})
    return content.getvalue()


def _picture_axes(plane: Plane) -> tuple[int, int]:
    """The array axes [k, j, i] that run downwards (or up) and across."""
    rows, columns = (axis for axis in range(3) if axis != plane.axis)
    return rows, columns


def _extent_mm(view: View, plane: Plane, window: Box) -> Extent:
    """Left, right, bottom, top in mm of the window's outer faces, along the image's own axes."""
    rows, columns = _picture_axes(plane)
    spacing = view.geometry.spacing_kji_mm
    left, right = (
        (v - 0.5) * spacing[columns] for v in (window.start_kji[columns], window.stop_kji[columns])
    )
    low, high = ((v - 0.5) * spacing[rows] for v in (window.start_kji[rows], window.stop_kji[rows]))
    return (left, right, high, low) if plane is Plane.AXIAL else (left, right, low, high)


def _show_ct(axes: Axes, view: View, plane: Plane, index: int, window: Box, extent: Extent) -> None:
    axes.imshow(
        cut_hu(view, plane, index, window),
        cmap="gray",
        vmin=LEVEL_HU - WIDTH_HU / 2,
        vmax=LEVEL_HU + WIDTH_HU / 2,
        extent=extent,
        origin="upper" if plane is Plane.AXIAL else "lower",
        interpolation="bilinear",
        aspect="auto",
    )


def _outline(axes: Axes, inside: np.ndarray, view: View, plane: Plane, extent: Extent, line: Line) -> None:
    if not inside.any():
        return
    rows, columns = _picture_axes(plane)
    steps = view.geometry.spacing_kji_mm
    padded = np.pad(inside.astype(np.float32), 1)
    left, low = extent[0], min(extent[2], extent[3])
    x = left + (np.arange(padded.shape[1]) - 0.5) * steps[columns]
    y = low + (np.arange(padded.shape[0]) - 0.5) * steps[rows]
    colour = tuple(value / 255 for value in line.colour_rgb)
    dashes = [(0, line.dashes)] if line.dashes else ["solid"]
    drawn = axes.contour(
        x, y, padded, levels=[0.5], colors=[colour], linewidths=line.width, linestyles=dashes
    )
    drawn.set_path_effects([withStroke(linewidth=line.width + 0.9, foreground=(0, 0, 0, 0.55))])


def _border(axes: Axes, view: View, plane: Plane, index: int, border: LevelBorder, number: str) -> None:
    """The line in which a level border meets the slice, near the point it was found at, and its number."""
    ends = border_line(view, plane, index, border)
    if ends is None:
        return
    axes.plot(ends[:, 0], ends[:, 1], color="white", linewidth=1.0, linestyle=(0, (4, 3)), path_effects=HALO)
    outer = ends[0] if border.kind in RIGHT_SIDED else ends[1]
    axes.text(
        outer[0],
        outer[1],
        number,
        ha="center",
        va="center",
        bbox=BADGE,
        color="black",
        fontsize=7,
        weight="bold",
    )


def border_line(view: View, plane: Plane, index: int, border: LevelBorder) -> NDArray[np.float64] | None:
    """(2, 2): both ends, (across, up) in mm along the image's axes, of the line of a border in a slice.

    None where the border runs along the slice, or where it is for one side and the slice is not near it.
    """
    rows, columns = _picture_axes(plane)
    spacing = np.asarray(view.geometry.spacing_kji_mm)
    axes_lps = view.geometry.direction_matrix[:, ::-1]  # columns k, j, i
    place = axes_lps.T @ (np.asarray(border.point_lps) - np.asarray(view.geometry.origin_lps))
    normal = axes_lps.T @ np.asarray(border.normal_lps)
    beside = index * spacing[plane.axis] - place[plane.axis]
    across, up = normal[columns], normal[rows]
    steep = float(np.hypot(across, up))
    sided = border.kind in RIGHT_SIDED | LEFT_SIDED
    if steep < LEAST_STEEP or (plane is Plane.SAGITTAL and sided and abs(beside) > BORDER_HALF_MM):
        return None
    along = np.array([up, -across]) / steep
    along *= 1 if along[0] >= 0 else -1
    foot = np.array([place[columns], place[rows]])
    foot = foot - np.array([across, up]) / steep**2 * normal[plane.axis] * beside
    before = INNER_MM if border.kind in LEFT_SIDED and plane is Plane.CORONAL else BORDER_HALF_MM
    after = INNER_MM if border.kind in RIGHT_SIDED and plane is Plane.CORONAL else BORDER_HALF_MM
    return np.stack([foot - before * along, foot + after * along])


def _letters(axes: Axes, plane: Plane) -> None:
    left, right, top, bottom = plane.edges
    for letter, x, y in ((left, 0.02, 0.5), (right, 0.98, 0.5), (top, 0.5, 0.975), (bottom, 0.5, 0.025)):
        axes.text(
            x, y, letter, transform=axes.transAxes, ha="center", va="center", weight="bold", clip_on=True,
            **{**SMALL, "fontsize": 10},
        )  # fmt: skip


def _scale_bar(axes: Axes, extent: Extent) -> None:
    across, along = extent[1] - extent[0], extent[3] - extent[2]
    length = SCALES_MM[0] if across >= 4 * SCALES_MM[0] else SCALES_MM[1]
    start, height = extent[0] + 0.04 * across, extent[2] + 0.04 * along
    axes.plot(
        [start, start + length], [height, height], color="white", linewidth=2, path_effects=HALO,
        solid_capstyle="butt",
    )  # fmt: skip
    axes.annotate(
        f"{length / 10:g} cm", (start + length / 2, height), xytext=(0, 3), textcoords="offset points",
        ha="center", va="bottom", **SMALL,
    )  # fmt: skip
