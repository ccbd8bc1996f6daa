"""Lines over a common axis, such as the curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from AmlartContourLib.exchange.report.charts import BAR, INK, MARKED, SMALL, USUAL, new_figure, plain, png

COLOURS = (BAR, MARKED, "#3d7a4e", "#7a4e9c", "#8a6d1d", "#4a4a4a")
WIDTH_INCHES, HEIGHT_INCHES = 8.0, 3.0
Line = Sequence[tuple[float, float]]


def line_plot(
    lines: Mapping[str, Line], x_label: str, y_label: str, dashed: frozenset[str] = frozenset()
) -> bytes:
    """PNG: a line for each name, colours in the order of the names; those of `dashed` share the colour of the
    line before them."""
    figure = new_figure(WIDTH_INCHES, HEIGHT_INCHES)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    plain(axes)
    colour = -1
    for name, points in lines.items():
        colour += name not in dashed
        x, y = zip(*points, strict=True) if points else ((), ())
        style = "--" if name in dashed else "-"
        axes.plot(x, y, style, color=COLOURS[max(colour, 0) % len(COLOURS)], linewidth=1.4, label=name)
    axes.set_xlabel(x_label, fontsize=USUAL, color=INK)
    axes.set_ylabel(y_label, fontsize=USUAL, color=INK)
    axes.legend(fontsize=SMALL, frameon=False)
    return png(figure)
