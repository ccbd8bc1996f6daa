"""docs/measures-compared.md shows what the code computes, and its contours are as it says."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from matplotlib.image import imread

from AmlartContourLib.measures.comparison import compare
from support.compared_contours import Case, cases, dice, missing_end, target
from support.compared_page import MARK, PAGE, PICTURE, fingerprint, page

LARGEST_BYTES = 300_000


@lru_cache(maxsize=1)
def by_name() -> dict[str, Case]:
    return {case.name: case for case in cases()}


def test_the_table_is_what_the_code_computes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python Testing/support/compared_page.py"


def test_the_picture_was_drawn_from_these_contours_and_is_small() -> None:
    content = PICTURE.read_bytes()
    mark = fingerprint(tuple(by_name().values())).encode()
    assert MARK.encode() + b"\0" + mark in content, "run python Testing/support/compared_page.py"
    assert len(content) < LARGEST_BYTES
    assert imread(PICTURE).shape[1] >= 1000


def test_four_contours_have_one_dice_and_nearly_one_average_distance() -> None:
    four = [case.figures for name, case in by_name().items() if name != "spur"]
    assert {f"{f.overlap.dice:.3f}" for f in four} == {"0.933"}
    assert {f"{f.overlap.jaccard:.3f}" for f in four} == {"0.875"}
    averages = [f.surface.average_symmetric_mm for f in four]
    assert all(0.75 <= average < 1.0 for average in averages)


def test_two_contours_have_one_hausdorff_distance() -> None:
    assert by_name()["missing end"].figures.surface.hausdorff_mm == pytest.approx(7.5)
    assert by_name()["spur"].figures.surface.hausdorff_mm == pytest.approx(7.5)
    assert by_name()["spur"].figures.surface.hd95_mm == 0
    assert np.count_nonzero(by_name()["spur"].test.to_array() & ~target().to_array()) == 12


def test_the_shift_keeps_the_volume_and_only_the_bulge_reaches_the_organ() -> None:
    assert abs(by_name()["shift"].figures.overlap.signed_volume_difference) < 0.005
    assert [name for name, case in by_name().items() if case.organ_cc > 0] == ["bulge"]


def test_what_the_page_says_of_surface_dice_and_path_holds() -> None:
    found = {name: case.figures for name, case in by_name().items()}
    assert found["rim"].surface_dice == 1
    assert found["shift"].surface_dice > 0.95
    assert found["bulge"].redraws[0].outward_fraction == found["missing end"].redraws[0].inward_fraction == 0
    paths = {name: figures.path for name, figures in found.items()}
    assert min(paths["rim"].added_mm, paths["shift"].added_mm) > 5 * paths["bulge"].added_mm
    assert paths["spur"].added_mm == paths["rim"].false_negative_mm == paths["bulge"].false_negative_mm == 0
    assert paths["missing end"].false_negative_mm == paths["missing end"].added_mm
    assert paths["shift"].false_negative_mm == pytest.approx(paths["shift"].added_mm / 2, rel=0.1)


def test_at_a_smaller_tolerance_rim_and_shift_are_redrawn() -> None:
    for name in ("rim", "shift"):
        assert compare(target(), by_name()[name].test, tolerance_mm=1.0).fraction_to_redraw > 0.1


def test_dice_of_the_missing_end_follows_from_its_slices() -> None:
    assert dice(missing_end()) == pytest.approx(2 * 21 / (24 + 21))
