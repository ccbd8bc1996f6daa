"""Sets of contours compared structure by structure."""

from __future__ import annotations

import json

import numpy as np
import pytest

from AmlartContourLib.contract.errors import GeometryMismatch, UnknownStructure
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import BOTH_EMPTY, REFERENCE_EMPTY, TEST_EMPTY
from AmlartContourLib.measures.set_comparison import compare_sets
from support.shapes import ball, block, centre, grid

GRID = grid()
MIDDLE = centre(GRID)
TARGET = block(GRID, np.subtract(MIDDLE, [8, 6, 15]), np.add(MIDDLE, [8, 6, 15]))
LARGER_TARGET = block(GRID, np.subtract(MIDDLE, [8, 6, 15]), np.add(MIDDLE, [8, 10, 15]))
BLADDER = block(GRID, np.add(MIDDLE, [-10, 5, -20]), np.add(MIDDLE, [10, 15, 20]))


def set_of(**masks: Mask) -> StructureSet:
    return StructureSet.of(GRID, [Contour(name, mask, Source.DRAWN) for name, mask in masks.items()])


def test_every_structure_of_either_set_is_there_and_an_absent_one_counts_as_empty() -> None:
    reference = set_of(ctvn=TARGET, bladder=BLADDER, rectum=Mask.empty(GRID))
    test = set_of(bladder=BLADDER, uterus=TARGET)
    found = compare_sets(reference, test, catalogue())
    assert [one.structure_id for one in found] == ["ctvn", "bladder", "rectum", "uterus"]
    assert [(one.in_reference, one.in_test) for one in found] == [
        (True, False),
        (True, True),
        (True, False),
        (False, True),
    ]
    assert [one.comparison.empty for one in found] == [TEST_EMPTY, None, BOTH_EMPTY, REFERENCE_EMPTY]


def test_the_tolerance_is_the_catalogues_unless_another_is_given() -> None:
    both = set_of(ctvn=TARGET, bladder=BLADDER)
    by_default = compare_sets(both, both, catalogue())
    assert [one.comparison.tolerance_mm for one in by_default] == [3.0, 2.0]
    assert all(one.tolerance_is_default for one in by_default)
    given = compare_sets(both, both, catalogue(), {"ctvn": 1.5})
    assert [one.comparison.tolerance_mm for one in given] == [1.5, 2.0]
    assert [one.tolerance_is_default for one in given] == [False, True]


def test_over_contouring_into_an_organ_is_reported_on_its_own() -> None:
    found, _ = compare_sets(
        set_of(ctvn=TARGET, bladder=BLADDER), set_of(ctvn=LARGER_TARGET, bladder=BLADDER), catalogue()
    )
    (into_bladder,) = found.encroachments
    assert into_bladder.organ_id == "bladder"
    assert into_bladder.reference.volume_cc == pytest.approx((TARGET & BLADDER).volume_cc)
    assert into_bladder.test.volume_cc == pytest.approx((LARGER_TARGET & BLADDER).volume_cc)
    over = (LARGER_TARGET & BLADDER).volume_cc - (TARGET & BLADDER).volume_cc
    assert into_bladder.over_contoured_cc == pytest.approx(over)
    assert over > 0


def test_the_organ_is_the_references_where_both_have_it_and_else_the_tests() -> None:
    far = ball(GRID, np.add(MIDDLE, [0, -14, 0]), 3)
    elsewhere = compare_sets(
        set_of(ctvn=TARGET, bladder=far), set_of(ctvn=TARGET, bladder=BLADDER), catalogue()
    )
    assert elsewhere[0].encroachments == ()
    only_test = compare_sets(set_of(ctvn=TARGET), set_of(ctvn=TARGET, bladder=BLADDER), catalogue())
    assert [found.organ_id for found in only_test[0].encroachments] == ["bladder"]


def test_an_organ_has_no_encroachments_of_its_own() -> None:
    both = set_of(bladder=BLADDER, rectum=BLADDER)
    assert all(one.encroachments == () for one in compare_sets(both, both, catalogue()))


def test_the_result_is_plain_json() -> None:
    found = compare_sets(set_of(ctvn=TARGET, bladder=BLADDER), set_of(ctvn=LARGER_TARGET), catalogue())
    written = [one.to_json() for one in found]
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert written[0]["encroachments"][0]["organ_id"] == "bladder"


def test_other_grids_and_unknown_structures_are_refused() -> None:
    other = grid(size_ijk=(5, 5, 5))
    with pytest.raises(GeometryMismatch):
        compare_sets(set_of(ctvn=TARGET), StructureSet(other), catalogue())
    with pytest.raises(UnknownStructure):
        compare_sets(set_of(nonesuch=TARGET), set_of(), catalogue())
    with pytest.raises(UnknownStructure):
        compare_sets(set_of(ctvn=TARGET), set_of(), catalogue(), {"nonesuch": 2.0})
