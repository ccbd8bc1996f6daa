"""Properties of composition that hold for any masks, any choice and any array order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.exchange.resources import catalogue
from support.patients import pelvis, reorders, turned, turned_mask
from support.shapes import DIRECTIONS, grid

GRID = grid((6, 5, 8), (2.0, 2.5, 5.0))
PRESENT = (
    *("cervix", "gtvp", "ctv_hr", "uterus", "vagina", "parametrium_left", "parametrium", "gtvn"),
    *("ln_pelvic", "ln_obturator_left", "ln_common_iliac", "ctvp", "ctvn", "anorectum", "bladder", "sigmoid"),
)
EXTENDED = Selection(
    (
        "cervix",
        "gtvp",
        "uterus",
        "vagina",
        "parametrium",
        "gtvn",
        "ln_pelvic",
        "ln_common_iliac",
        "ln_paraaortic",
    ),
    VaginaLength(VaginaRecipe.BELOW_TUMOUR, 20),
    ptv={"ctvp": Margin(5, 4, 10, 8, 6, 7), "ctvn": Margin.isotropic(5)},
)


@st.composite
def structure_sets(draw: st.DrawFn) -> StructureSet:
    """Overlapping random blobs under random ids; some empty, some absent."""
    ids = draw(st.lists(st.sampled_from(PRESENT), unique=True))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 0.7]))
    contours = [
        Contour(i, Mask.from_array(random.random(GRID.shape_kji) < density, GRID), Source.IMPORTED)
        for i in ids
    ]
    return StructureSet.of(GRID, contours)


selections = st.builds(
    Selection,
    included=st.lists(st.sampled_from(sorted(SELECTABLE)), unique=True).map(tuple),
    vagina=st.builds(VaginaLength, st.sampled_from(VaginaRecipe), st.sampled_from([3.0, 10.0, 20.0])),
    edit_back_parametrium=st.booleans(),
    ptv=st.sampled_from([{}, {"ctv": Margin.isotropic(4)}, {"ctvp": Margin(2, 0, 5, 1, 5, 5)}]),
    priority=st.permutations(["gtvp", "gtvn", "anorectum", "ctvp", "ctvn"]).map(tuple),
)


def made(structures: StructureSet, selection: Selection) -> Composition:
    return compose(structures, selection, catalogue())


def voxels(structures: StructureSet) -> dict[str, bytes]:
    return {c.structure_id: c.mask.to_array().tobytes() for c in structures}


@settings(max_examples=60, deadline=None)
@given(structure_sets(), selections)
def test_rule_1_holds_after_composition_and_no_target_holds_a_voxel_that_no_structure_had(
    structures: StructureSet, selection: Selection
) -> None:
    result = made(structures, selection)
    organ = result.composites if "anorectum" in result.composites else structures
    targets = [result.composites.mask("ctvp"), result.composites.mask("ctvn"), organ.mask("anorectum")]
    assert np.sum([mask.to_array() for mask in targets], axis=0).max() <= 1
    ctv = result.composites.mask("ctv")
    assert (ctv - union([contour.mask for contour in structures], GRID)).is_empty
    assert (targets[0] - ctv).is_empty
    assert (targets[1] - ctv).is_empty


@settings(max_examples=60, deadline=None)
@given(structure_sets(), selections, st.lists(st.sampled_from(sorted(SELECTABLE)), max_size=5))
def test_toggling_never_changes_a_part_and_toggling_back_gives_the_same(
    structures: StructureSet, selection: Selection, toggled: list[str]
) -> None:
    before = voxels(structures)
    first = made(structures, selection)
    for structure_id in toggled:
        made(structures, selection.without(structure_id))
        made(structures, selection.including(structure_id))
    assert voxels(structures) == before
    again = made(structures, selection)
    assert voxels(again.composites) == voxels(first.composites)
    assert again.messages == first.messages


@settings(max_examples=60, deadline=None)
@given(structure_sets(), selections)
def test_composing_again_with_the_composites_in_the_set_changes_nothing(
    structures: StructureSet, selection: Selection
) -> None:
    """All but ctv_hr and anorectum, which are parts too: putting those back would edit a part."""
    once = made(structures, selection)
    targets = once.composites.only(i for i in once.composites.ids if i not in ("ctv_hr", "anorectum"))
    twice = made(structures.with_contours(*targets), selection)
    assert voxels(twice.composites.only(targets.ids)) == voxels(targets)


@settings(max_examples=25, deadline=None)
@given(structure_sets(), selections, st.sampled_from(reorders()))
def test_random_structures_compose_the_same_in_any_array_order(
    structures: StructureSet, selection: Selection, order: object
) -> None:
    expected = made(structures, selection)
    found = made(turned(structures, order), selection)
    assert_same(found, expected, order)


def assert_same(found: Composition, expected: Composition, order: object) -> None:
    assert found.composites.ids == expected.composites.ids
    for contour in (*expected.composites, *expected.used):
        other = found.composites if contour.structure_id in expected.composites else found.used
        mask = expected.composites.contours.get(contour.structure_id, contour).mask
        assert other.mask(contour.structure_id).same_voxels(turned_mask(mask, order)), contour.structure_id
    told = [(m.rule, m.ids, m.text, round(m.volume_cc, 9)) for m in expected.messages]
    assert [(m.rule, m.ids, m.text, round(m.volume_cc, 9)) for m in found.messages] == told


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_whole_pelvis_composes_the_same_in_all_24_array_orders(direction: str) -> None:
    structures = pelvis(grid((30, 28, 26), (2.5, 2.4, 4.2), direction, centre_lps=(3.0, -7.0, 55.0)))
    expected = made(structures, EXTENDED)
    assert expected.composites.has("ptv")
    assert expected.composites.has("anorectum"), "the example makes rule 1 work"
    for order in reorders()[::2]:
        assert_same(made(turned(structures, order), EXTENDED), expected, order)


@pytest.mark.parametrize("direction", sorted(set(DIRECTIONS) - {"oblique"}))
def test_a_patient_lying_otherwise_in_the_scanner_gets_the_same_volumes(direction: str) -> None:
    """The same LPS shapes sampled on a grid whose axes are LPS axes in another order: equal voxel counts."""
    spacing = (2.5, 2.5, 2.5)
    straight = made(pelvis(grid((44, 44, 44), spacing)), EXTENDED)
    other = made(pelvis(grid((44, 44, 44), spacing, direction)), EXTENDED)
    for contour in straight.composites:
        assert other.composites.mask(contour.structure_id).voxel_count == contour.mask.voxel_count


@settings(max_examples=40, deadline=None)
@given(structure_sets(), selections)
def test_including_a_level_never_makes_the_ctv_smaller(
    structures: StructureSet, selection: Selection
) -> None:
    levels = [i for i in ("ln_pelvic", "ln_common_iliac") if structures.has(i)]
    less = replace(selection, included=tuple(i for i in selection.included if not i.startswith("ln_")))
    smaller = made(structures, less).composites.mask("ctv")
    larger = made(structures, less.including(*levels)).composites.mask("ctv")
    assert (smaller - larger).is_empty
