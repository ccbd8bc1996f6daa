"""What a live composition says of each step, on cases known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.live_composition import LiveComposition
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.resources import catalogue
from support.patients import structure_set
from support.shapes import grid

GRID = grid((30, 30, 20), (1.0, 1.0, 1.0))


def boxed(*ends: tuple[int, int]) -> Mask:
    """A block by its first and last-but-one index on k, j and i."""
    box = Box(tuple(a for a, _ in ends), tuple(b for _, b in ends))
    return Mask.from_block(np.ones(box.shape_kji, dtype=bool), box, GRID)


def contour(structure_id: str, mask: Mask) -> Contour:
    return Contour(structure_id, mask, Source.DRAWN)


def patient() -> StructureSet:
    return structure_set(
        GRID,
        cervix=boxed((2, 6), (10, 20), (10, 20)),
        ln_pelvic_left=boxed((8, 12), (5, 10), (20, 25)),
        ln_pelvic_right=boxed((8, 12), (5, 10), (5, 10)),
        bladder=boxed((2, 6), (0, 5), (10, 20)),
    )


def live(**settings: object) -> LiveComposition:
    selection = Selection(("cervix", "ln_pelvic_left", "ln_pelvic_right"), **settings)  # type: ignore[arg-type]
    return LiveComposition(patient(), selection, catalogue())


def test_a_level_left_out_changes_ctvn_and_ctv_in_its_box_and_leaves_the_ctvp_the_object_it_was() -> None:
    following = live()
    ctvp = following.composition.composites.mask("ctvp")
    step = following.choose(following.selection.without("ln_pelvic_left"))
    level = patient().mask("ln_pelvic_left").box
    assert dict(step.changed) == {"ctvn": level, "ctv": level}
    assert step.composition.composites.mask("ctvp") is ctvp
    assert step.composition is following.composition
    assert following.composition.composites.mask("ctvn").voxel_count == 4 * 5 * 5


def test_the_same_choice_again_changes_nothing() -> None:
    following = live(ptv={"ctv": Margin.isotropic(3)})
    before = following.composition
    step = following.choose(replace(following.selection))
    assert not step.changed
    assert step.composition.messages == before.messages
    for each in before.composites:
        assert step.composition.composites.mask(each.structure_id) is each.mask


def test_one_voxel_painted_changes_the_ptv_by_its_margin_round_that_voxel() -> None:
    following = live(ptv={"ctvn": Margin.isotropic(2)})
    old = following.structures.mask("ln_pelvic_left")
    step = following.edit(contour("ln_pelvic_left", old | boxed((15, 16), (20, 21), (5, 6))))
    assert dict(step.changed) == {
        "ctvn": Box((15, 20, 5), (16, 21, 6)),
        "ctv": Box((15, 20, 5), (16, 21, 6)),
        "ptvn": Box((13, 18, 3), (18, 23, 8)),
    }
    assert following.structures.mask("ln_pelvic_left").voxel_count == old.voxel_count + 1
    assert patient().mask("ln_pelvic_left").same_voxels(old), "the part that came in is as it was"


def test_an_edit_taken_back_takes_back_its_changes() -> None:
    following = live()
    before, first = following.structures, following.composition
    painted = following.edit(contour("cervix", boxed((2, 6), (10, 21), (10, 20))))
    undone = following.take(before)
    assert undone.changed == painted.changed
    assert undone.changed["ctvp"] == Box((2, 20, 10), (6, 21, 20))
    for each in first.composites:
        assert following.composition.composites.mask(each.structure_id).same_voxels(each.mask)


def test_an_organ_painted_changes_messages_and_no_composite() -> None:
    following = live()
    step = following.edit(contour("bladder", boxed((2, 6), (0, 11), (10, 20))))
    assert not step.changed
    assert [m.volume_cc for m in step.composition.messages if "bladder" in m.ids] == [pytest.approx(0.04)]


def test_a_ptv_switched_off_is_told_as_gone_with_the_box_it_had() -> None:
    following = live(ptv={"ctvp": Margin.isotropic(1)})
    step = following.choose(replace(following.selection, ptv={}))
    assert dict(step.changed) == {"ptvp": Box((1, 9, 9), (7, 21, 21))}
    assert "ptvp" not in step.composition.composites


def test_a_contour_of_another_grid_is_refused_and_everything_stays() -> None:
    following = live()
    structures, composition = following.structures, following.composition
    other = grid((30, 30, 20), (1.0, 1.0, 2.0))
    with pytest.raises(GeometryMismatch):
        following.edit(contour("cervix", Mask.from_array(np.ones(other.shape_kji, dtype=bool), other)))
    assert following.structures is structures
    assert following.composition is composition


def test_a_case_on_another_grid_is_all_new() -> None:
    following = live()
    other = grid((12, 12, 12), (2.0, 2.0, 2.0))
    cervix = Mask.from_block(np.ones((1, 2, 3), dtype=bool), Box((1, 1, 1), (2, 3, 4)), other)
    step = following.take(structure_set(other, cervix=cervix))
    assert dict(step.changed) == dict.fromkeys(("ctv_hr", "ctvp", "ctv"), cervix.box)
    assert step.composition.composites.geometry == other
