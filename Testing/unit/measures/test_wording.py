"""Every figure is printed with its definition, tolerance and grid, and promises nothing."""

from __future__ import annotations

import pytest

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.wording import headline, lattice_note
from support.shapes import ball, centre, grid

GRID = grid(spacing_mm=(1.3, 1.3, 2.5))
BALL = ball(GRID, centre(GRID), 10)
SMALLER = ball(GRID, centre(GRID), 5)


def test_the_headline_names_fraction_direction_tolerance_definition_and_grid() -> None:
    text = headline(compare(SMALLER, BALL, tolerance_mm=2.0))
    assert text.startswith("Measured editing: 100.0% of the surface to redraw (100.0% inward, 0.0% outward)")
    assert "at 2 mm" in text
    assert "arXiv 1809.04430" in text
    assert "grid 1.3 x 1.3 x 2.5 mm" in text


@pytest.mark.parametrize("empty_reference", [True, False])
@pytest.mark.parametrize("empty_test", [True, False])
def test_the_headline_never_speaks_of_merit_and_says_which_contour_is_empty(
    empty_reference: bool, empty_test: bool
) -> None:
    empty = Mask.empty(GRID)
    found = compare(empty if empty_reference else BALL, empty if empty_test else SMALLER, tolerance_mm=2.0)
    text = headline(found)
    assert not {"quality", "safe", "accurate", "good"} & set(text.lower().replace(".", "").split())
    assert (found.empty or "Measured editing") in text


def test_a_tolerance_below_the_lattice_is_remarked_on() -> None:
    assert "coincides exactly" in (lattice_note(1.0, GRID) or "")
    assert "2.5 mm" in (lattice_note(2.0, GRID) or "")
    assert lattice_note(3.0, GRID) is None
