"""Slice strips: how much is to redraw in each axial slice, superior on top as in a coronal picture.

Bars are what was measured, the line is what was expected before the editing, where that is known. One column
per structure, all on the same scale of positions and of areas, so that a level at which several structures
differ is seen as one row. The slices that are shown as close-ups are marked with their position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from AmlartContourLib.exchange.report.charts import (
    BAR,
    INK,
    MARKED,
    RULE,
    SMALL,
    SOFT,
    USUAL,
    new_figure,
    plain,
    png,
    signed,
)
from AmlartContourLib.measures.slices import SliceFigures

HEIGHT_INCHES = 4.2
COLUMN_INCHES, LEFT_INCHES = 1.75, 0.7


@dataclass(frozen=True)
class Strip:
    """One structure's slices from inferior to superior, and those of them that are marked.

    `expected` is what was expected of slices that lie one above the other: position in mm, area in mm2.
    """

    name: str
    slices: tuple[SliceFigures, ...]
    marked: tuple[SliceFigures, ...]
    expected: tuple[tuple[float, float], ...] = ()

    @property
    def largest_mm2(self) -> float:
        """The largest area of a slice, measured or expected."""
        return max([figures.redraw_mm2 for figures in self.slices] + [area for _, area in self.expected])


def slice_strips(strips: Sequence[Strip], slice_mm: float) -> bytes:
    """PNG: for at least one structure with a slice each, on a grid of slices that far apart."""
    figure = new_figure(LEFT_INCHES + COLUMN_INCHES * len(strips), HEIGHT_INCHES)
    figure.set_layout_engine("constrained")
    columns = figure.subplots(1, len(strips), sharex=True, sharey=True, squeeze=False)[0]
    for axes, strip in zip(columns, strips, strict=True):
        _column(axes, strip, slice_mm)
    largest = max(strip.largest_mm2 for strip in strips) / 100
    columns[0].set_xlim(0, 1.3 * (largest or 1.0))  # room for the positions beside the longest bars
    columns[0].set_ylabel("position of the slice (mm), superior on top", color=INK, fontsize=USUAL)
    figure.supxlabel("surface to redraw in the slice (cm²)", color=INK, fontsize=USUAL)
    return png(figure)


def _column(axes: Axes, strip: Strip, slice_mm: float) -> None:
    plain(axes)
    positions = [figures.position_mm for figures in strip.slices]
    marked = {figures.k for figures in strip.marked}
    colours = [MARKED if figures.k in marked else BAR for figures in strip.slices]
    areas = [figures.redraw_mm2 / 100 for figures in strip.slices]
    axes.barh(positions, areas, height=0.85 * slice_mm, color=colours)
    ends = min(positions) - slice_mm / 2, max(positions) + slice_mm / 2
    axes.plot([0, 0], ends, color=SOFT, linewidth=2.5, solid_capstyle="butt", clip_on=False)
    for figures in strip.marked:
        axes.annotate(
            signed(figures.position_mm, ".1f"), (figures.redraw_mm2 / 100, figures.position_mm),
            xytext=(3, 0), textcoords="offset points", va="center", fontsize=SMALL, color=MARKED,
            weight="bold",
        )  # fmt: skip
    if strip.expected:
        edges = [strip.expected[0][0] - slice_mm / 2, *(at + slice_mm / 2 for at, _ in strip.expected)]
        expected = [area / 100 for _, area in strip.expected]
        axes.stairs(expected, edges, orientation="horizontal", color=INK, linewidth=1.0)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(strip.name, fontsize=USUAL, color=INK, loc="left", wrap=True)
