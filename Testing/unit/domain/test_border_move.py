"""Moving a level border moves the swept voxels, and no others."""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.border_move import move_borders
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.working_parts import working_parts
from support.workstation import borders, parts, pelvis

GRID = pelvis()


def divided() -> tuple[StructureSet, Mask]:
    whole = StructureSet.of(GRID, [Contour("ctvn", parts(GRID)["ctvn"], Source.MODEL)])
    made = working_parts(whole, borders())
    return made.structures, made.rest


def moved(kind: BorderKind, z: float) -> tuple[LevelBorder, ...]:
    return tuple(b.moved_to((*b.point_lps[:2], z)) if b.kind is kind else b for b in borders())


def test_a_nodal_ctv_becomes_levels_that_together_are_the_whole() -> None:
    structures, rest = divided()
    assert set(structures.ids) == {"ln_paraaortic", "ln_common_iliac", "ln_pelvic"}
    assert rest.is_empty
    assert union([c.mask for c in structures], GRID).same_voxels(parts(GRID)["ctvn"])


def test_moving_down_and_back_is_exact_and_nothing_is_lost() -> None:
    structures, rest = divided()
    after = moved(BorderKind.AORTIC_BIFURCATION, 15.0)
    there = move_borders(structures, rest, borders(), after)
    assert there.moved_cc > 0
    assert union([c.mask for c in there.structures], GRID).same_voxels(parts(GRID)["ctvn"])
    back = move_borders(there.structures, there.rest, after, borders())
    assert all(back.structures.mask(i).same_voxels(structures.mask(i)) for i in structures.ids)


def test_what_lies_above_the_top_is_kept_and_comes_back() -> None:
    structures, rest = divided()
    top = LevelBorder(BorderKind.PARAAORTIC_TOP, (0, 0, 48), (0, 0, 1), "kidneys", False)
    low = (*borders(), top.moved_to((0, 0, 39)))
    cut = move_borders(structures, rest, (*borders(), top.moved_to((0, 0, 90))), low)
    assert not cut.rest.is_empty
    assert (cut.structures.mask("ln_paraaortic") & cut.rest).is_empty
    back = move_borders(cut.structures, cut.rest, low, (*borders(), top.moved_to((0, 0, 90))))
    assert back.rest.is_empty
    assert back.structures.mask("ln_paraaortic").same_voxels(structures.mask("ln_paraaortic"))


def test_a_level_drawn_beyond_its_plane_keeps_what_was_not_swept() -> None:
    structures, rest = divided()
    high = np.zeros(GRID.shape_kji, dtype=bool)
    k = round(float(GRID.lps_to_index((0, 0, 51))[2]))
    high[k, 5:9, 5:9] = True
    own = Mask.from_array(high, GRID)
    drawn = structures.with_contours(Contour("ln_pelvic", structures.mask("ln_pelvic") | own, Source.DRAWN))
    there = move_borders(drawn, rest, borders(), moved(BorderKind.AORTIC_BIFURCATION, 15.0))
    assert (own - there.structures.mask("ln_pelvic")).is_empty


def test_swept_voxels_go_to_the_nearest_piece_of_a_level() -> None:
    structures, rest = divided()
    pelvic = structures.mask("ln_pelvic")
    left = Mask.from_array(pelvic.to_array() & (np.arange(GRID.shape_kji[2]) > GRID.shape_kji[2] // 2), GRID)
    pieces = structures.only(["ln_paraaortic", "ln_common_iliac"]).with_contours(
        Contour("ln_obturator_left", left, Source.MODEL),
        Contour("ln_obturator_right", pelvic - left, Source.MODEL),
    )
    up = tuple(b.moved_to((*b.point_lps[:2], 18.0)) if "COMMON" in b.kind.name else b for b in borders())
    there = move_borders(pieces, rest, borders(), up).structures
    assert there.mask("ln_obturator_left").points_lps()[:, 0].min() > 0
    assert there.mask("ln_obturator_right").points_lps()[:, 0].max() < 0
    assert union([c.mask for c in there], GRID).same_voxels(parts(GRID)["ctvn"])
