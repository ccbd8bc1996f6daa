"""A slice's bar in the effort panel shows what was redrawn and, as a line, what was expected."""

from __future__ import annotations

import pytest

from AmlartContourLib.session.effort import SliceRedraw

pytest.importorskip("trame", reason="the workstation's packages are not installed")

from AmlartContourLib.web.panels.effort import (
    EXPECTED,
    LEAST_PX,
    LINE_PX,
    SEEN,
    STRIP_PX,
    TOUCHED,
    UNSEEN,
    bar,
)

MOST_MM2 = 200.0


def test_a_bar_is_as_high_as_the_area_redrawn() -> None:
    heights = [bar(SliceRedraw(4, None, area), MOST_MM2, False)["height"] for area in (0.0, 100.0, 200.0)]
    assert heights == [LEAST_PX, (LEAST_PX + STRIP_PX) // 2, STRIP_PX]


def test_the_line_of_what_was_expected_lies_at_its_height_above_or_within_the_bar() -> None:
    for expected, measured in ((200.0, 100.0), (100.0, 200.0)):
        shown = bar(SliceRedraw(4, expected, measured), MOST_MM2, False)
        line, body = (
            bar(SliceRedraw(4, None, area), MOST_MM2, False)["height"] for area in (expected, measured)
        )
        assert f"{EXPECTED} {line}px {line + LINE_PX}px" in shown["colour"]
        assert f"{TOUCHED} {min(line, body)}px" in shown["colour"]
        assert shown["height"] == max(line + LINE_PX, body)


def test_the_words_name_both_areas_and_what_was_not_displayed() -> None:
    assert bar(SliceRedraw(4, 31.4, 12.0), MOST_MM2, True)["title"] == (
        "Slice 5, 31 mm\N{SUPERSCRIPT TWO} expected, 12 mm\N{SUPERSCRIPT TWO} redrawn, not displayed yet"
    )
    assert bar(SliceRedraw(4, None, 0.0), MOST_MM2, False)["title"] == "Slice 5, as it came"


def test_a_slice_without_an_estimate_has_no_line() -> None:
    assert bar(SliceRedraw(4, None, 0.0), MOST_MM2, False)["colour"] == SEEN
    assert bar(SliceRedraw(4, None, 0.0), MOST_MM2, True)["colour"] == UNSEEN
    assert EXPECTED in bar(SliceRedraw(4, 0.0, 0.0), MOST_MM2, True)["colour"]
