"""The names of level borders over a view: each can be read, wherever the borders lie."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("trame_server", reason="the workstation's packages are not installed")

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.web.panels.borders import drawn
from AmlartContourLib.web.views.border_labels import (
    BOTTOM_PX,
    LETTER_PX,
    TEXT_PX,
    TOP_PX,
    Label,
    NamedLine,
    labels,
)
from AmlartContourLib.web.views.projection import Projection

HEIGHT_PX = 366.0
AORTIC, ILIAC = "Aortic bifurcation", "Common iliac bifurcation"
UP = (0.0, 0.0, 1.0)


def _named(*places_px: tuple[str, float], estimated: str = "") -> list[Label]:
    return labels([NamedLine(name, 0.0, y_px, name == estimated) for name, y_px in places_px], HEIGHT_PX)


def _coronal() -> Projection:
    """300 x 366 pixels of one mm; the upper left pixel lies at 150 mm to the right and 183 mm to the head."""
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = (1, 0, 0), (0, 0, 1), (0, -1, 0)
    matrix[:3, 3] = (-150, 0, -183)
    return Projection(matrix, 300, int(HEIGHT_PX))


def test_a_name_stands_on_its_line() -> None:
    (label,) = _named((AORTIC, 120.0))
    assert label.top_px + TEXT_PX == 120.0


def test_left_and_right_at_one_height_are_named_together() -> None:
    for apart_px in (0.0, TEXT_PX - 1):
        (label,) = _named((f"{ILIAC}, left", 100.0), (f"{ILIAC}, right", 100.0 + apart_px))
        assert label.text == f"{ILIAC}, left and right"
        assert label.top_px + TEXT_PX == 100.0


def test_left_and_right_far_apart_or_of_different_evidence_are_named_each() -> None:
    far = _named((f"{ILIAC}, left", 100.0), (f"{ILIAC}, right", 100.0 + TEXT_PX))
    assert [label.text for label in far] == [f"{ILIAC}, left", f"{ILIAC}, right"]
    one = _named((f"{ILIAC}, left", 100.0), (f"{ILIAC}, right", 100.0), estimated=f"{ILIAC}, right")
    assert [label.estimated for label in one] == [False, True]


@pytest.mark.parametrize("apart_px", [0.0, 3.0, TEXT_PX - 1, TEXT_PX, 60.0])
@pytest.mark.parametrize("first_px", [5.0, 40.0, HEIGHT_PX / 2, HEIGHT_PX - 60, HEIGHT_PX - 1])
def test_no_name_covers_another_the_title_or_the_slider(first_px: float, apart_px: float) -> None:
    names = ("Upper border of the para-aortic level", AORTIC, f"{ILIAC}, left", f"{ILIAC}, right")
    shown = _named(*((name, first_px + n * apart_px) for n, name in enumerate(names)), estimated=names[3])
    tops_px = sorted(label.top_px for label in shown)
    assert len(shown) == len(names)
    assert tops_px[0] >= TOP_PX
    assert tops_px[-1] + TEXT_PX <= HEIGHT_PX - BOTTOM_PX
    assert all(lower - upper >= TEXT_PX for upper, lower in pairwise(tops_px))


def test_the_second_of_two_near_lines_is_named_under_it() -> None:
    on, under = _named((AORTIC, 100.0), (f"{ILIAC}, left", 104.0))
    assert (on.top_px + TEXT_PX, under.top_px) == (100.0, 104.0)


def test_a_name_beside_the_letter_of_the_view_starts_to_the_right_of_it() -> None:
    middle_px = HEIGHT_PX / 2
    above, beside = _named((AORTIC, middle_px - 1), (f"{ILIAC}, left", middle_px + TEXT_PX))
    below = _named((AORTIC, middle_px + LETTER_PX + TEXT_PX))[0]
    assert beside.left_px > above.left_px == below.left_px


def test_lines_and_names_lie_where_the_borders_cross_the_view() -> None:
    borders = [
        LevelBorder(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, 83.0), UP, "", True),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, (30.0, 0.0, 50.0), UP, "", False),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, (-30.0, 0.0, 48.0), UP, "", False),
        LevelBorder(BorderKind.MIDLINE, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), "", False),
    ]
    lines, named = drawn(borders, _coronal())
    dense = drawn(borders, replace(_coronal(), width=600, height=2 * int(HEIGHT_PX)), 2.0)[1]
    assert [label["left"] for label in dense] == [label["left"] for label in named]
    heights = [100 / HEIGHT_PX, 133 / HEIGHT_PX, 135 / HEIGHT_PX]
    assert [line["y1"] for line in lines] == pytest.approx([1000 * y for y in heights], abs=0.1)
    assert [(label["text"], label["estimated"]) for label in named] == [
        (AORTIC, True),
        (f"{ILIAC}, left and right", False),
    ]
    tops = [100 * (y - TEXT_PX / HEIGHT_PX) for y in heights[:2]]
    assert [label["top"] for label in named] == pytest.approx(tops, abs=0.01)
