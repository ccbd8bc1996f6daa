"""Labels that break the rules are reported, with place and exact volume, and nothing crashes."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.rules import Place, Rule, RuleMessage, Severity, check_labels
from AmlartContourLib.domain.structure_set import StructureSet
from support.patients import reorders, structure_set, turned
from support.shapes import DIRECTIONS, ball, block, centre, grid

GRID = grid((20, 20, 20), (1.0, 1.0, 5.0), centre_lps=(0.0, 0.0, 0.0))  # 0.005 cm3 per voxel


def box(x: tuple[float, float], z: tuple[float, float] = (-48, 48)) -> Mask:
    return block(GRID, (x[0], -3, z[0]), (x[1], 3, z[1]))


def only(messages: tuple[RuleMessage, ...], *ids: str) -> RuleMessage:
    (message,) = [m for m in messages if m.ids == ids]
    return message


def test_labels_that_keep_the_rules_give_no_message() -> None:
    clean = structure_set(
        GRID,
        ctvp=box((-8, 0)),
        uterus=box((-8, -4)),
        vagina=box((-4, 0)),
        ctvn=box((2, 8)),
        bladder=box((9, 10)),
    )
    assert check_labels(clean) == ()
    assert check_labels(StructureSet(GRID)) == ()


def test_a_uterus_outside_the_ctvp_is_reported() -> None:
    labels = structure_set(GRID, ctvp=box((-8, 0)), uterus=box((-9, -4), z=(-8, 8)))
    message = only(check_labels(labels), "uterus", "ctvp")
    assert message.rule is Rule.CTVP_OF_PARTS
    assert message.severity is Severity.WARNING
    outside = 1 * 6 * 4  # one column beyond, 6 rows, 4 slices
    assert message.volume_cc == pytest.approx(outside * 0.005)
    assert message.text == "0.12 cm3 of the uterus lie outside the CTVp."
    assert message.place == Place.of(box((-9, -8), z=(-8, 8)))


def test_shared_voxels_of_ctvn_ctvp_and_anorectum_are_reported_by_pair() -> None:
    labels = structure_set(GRID, ctvp=box((-8, 1)), ctvn=box((0, 8)), anorectum=box((7, 9)))
    messages = check_labels(labels)
    assert only(messages, "ctvp", "ctvn").severity is Severity.WARNING
    assert only(messages, "ctvp", "ctvn").text.startswith("CTVp and CTVn share 0.60 cm3")
    assert only(messages, "ctvn", "anorectum").volume_cc == pytest.approx((box((7, 8))).volume_cc)
    assert not [m for m in messages if m.ids == ("ctvp", "anorectum")]


def test_a_ctvn_that_touches_the_ctvp_is_told_and_breaks_nothing() -> None:
    labels = structure_set(GRID, ctvp=box((-8, 0)), ctvn=box((0, 8)))
    (message,) = check_labels(labels)
    assert message.severity is Severity.INFO
    assert message.volume_cc == 0
    assert message.place is not None
    apart = structure_set(GRID, ctvp=box((-8, 0)), ctvn=box((1, 8)))
    assert check_labels(apart) == ()


def test_voxels_that_meet_at_an_edge_only_do_not_touch() -> None:
    one, other = (np.zeros(GRID.shape_kji, dtype=bool) for _ in range(2))
    one[3, 3, 3] = other[3, 4, 4] = True
    labels = structure_set(GRID, ctvp=Mask.from_array(one, GRID), ctvn=Mask.from_array(other, GRID))
    assert check_labels(labels) == ()


def test_nodes_and_levels_outside_the_ctvn_are_reported() -> None:
    labels = structure_set(GRID, ctvn=box((0, 5)), gtvn=box((4, 7)), ln_pelvic=box((-3, 4)))
    messages = check_labels(labels)
    assert only(messages, "gtvn", "ctvn").rule is Rule.CTVN_OF_PARTS
    assert only(messages, "ln_pelvic", "ctvn").volume_cc == pytest.approx(box((-3, 0)).volume_cc)


def test_bladder_in_the_ctvn_is_allowed_and_told() -> None:
    labels = structure_set(GRID, ctvn=box((0, 5)), bladder=box((4, 9)))
    (message,) = check_labels(labels)
    assert message.rule is Rule.BLADDER_MAY_OVERLAP_CTVN
    assert message.severity is Severity.INFO
    assert message.volume_cc == pytest.approx(box((4, 5)).volume_cc)


def test_the_parametrium_may_overlap_everything_without_a_word() -> None:
    everything = box((-9, 9))
    labels = structure_set(GRID, parametrium=everything, ctvp=box((-8, 0)), anorectum=box((2, 5)))
    assert check_labels(labels) == ()


def test_empty_labels_are_normal() -> None:
    empty = Mask.empty(GRID)
    assert check_labels(structure_set(GRID, ctvp=empty, ctvn=empty, uterus=empty, anorectum=empty)) == ()
    assert check_labels(structure_set(GRID, ctvp=empty, uterus=box((0, 3)))) == ()


def test_the_place_is_the_centroid_and_the_slices() -> None:
    place = Place.of(block(GRID, (-1, -1, -8), (1, 1, 8)))
    assert place is not None
    assert place.centroid_lps == pytest.approx((0, 0, 0))
    assert (place.first_k, place.last_k) == (8, 11)
    assert Place.of(Mask.empty(GRID)) is None


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_messages_do_not_depend_on_the_array(direction: str) -> None:
    geometry = grid((12, 11, 10), (2.0, 2.0, 3.0), direction)
    middle = centre(geometry)
    labels = structure_set(
        geometry,
        ctvp=ball(geometry, middle, 7),
        ctvn=ball(geometry, middle + 6, 6),
        uterus=ball(geometry, middle - 3, 6),
        anorectum=ball(geometry, np.add(middle, (0, 6, 0)), 5),
        bladder=ball(geometry, middle + 3, 5),
    )
    expected = [(m.rule, m.text, m.volume_cc) for m in check_labels(labels)]
    assert len(expected) >= 5
    for order in reorders()[::3]:
        found = check_labels(turned(labels, order))
        assert [(m.rule, m.text, m.volume_cc) for m in found] == expected
