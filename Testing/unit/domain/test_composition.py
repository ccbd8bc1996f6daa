"""Composites of chosen parts, on shapes whose answer is known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.derivation import derive
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parametrium import edit_back
from AmlartContourLib.domain.rules import Rule, Severity
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Source, StructureSet
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe, cut_below, cut_upper
from AmlartContourLib.exchange.resources import catalogue
from support.patients import structure_set
from support.shapes import block, grid

GRID = grid((40, 40, 40), (1.0, 1.0, 2.5), centre_lps=(0.0, 0.0, 0.0))
EMPTY = Mask.empty(GRID)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Mask:
    return block(GRID, low, high)


CERVIX = box((-5, -5, 0), (5, 5, 10))
GTVP = box((-3, 0, -5), (3, 8, 5))
UTERUS = box((-8, -8, 10), (8, 8, 35))
VAGINA = box((-4, -4, -45), (4, 4, 0))
PARAMETRIUM = box((-18, -6, -40), (18, 6, 20))
PELVIC = box((10, -8, -30), (18, 8, 10)) | box((-18, -8, -30), (-10, 8, 10))
ILIAC = box((8, -8, 10), (16, 8, 25)) | box((-16, -8, 10), (-9, 8, 25))
GTVN = box((5, 6, 8), (13, 10, 14))
ANORECTUM = box((-6, 6, -45), (6, 16, 30))
BLADDER = box((-10, -18, -20), (12, -7, 10))
PARTS = structure_set(
    GRID,
    cervix=CERVIX,
    gtvp=GTVP,
    uterus=UTERUS,
    vagina=VAGINA,
    parametrium=PARAMETRIUM,
    ln_pelvic=PELVIC,
    ln_common_iliac=ILIAC,
    gtvn=GTVN,
)
ALL = Selection(
    ("cervix", "gtvp", "uterus", "vagina", "parametrium", "gtvn", "ln_pelvic", "ln_common_iliac"),
    edit_back_parametrium=False,
)
OFF = frozenset({Rule.DISJOINT})


def made(structures: StructureSet, selection: Selection) -> Composition:
    return compose(structures, selection, catalogue())


def words(composition: Composition) -> str:
    return "\n".join(message.text for message in composition.messages)


def test_each_composite_is_the_union_of_its_parts() -> None:
    result = made(PARTS, replace(ALL, rules_off=OFF)).composites
    assert result.ids == ("ctv_hr", "ctvp", "ctvn", "ctv")
    assert result.mask("ctv_hr").same_voxels(CERVIX | GTVP)
    assert result.mask("ctvp").same_voxels(CERVIX | GTVP | UTERUS | VAGINA)
    assert result.mask("ctvn").same_voxels(PELVIC | ILIAC | GTVN)
    everything = union([CERVIX, GTVP, UTERUS, VAGINA, PELVIC, ILIAC, GTVN, PARAMETRIUM], GRID)
    assert result.mask("ctv").same_voxels(everything)
    assert all(contour.source is Source.COMPOSED for contour in result)
    assert result.contours["ctvp"].note == "Composed of cervix, gtvp, uterus, vagina."


@pytest.mark.parametrize(
    ("off", "composite", "rest"),
    [
        ("uterus", "ctvp", CERVIX | GTVP | VAGINA),
        ("vagina", "ctvp", CERVIX | GTVP | UTERUS),
        ("gtvp", "ctvp", CERVIX | UTERUS | VAGINA),
        ("cervix", "ctvp", GTVP | UTERUS | VAGINA),
        ("ln_common_iliac", "ctvn", PELVIC | GTVN),
        ("ln_pelvic", "ctvn", ILIAC | GTVN),
        ("gtvn", "ctvn", PELVIC | ILIAC),
    ],
)
def test_a_part_that_is_not_chosen_is_not_in_its_composite(off: str, composite: str, rest: Mask) -> None:
    result = made(PARTS, replace(ALL, rules_off=OFF).without(off)).composites
    assert result.mask(composite).same_voxels(rest)


def test_without_the_parametrium_the_ctv_is_ctvp_and_ctvn() -> None:
    result = made(PARTS, ALL.without("parametrium")).composites
    assert result.mask("ctv").same_voxels(result.mask("ctvp") | result.mask("ctvn"))


def test_rule_1_holds_on_the_composites_and_the_parts_stay_whole() -> None:
    structures = PARTS.with_contours(*structure_set(GRID, anorectum=ANORECTUM))
    result = made(structures, ALL)
    ctvp, ctvn = result.composites.mask("ctvp"), result.composites.mask("ctvn")
    organ = result.composites.mask("anorectum")
    assert (ctvp & ctvn).is_empty
    assert (ctvp & organ).is_empty
    assert (ctvn & organ).is_empty
    assert (GTVP - ctvp).is_empty, "gross tumour is never cut"
    assert (GTVN - ctvn).is_empty
    assert organ.same_voxels(ANORECTUM - GTVP - GTVN)
    assert ctvp.same_voxels((CERVIX | GTVP | UTERUS | VAGINA) - GTVN - (ANORECTUM - GTVP))
    for contour in structures:
        assert structures.contours[contour.structure_id] is contour


def test_the_high_risk_ctv_stays_inside_the_ctvp() -> None:
    organ = box((-6, 3, -45), (6, 16, 30))
    result = made(structure_set(GRID, cervix=CERVIX, anorectum=organ), Selection(("cervix",))).composites
    assert result.mask("ctv_hr").same_voxels(CERVIX - organ)
    assert result.mask("ctvp").same_voxels(CERVIX - organ)


def test_what_rule_1_moved_is_told_in_exact_cm3_by_pair() -> None:
    structures = structure_set(
        GRID, cervix=CERVIX, ln_pelvic=box((0, -5, 0), (5, 5, 10)), anorectum=ANORECTUM
    )
    result = made(structures, Selection(("cervix", "ln_pelvic")))
    (message,) = [m for m in result.messages if m.rule is Rule.DISJOINT]
    assert (message.kept_id, message.trimmed_id) == ("ctvp", "ctvn")
    assert message.volume_cc == pytest.approx(6 * 10 * 4 * 0.0025 - 10 * 4 * 0.0025)
    assert message.volume_cc == (structures.mask("ln_pelvic") & CERVIX).volume_cc
    assert "anorectum" not in result.composites, "nothing of it was trimmed"


def test_rule_1_switched_off_moves_nothing_and_says_so() -> None:
    structures = PARTS.with_contours(*structure_set(GRID, anorectum=ANORECTUM))
    result = made(structures, replace(ALL, rules_off=OFF))
    assert result.composites.mask("ctvp").same_voxels(CERVIX | GTVP | UTERUS | VAGINA)
    assert "anorectum" not in result.composites
    told = [m for m in result.messages if m.rule is Rule.DISJOINT]
    assert {m.ids for m in told} == {("ctvp", "ctvn"), ("ctvp", "anorectum"), ("ctvn", "anorectum")}
    assert all(m.severity is Severity.WARNING and m.trimmed_id is None for m in told)


def test_the_order_of_rule_1_is_the_selections() -> None:
    order = ("gtvp", "gtvn", "ctvn", "ctvp", "anorectum")
    structures = PARTS.with_contours(*structure_set(GRID, anorectum=ANORECTUM))
    result = made(structures, replace(ALL, priority=order)).composites
    assert result.mask("ctvn").same_voxels((PELVIC | ILIAC | GTVN) - GTVP)


def test_the_parametrium_may_overlap_everything() -> None:
    structures = PARTS.with_contours(*structure_set(GRID, anorectum=ANORECTUM))
    result = made(structures, ALL)
    assert result.used.mask("parametrium").same_voxels(PARAMETRIUM)
    assert (PARAMETRIUM - result.composites.mask("ctv")).is_empty


def test_bladder_in_the_ctvn_is_kept_and_told() -> None:
    pelvic = box((5, -12, -20), (18, 8, 10))
    structures = structure_set(GRID, ln_pelvic=pelvic, bladder=BLADDER)
    result = made(structures, Selection(("ln_pelvic",)))
    assert result.composites.mask("ctvn").same_voxels(pelvic)
    (message,) = [m for m in result.messages if m.rule is Rule.BLADDER_MAY_OVERLAP_CTVN]
    assert message.volume_cc == pytest.approx((pelvic & BLADDER).volume_cc)


def test_the_vagina_is_cut_as_chosen_and_its_use_is_told() -> None:
    upper = replace(ALL, vagina=VaginaLength(VaginaRecipe.UPPER, 20))
    result = made(PARTS, upper)
    assert result.used.mask("vagina").same_voxels(cut_upper(VAGINA, 20))
    assert "Of the vagina, the upper 20 mm is used" in words(result)
    below = replace(ALL, vagina=VaginaLength(VaginaRecipe.BELOW_TUMOUR, 15))
    lower = made(PARTS, below)
    assert "what reaches 15 mm below the lower of cervix and GTVp is used" in words(lower)
    kept = lower.used.mask("vagina")
    assert kept.same_voxels(cut_below(VAGINA, [CERVIX, GTVP], 15))
    assert kept.same_voxels(cut_below(VAGINA, [GTVP], 15)), "the GTVp reaches lower"


def test_the_tumour_measures_the_vagina_even_where_it_is_not_included() -> None:
    below = replace(ALL, vagina=VaginaLength(VaginaRecipe.BELOW_TUMOUR, 15))
    assert made(PARTS, below.without("gtvp")).used.mask("vagina").same_voxels(cut_below(VAGINA, [GTVP], 15))


def test_without_a_tumour_the_high_risk_ctv_measures_the_vagina_and_without_that_it_stays_whole() -> None:
    below = Selection(("ctv_hr", "vagina"), VaginaLength(VaginaRecipe.BELOW_TUMOUR, 15))
    labels = structure_set(GRID, ctv_hr=CERVIX, vagina=VAGINA)
    assert made(labels, below).used.mask("vagina").same_voxels(cut_below(VAGINA, [CERVIX], 15))
    nothing = made(structure_set(GRID, vagina=VAGINA), below)
    assert nothing.used.mask("vagina").same_voxels(VAGINA)
    assert "The vagina stays whole" in words(nothing)


def test_a_vagina_wholly_below_the_length_is_a_warning() -> None:
    far = structure_set(GRID, cervix=UTERUS, vagina=box((-4, -4, -45), (4, 4, -30)))
    result = made(far, Selection(("cervix", "vagina"), VaginaLength(VaginaRecipe.BELOW_TUMOUR, 20)))
    assert not result.used.has("vagina")
    assert [m.severity for m in result.messages if m.ids == ("vagina",)] == [Severity.WARNING]


def test_the_parametrium_is_edited_back_to_the_included_vagina_each_side() -> None:
    left, right = (
        PARAMETRIUM & box((0, -50, -50), (50, 50, 50)),
        PARAMETRIUM & box((-50, -50, -50), (-0.1, 50, 50)),
    )
    structures = structure_set(
        GRID, cervix=CERVIX, vagina=VAGINA, parametrium_left=left, parametrium_right=right
    )
    selection = Selection(
        ("cervix", "vagina", "parametrium_left"),
        VaginaLength(VaginaRecipe.UPPER, 20),
        edit_back_parametrium=True,
    )
    result = made(structures, selection)
    level = result.used.mask("vagina").points_lps()[:, 2].min()
    assert result.used.mask("parametrium_left").same_voxels(left & box((-50, -50, level), (50, 50, 50)))
    assert (result.composites.mask("ctv") & right & box((-50, -50, -50), (-6, 50, 50))).is_empty
    both = made(structures, selection.including("parametrium"))
    assert both.used.mask("parametrium").same_voxels((left | right) & box((-50, -50, level), (50, 50, 50)))
    assert "lie below the included vagina" in words(both)


def test_the_parametrium_is_edited_at_right_angles_to_the_axis_of_the_whole_vagina() -> None:
    bent = box((-4, -4, -15), (4, 4, 0)) | box((-4, 4, -45), (4, 18, -15))
    structures = structure_set(GRID, vagina=bent, parametrium=PARAMETRIUM)
    upper = VaginaLength(VaginaRecipe.UPPER, 12)
    result = made(structures, Selection(("vagina", "parametrium"), upper)).used
    assert result.mask("parametrium").same_voxels(edit_back(PARAMETRIUM, bent, cut_upper(bent, 12)))
    of_the_rest = edit_back(PARAMETRIUM, cut_upper(bent, 12), cut_upper(bent, 12))
    assert not result.mask("parametrium").same_voxels(of_the_rest)


def test_without_an_included_vagina_the_parametrium_stays_whole_and_it_is_said() -> None:
    result = made(PARTS, replace(ALL, edit_back_parametrium=True).without("vagina"))
    assert result.used.mask("parametrium").same_voxels(PARAMETRIUM)
    assert "no vagina is included" in words(result)


def test_no_gtvp_and_no_node_are_normal_and_not_mentioned() -> None:
    structures = structure_set(GRID, cervix=CERVIX, uterus=UTERUS, vagina=VAGINA, ln_pelvic=PELVIC)
    result = made(structures, ALL.without("ln_common_iliac", "parametrium"))
    assert result.composites.mask("ctvp").same_voxels(CERVIX | UTERUS | VAGINA)
    assert result.messages == ()
    with_empty = structures.with_contours(*structure_set(GRID, gtvp=EMPTY, gtvn=EMPTY))
    assert made(with_empty, ALL.without("ln_common_iliac", "parametrium")).messages == ()


def test_parts_that_are_chosen_but_not_there_are_named_once() -> None:
    result = made(structure_set(GRID, cervix=CERVIX), ALL)
    assert "Chosen but not there: uterus, vagina, parametrium, ln pelvic, ln common iliac." in words(result)
    assert result.composites.mask("ctvn").is_empty


def test_nothing_chosen_and_nothing_there_give_empty_composites() -> None:
    for structures, selection in (
        (PARTS, Selection()),
        (StructureSet(GRID), ALL),
        (StructureSet(GRID), Selection()),
    ):
        result = made(structures, selection).composites
        assert result.ids == ("ctvp", "ctvn", "ctv")
        assert all(contour.mask.is_empty for contour in result)


def test_the_high_risk_ctv_stands_in_for_a_cervix_that_is_not_there() -> None:
    labels = structure_set(GRID, ctv_hr=CERVIX | GTVP, uterus=UTERUS, vagina=VAGINA)
    result = made(labels, ALL.without("parametrium", "ln_pelvic", "ln_common_iliac"))
    assert result.composites.mask("ctvp").same_voxels(CERVIX | GTVP | UTERUS | VAGINA)
    assert "High-risk CTV in place of the cervix" in words(result)
    with_gtvp = labels.with_contours(*structure_set(GRID, gtvp=GTVP))
    assert made(with_gtvp, ALL).composites.mask("ctv_hr").same_voxels(CERVIX | GTVP)


def test_the_high_risk_ctv_stands_in_for_a_gtvp_alone_where_there_is_neither() -> None:
    result = made(structure_set(GRID, ctv_hr=CERVIX), Selection(("gtvp", "uterus")))
    assert result.composites.mask("ctvp").same_voxels(CERVIX)


def test_cervix_and_gtvp_stand_in_for_a_high_risk_ctv_that_is_not_there() -> None:
    result = made(structure_set(GRID, cervix=CERVIX, gtvp=GTVP), Selection(("ctv_hr",)))
    assert result.composites.mask("ctvp").same_voxels(CERVIX | GTVP)
    assert "in place of the high-risk CTV" in words(result)


def test_an_imported_composite_is_used_where_there_is_nothing_to_compose_it_of() -> None:
    imported = structure_set(GRID, ctvp=CERVIX | UTERUS, ctvn=PELVIC, uterus=UTERUS, gtvn=GTVN)
    result = made(imported, ALL.without("parametrium"))
    assert result.composites.mask("ctvp").same_voxels((CERVIX | UTERUS) - GTVN)
    assert result.composites.mask("ctvn").same_voxels((PELVIC | GTVN) - result.composites.mask("ctvp"))
    assert "The CTVp is used as it came in" in words(result)
    assert "The CTVn is used as it came in" in words(result)
    assert "ctv_hr" not in result.composites, "what part of the CTVp it is, nobody knows"


def test_a_gtvp_that_reaches_out_of_an_imported_ctvp_is_in_the_ctvp() -> None:
    result = made(structure_set(GRID, ctvp=CERVIX, gtvp=GTVP), ALL).composites
    assert not (GTVP - CERVIX).is_empty
    assert result.mask("ctvp").same_voxels(CERVIX | GTVP)


def test_an_imported_composite_is_not_used_where_none_of_its_parts_is_chosen() -> None:
    imported = structure_set(GRID, ctvp=CERVIX, ctvn=PELVIC)
    result = made(imported, Selection(("parametrium",))).composites
    assert not result.has("ctvp")
    assert not result.has("ctvn")


def test_an_imported_ctvn_does_not_bring_back_levels_that_are_switched_off() -> None:
    labels = structure_set(GRID, ctvn=PELVIC | ILIAC, ln_pelvic=PELVIC, ln_common_iliac=ILIAC)
    result = made(labels, Selection(("ln_paraaortic",)))
    assert not result.composites.has("ctvn")
    assert "Chosen but not there: ln paraaortic" in words(result)


def test_a_missing_cervix_is_a_warning_where_no_ctvp_came_in_to_help() -> None:
    result = made(structure_set(GRID, uterus=UTERUS, vagina=VAGINA), ALL)
    (message,) = [m for m in result.messages if m.rule is Rule.CTVP_OF_PARTS]
    assert message.severity is Severity.WARNING


def test_amlart_labels_are_divided_recomposed_and_follow_the_chosen_levels() -> None:
    labels = structure_set(
        GRID, ctvp=CERVIX | UTERUS | VAGINA, ctvn=PELVIC | ILIAC, uterus=UTERUS, vagina=VAGINA
    )
    borders = [
        LevelBorder(BorderKind.AORTIC_BIFURCATION, (0, 0, 30), (0, 0, 1), "test", False),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, (0, 0, 10), (0, 0, 1), "test", False),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, (0, 0, 10), (0, 0, 1), "test", False),
    ]
    derived = derive(labels, borders)
    chosen = Selection(("ctv_hr", "uterus", "vagina", "ln_pelvic", "ln_common_iliac"), rules_off=OFF)
    whole = made(derived, chosen)
    assert whole.composites.mask("ctvp").same_voxels(CERVIX | UTERUS | VAGINA)
    assert whole.composites.mask("ctvn").same_voxels(PELVIC | ILIAC)
    pelvic_only = made(derived, chosen.without("ln_common_iliac"))
    assert pelvic_only.composites.mask("ctvn").same_voxels(PELVIC & box((-50, -50, -50), (50, 50, 9)))
    assert derived.mask("ctvn").same_voxels(PELVIC | ILIAC), "the label stays as it came"


def test_what_of_a_divided_ctvn_is_in_no_level_is_told() -> None:
    labels = structure_set(GRID, ctvn=PELVIC | ILIAC, ln_pelvic=PELVIC)
    result = made(labels, Selection(("ln_pelvic",)))
    (message,) = [m for m in result.messages if m.rule is Rule.CTVN_OF_PARTS]
    assert message.volume_cc == pytest.approx((ILIAC - PELVIC).volume_cc)
    assert "belong to no level" in message.text


def test_there_is_no_ptv_until_a_margin_is_given() -> None:
    assert not {"ptv", "ptvp", "ptvn"} & set(made(PARTS, ALL).composites.ids)


def test_ptvs_are_their_ctvs_with_the_margins_given() -> None:
    primary, nodal = Margin(5, 5, 10, 10, 5, 5), Margin.isotropic(5)
    result = made(PARTS, replace(ALL, ptv={"ctvp": primary, "ctvn": nodal})).composites
    assert result.mask("ptvp").same_voxels(expand(result.mask("ctvp"), primary))
    assert result.mask("ptvn").same_voxels(expand(result.mask("ctvn"), nodal))
    around_parametrium = expand(PARAMETRIUM, primary)
    assert result.mask("ptv").same_voxels(result.mask("ptvp") | result.mask("ptvn") | around_parametrium)
    assert (result.mask("ctv") - result.mask("ptv")).is_empty
    assert result.contours["ptvn"].note == "CTVn and 5 mm."


def test_a_margin_of_the_ctv_makes_the_ptv_and_one_margin_alone_makes_none() -> None:
    whole = made(
        PARTS, replace(ALL, ptv={"ctv": Margin.isotropic(7), "ctvn": Margin.isotropic(5)})
    ).composites
    assert whole.mask("ptv").same_voxels(expand(whole.mask("ctv"), Margin.isotropic(7)))
    assert "ptvp" not in whole
    assert "ptv" not in made(PARTS, replace(ALL, ptv={"ctvp": Margin.isotropic(7)})).composites


def test_organs_inside_the_targets_are_told_and_warned_of_where_not_allowed() -> None:
    sigmoid = box((-3, -3, 20), (3, 3, 30))
    structures = PARTS.with_contours(
        *structure_set(GRID, sigmoid=sigmoid, anorectum=ANORECTUM, bladder=BLADDER)
    )
    result = made(structures, replace(ALL, ptv={"ctv": Margin.isotropic(6)}))
    by_ids = {m.ids: m for m in result.messages}
    assert by_ids["ctvp", "sigmoid"].severity is Severity.WARNING
    assert by_ids["ctvp", "sigmoid"].volume_cc == pytest.approx(sigmoid.volume_cc)
    assert by_ids["ptv", "sigmoid"].severity is Severity.INFO
    encroached = result.composites.mask("ptv") & ANORECTUM
    assert by_ids["ptv", "anorectum"].volume_cc == pytest.approx(encroached.volume_cc)
    assert ("ptv", "bladder") in by_ids


def test_one_voxel_structures_are_structures() -> None:
    one = np.zeros(GRID.shape_kji, dtype=bool)
    one[20, 20, 20] = True
    voxel = Mask.from_array(one, GRID)
    structures = structure_set(GRID, cervix=voxel, vagina=voxel, parametrium=voxel, ln_pelvic=voxel)
    selection = replace(ALL, vagina=VaginaLength(VaginaRecipe.BELOW_TUMOUR), edit_back_parametrium=True)
    result = made(structures, selection).composites
    assert result.mask("ctvp").same_voxels(voxel)
    assert not result.has("ctvn")
    assert result.mask("ctv").same_voxels(voxel)
