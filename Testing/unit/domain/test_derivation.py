"""Missing parts follow from contours that are there, marked derived; nothing is overwritten."""

from __future__ import annotations

import pytest

from AmlartContourLib.domain.derivation import derive
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import Source, StructureSet
from support.patients import reorders, structure_set, turned, turned_mask
from support.shapes import DIRECTIONS, ball, block, grid

GRID = grid((40, 36, 40), (2.0, 2.0, 2.5), centre_lps=(0.0, 0.0, 0.0))
UTERUS = ball(GRID, (0, 0, 20), 12)
VAGINA = block(GRID, (-6, -4, -40), (6, 4, -8))
CERVIX = ball(GRID, (0, 0, 0), 10)
CTVP = UTERUS | VAGINA | CERVIX
CTVN = block(GRID, (-34, -10, -30), (-16, 10, 45)) | block(GRID, (16, -10, -30), (34, 10, 45))


def border(kind: BorderKind, z: float, *, estimated: bool = False) -> LevelBorder:
    normal = (1.0, 0.0, 0.0) if kind is BorderKind.MIDLINE else (0.0, 0.0, 1.0)
    return LevelBorder(kind, (0.0, 0.0, z), normal, "test", estimated)


BORDERS = (
    border(BorderKind.AORTIC_BIFURCATION, 20),
    border(BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, 0),
    border(BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, 0, estimated=True),
)


def amlart_labels() -> StructureSet:
    return structure_set(GRID, ctvp=CTVP, ctvn=CTVN, uterus=UTERUS, vagina=VAGINA)


def test_the_high_risk_ctv_is_ctvp_less_uterus_less_vagina() -> None:
    derived = derive(amlart_labels(), ())
    assert derived.mask("ctv_hr").same_voxels(CTVP - UTERUS - VAGINA)
    assert derived.contours["ctv_hr"].source is Source.DERIVED
    assert derived.contours["ctv_hr"].note.startswith("CTVp less uterus less vagina")


def test_levels_are_divided_from_the_ctvn_and_say_by_which_borders() -> None:
    derived = derive(amlart_labels(), BORDERS)
    assert derived.mask("ln_pelvic").same_voxels(CTVN & block(GRID, (-90, -90, -90), (90, 90, -0.5)))
    levels = [derived.mask(i) for i in ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")]
    assert union(levels, GRID).same_voxels(CTVN)
    contour = derived.contours["ln_pelvic"]
    assert contour.source is Source.DERIVED
    assert "aortic bifurcation;" in contour.note
    assert "common iliac bifurcation, right (estimated)" in contour.note
    assert "No upper para-aortic border" in contour.note


def test_with_a_midline_there_are_sides_and_their_union() -> None:
    derived = derive(amlart_labels(), (*BORDERS, border(BorderKind.MIDLINE, 0)))
    left, right = derived.mask("ln_common_iliac_left"), derived.mask("ln_common_iliac_right")
    assert left.points_lps()[:, 0].min() > 0 > right.points_lps()[:, 0].max()
    assert derived.mask("ln_common_iliac").same_voxels(left | right)
    assert derived.contours["ln_common_iliac"].note.startswith("union of")


def test_what_came_in_stays_as_it_came() -> None:
    before = amlart_labels()
    after = derive(before, BORDERS)
    for contour in before:
        assert after.contours[contour.structure_id] is contour
    assert "ctv_hr" not in before


def test_what_is_there_is_never_derived_anew() -> None:
    drawn = ball(GRID, (0, 0, 0), 5)
    structures = structure_set(GRID, ctvp=CTVP, ctvn=CTVN, uterus=UTERUS, vagina=VAGINA, cervix=drawn)
    assert "ctv_hr" not in derive(structures, BORDERS)
    levels = structure_set(GRID, ctvn=CTVN, ln_obturator=drawn, ln_common_iliac=drawn)
    derived = derive(levels, BORDERS)
    assert derived.mask("ln_common_iliac").same_voxels(drawn)
    assert derived.mask("ln_pelvic").same_voxels(drawn), "its sub-level is there: the union of those"
    assert derived.mask("ln_paraaortic").same_voxels(CTVN & block(GRID, (-90, -90, 20), (90, 90, 90)))


def test_a_gtvp_beside_the_labels_joins_the_high_risk_ctv() -> None:
    gtvp = ball(GRID, (0, 8, -4), 7)
    structures = amlart_labels().with_contours(*structure_set(GRID, gtvp=gtvp))
    assert derive(structures, ()).mask("ctv_hr").same_voxels((CTVP - UTERUS - VAGINA) | gtvp)


def test_without_a_vagina_or_uterus_contour_the_high_risk_ctv_is_not_guessed() -> None:
    assert "ctv_hr" not in derive(structure_set(GRID, ctvp=CTVP, uterus=UTERUS), ())
    no_uterus = structure_set(GRID, ctvp=CTVP, uterus=Mask.empty(GRID), vagina=VAGINA)
    assert derive(no_uterus, ()).mask("ctv_hr").same_voxels(CTVP - VAGINA)
    nothing_left = structure_set(GRID, ctvp=UTERUS, uterus=UTERUS, vagina=VAGINA)
    assert "ctv_hr" not in derive(nothing_left, ())


def test_a_level_the_ctvn_does_not_reach_is_not_added() -> None:
    low = CTVN & block(GRID, (-90, -90, -90), (90, 90, 10))
    derived = derive(structure_set(GRID, ctvn=low), BORDERS)
    assert "ln_paraaortic" not in derived
    assert derived.has("ln_common_iliac")


def test_nothing_in_gives_nothing_out() -> None:
    assert derive(StructureSet(GRID), BORDERS).ids == ()
    assert derive(structure_set(GRID, ctvn=CTVN), ()).ids == ("ctvn",)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_derivation_does_not_depend_on_the_array(direction: str) -> None:
    geometry = grid((20, 18, 20), (4.0, 4.0, 5.0), direction, centre_lps=(0.0, 0.0, 0.0))
    ctvn = block(geometry, (-34, -10, -30), (34, 10, 40))
    ctvp, uterus = ball(geometry, (0, 0, 0), 25), ball(geometry, (0, 0, 14), 14)
    structures = structure_set(
        geometry, ctvp=ctvp, ctvn=ctvn, uterus=uterus, vagina=ball(geometry, (0, 0, -16), 8)
    )
    borders = (*BORDERS, border(BorderKind.MIDLINE, 0))
    expected = derive(structures, borders)
    for order in reorders()[::3]:
        found = derive(turned(structures, order), borders)
        assert found.ids == expected.ids
        for contour in expected:
            assert found.mask(contour.structure_id).same_voxels(turned_mask(contour.mask, order))
