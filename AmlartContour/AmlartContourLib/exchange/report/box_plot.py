"""Box plots: quartiles, whiskers and outliers of one figure over several cases, structure by structure.

Quartiles are interpolated linearly between cases. Fences lie 1.5 times the distance between the quartiles
beyond them; whiskers reach to the farthest case within the fences, and never end inside the box; what lies
beyond is an outlier and is named (J. W. Tukey, Exploratory Data Analysis, 1977).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
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
)

FENCE = 1.5
ROW_INCHES, FRAME_INCHES, WIDTH_INCHES = 0.42, 0.75, 8.0
NAME_ROOM = 0.13  # of the axis, about a name's length: one closer than this to another is left to the caption


@dataclass(frozen=True)
class Spread:
    """Five numbers of a box, and the outliers by name, the farthest from the median first."""

    count: int
    low_whisker: float
    lower_quartile: float
    median: float
    upper_quartile: float
    high_whisker: float
    outliers: tuple[tuple[str, float], ...]


def spread(values: Mapping[str, float]) -> Spread:
    """Of at least one case; the keys name the cases."""
    every = np.asarray(list(values.values()))
    lower, median, upper = (float(q) for q in np.percentile(every, (25, 50, 75)))
    reach = FENCE * (upper - lower)
    within = every[(every >= lower - reach) & (every <= upper + reach)]
    beyond = [(name, v) for name, v in values.items() if not lower - reach <= v <= upper + reach]
    beyond.sort(key=lambda case: -abs(case[1] - median))
    low, high = min(float(within.min()), lower), max(float(within.max()), upper)
    return Spread(len(every), low, lower, median, upper, high, tuple(beyond))


def box_plot(groups: Mapping[str, Spread], label: str) -> bytes:
    """PNG: one row per structure in the given order, `label` the figure on the axis with its unit."""
    figure = new_figure(WIDTH_INCHES, FRAME_INCHES + ROW_INCHES * len(groups))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    plain(axes)
    boxes = list(groups.values())
    axes.bxp(
        [_drawn(found) for found in boxes], orientation="horizontal", showfliers=False, widths=0.5,
        patch_artist=True, boxprops={"facecolor": "#dbe7f0", "edgecolor": BAR},
        medianprops={"color": INK, "linewidth": 1.8}, whiskerprops={"color": BAR}, capprops={"color": BAR},
    )  # fmt: skip
    for row, found in enumerate(boxes, start=1):
        axes.plot(
            [value for _, value in found.outliers], [row] * len(found.outliers), "o",
            markersize=3.5, color=MARKED, markerfacecolor="none",
        )  # fmt: skip
    for row, found in enumerate(boxes, start=1):
        _names(axes, row, found.outliers)
    axes.set_yticks(range(1, len(groups) + 1), list(groups), fontsize=USUAL, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel(label, fontsize=USUAL, color=INK)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return png(figure)


def _drawn(found: Spread) -> dict[str, float]:
    return {
        "whislo": found.low_whisker,
        "q1": found.lower_quartile,
        "med": found.median,
        "q3": found.upper_quartile,
        "whishi": found.high_whisker,
    }


def _names(axes: Axes, row: int, outliers: Sequence[tuple[str, float]]) -> None:
    """Names over the circles, the farthest outliers first, as far as there is room."""
    low, high = axes.get_xlim()
    named: list[float] = []
    for name, value in outliers:
        if all(abs(value - other) > NAME_ROOM * (high - low) for other in named):
            named.append(value)
            place = (value - low) / (high - low)
            side = "left" if place < NAME_ROOM / 2 else "right" if place > 1 - NAME_ROOM / 2 else "center"
            axes.annotate(
                name, (value, row), xytext=(0, 4), textcoords="offset points", ha=side, va="bottom",
                fontsize=SMALL, color=SOFT,
            )  # fmt: skip
