"""Where the names of level borders stand over a view, so that every one can be read.

A name stands on its line; under it where another stands there; else on the nearest line of text that is free.
Left and right of one border that lie within a line of text are named together. Nothing stands over the view's
title, its slider or the letter at its left side. In pixels of the view, from its upper left corner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

TEXT_PX = 16.0  # one line of text
TOP_PX, BOTTOM_PX = 26.0, 46.0  # title above; letter and slider below
LETTER_PX = 18.0  # the side's letter reaches so far below the view's middle
INDENT_PX, BESIDE_LETTER_PX = 8.0, 28.0


@dataclass(frozen=True)
class NamedLine:
    """A line's name, where it starts at the left, and whether it is an estimate."""

    name: str
    x_px: float
    y_px: float
    estimated: bool


@dataclass(frozen=True)
class Label:
    """A name as it is written; `top_px` is the upper edge of its text."""

    text: str
    estimated: bool
    left_px: float
    top_px: float


def labels(lines: Iterable[NamedLine], height_px: float) -> list[Label]:
    """The labels of a view, from top to bottom. Only in a view too low for all of them do any overlap."""
    tops_px: list[float] = []
    placed = []
    for line in _together(sorted(lines, key=lambda line: line.y_px)):
        top_px = _top_px(line.y_px, tops_px, height_px)
        tops_px.append(top_px)
        beside = _overlap(top_px, height_px / 2, LETTER_PX)
        indent_px = BESIDE_LETTER_PX if beside else INDENT_PX
        placed.append(Label(line.name, line.estimated, max(line.x_px, 0.0) + indent_px, top_px))
    return placed


def _together(lines: list[NamedLine]) -> list[NamedLine]:
    """Left and right of one border as one line, where they lie closer than a line of text."""
    found: list[NamedLine] = []
    for line in lines:
        stem, _, side = line.name.partition(", ")
        for n, other in enumerate(found):
            near = side and line.y_px - other.y_px < TEXT_PX and line.estimated == other.estimated
            if near and other.name.partition(", ")[0] == stem:
                found[n] = replace(other, name=f"{stem}, left and right")
                break
        else:
            found.append(line)
    return found


def _top_px(y_px: float, taken_px: list[float], height_px: float) -> float:
    """The upper edge of the text of a line at this height."""
    on, under = y_px - TEXT_PX, y_px
    beside = [top + step for top in taken_px for step in (TEXT_PX, -TEXT_PX)]
    most_px = max(height_px - BOTTOM_PX - TEXT_PX, TOP_PX)
    for top_px in (on, under, *sorted((TOP_PX, most_px, *beside), key=lambda top: abs(top - on))):
        within = TOP_PX <= top_px <= most_px
        if within and not any(_overlap(top_px, other, TEXT_PX) for other in taken_px):
            return top_px
    return min(max(on, TOP_PX), most_px)


def _overlap(top_px: float, other_px: float, other_height_px: float) -> bool:
    return top_px < other_px + other_height_px and other_px < top_px + TEXT_PX
