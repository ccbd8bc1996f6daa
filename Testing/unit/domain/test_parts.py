"""Sides, sub-levels and wholes: one table says which is part of which."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.parts import (
    LEVELS,
    NODAL_IDS,
    PELVIC_SUBLEVELS,
    covering,
    leaves,
    part,
    without_part,
)
from AmlartContourLib.domain.structure_set import Source
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from support.patients import structure_set
from support.shapes import ball, centre, grid

GRID = grid((20, 20, 12), (2.0, 2.0, 2.5))
LEFT = ball(GRID, np.add(centre(GRID), (8, 0, 0)), 7)
RIGHT = ball(GRID, np.subtract(centre(GRID), (8, 0, 0)), 6)


def test_every_nodal_level_of_the_catalogue_is_in_the_table() -> None:
    assert {s.id for s in catalogue().with_role(Role.NODAL_LEVEL)} == NODAL_IDS


@pytest.mark.parametrize("structure_id", sorted(NODAL_IDS))
def test_the_smallest_parts_of_a_level_cover_it_again(structure_id: str) -> None:
    assert covering(leaves(structure_id)) == (structure_id,)


@pytest.mark.parametrize(
    ("chosen", "removed", "left"),
    [
        (("ln_pelvic",), "ln_pelvic", ()),
        (("ln_pelvic",), "ln_pelvic_left", ("ln_pelvic_right",)),
        (("ln_pelvic",), "ln_obturator", ("ln_external_iliac", "ln_internal_iliac", "ln_presacral")),
        (("ln_pelvic_left", "ln_pelvic_right"), "ln_pelvic", ()),
        (
            ("ln_pelvic_left",),
            "ln_presacral",
            ("ln_external_iliac_left", "ln_internal_iliac_left", "ln_obturator_left"),
        ),
        (("parametrium", "uterus"), "parametrium_right", ("parametrium_left", "uterus")),
        (("uterus",), "vagina", ("uterus",)),
        (("ln_common_iliac",), "ln_paraaortic", ("ln_common_iliac",)),
    ],
)
def test_a_part_is_taken_from_whatever_holds_it(
    chosen: tuple[str, ...], removed: str, left: tuple[str, ...]
) -> None:
    assert without_part(chosen, removed) == left


def test_taking_one_side_of_one_sub_level_leaves_the_largest_rest() -> None:
    left = without_part(("ln_pelvic",), "ln_obturator_left")
    assert left[0] == "ln_pelvic_right"
    assert frozenset().union(*(leaves(i) for i in left)) == leaves("ln_pelvic") - {"ln_obturator_left"}


def test_a_whole_that_is_not_there_is_the_union_of_its_sides() -> None:
    structures = structure_set(GRID, parametrium_left=LEFT, parametrium_right=RIGHT)
    found = part(structures, "parametrium")
    assert found is not None
    assert found.mask.same_voxels(LEFT | RIGHT)
    assert found.source is Source.DERIVED
    assert found.note == "union of parametrium_left, parametrium_right"


def test_a_union_that_is_not_complete_says_what_is_lacking() -> None:
    structures = structure_set(GRID, ln_external_iliac=LEFT, ln_obturator_left=RIGHT)
    found = part(structures, "ln_pelvic")
    assert found is not None
    assert found.mask.same_voxels(LEFT | RIGHT)
    assert "not there: ln_internal_iliac, ln_presacral, ln_obturator_right" in found.note


def test_a_structure_that_is_there_is_taken_as_it_is_even_if_empty() -> None:
    structures = structure_set(GRID, ln_pelvic=Mask.empty(GRID), ln_obturator=LEFT)
    found = part(structures, "ln_pelvic")
    assert found is not None
    assert found.mask.is_empty


def test_what_is_not_there_in_any_form_is_none() -> None:
    structures = structure_set(GRID, ln_pelvic=LEFT, ln_obturator=RIGHT)
    assert part(structures, "ln_pelvic_left") is None
    assert part(structures, "ln_common_iliac") is None
    assert part(structures, "cervix") is None
    assert set(PELVIC_SUBLEVELS) & set(LEVELS) == set()
