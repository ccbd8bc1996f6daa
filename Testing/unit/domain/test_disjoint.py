"""Rule 1: CTVp, CTVn and anorectum share no voxel, resolved by a visible order, told in exact cm3."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY, OWNERS, make_disjoint, shared_voxels
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.rules import Rule
from support.shapes import grid

GRID = grid((5, 4, 3), (1.0, 2.0, 5.0))  # 0.01 cm3 per voxel
TARGETS = ("ctvp", "ctvn", "anorectum")
claims_of_voxels = arrays(np.uint8, GRID.shape_kji, elements=st.integers(0, 31), fill=st.nothing())


def row(*columns: int) -> Mask:
    """A mask of some voxels of one row."""
    voxels = np.zeros(GRID.shape_kji, dtype=bool)
    voxels[1, 2, list(columns)] = True
    return Mask.from_array(voxels, GRID)


def claims(**masks: Mask) -> dict[str, Mask]:
    """All five claims; those not given are empty."""
    return {claim: masks.get(claim, Mask.empty(GRID)) for claim in OWNERS}


def from_bits(bits: np.ndarray) -> dict[str, Mask]:
    """Five random masks from the bits of one array, the GTVs inside their CTVs as compose makes them."""
    found = {claim: Mask.from_array((bits >> n) & 1 == 1, GRID) for n, claim in enumerate(OWNERS)}
    return found | {"ctvp": found["ctvp"] | found["gtvp"], "ctvn": found["ctvn"] | found["gtvn"]}


def test_the_organ_keeps_its_voxels_and_ctvp_comes_before_ctvn() -> None:
    targets, messages = make_disjoint(
        claims(anorectum=row(0, 1), ctvp=row(1, 2, 3), ctvn=row(1, 3, 4)), DEFAULT_PRIORITY
    )
    assert targets["anorectum"].same_voxels(row(0, 1))
    assert targets["ctvp"].same_voxels(row(2, 3))
    assert targets["ctvn"].same_voxels(row(4))
    told = {(m.kept_id, m.trimmed_id): round(m.volume_cc, 9) for m in messages}
    assert told == {("anorectum", "ctvp"): 0.01, ("anorectum", "ctvn"): 0.01, ("ctvp", "ctvn"): 0.01}


def test_gross_tumour_is_never_cut() -> None:
    targets, messages = make_disjoint(
        claims(gtvp=row(1, 2), ctvp=row(1, 2, 3), gtvn=row(3), ctvn=row(2, 3, 4), anorectum=row(0, 1, 3)),
        DEFAULT_PRIORITY,
    )
    assert targets["ctvp"].same_voxels(row(1, 2))
    assert targets["ctvn"].same_voxels(row(3, 4))
    assert targets["anorectum"].same_voxels(row(0))
    told = {(m.kept_id, m.trimmed_id) for m in messages}
    assert told == {("gtvp", "anorectum"), ("gtvp", "ctvn"), ("gtvn", "anorectum"), ("gtvn", "ctvp")}


def test_each_message_says_where_in_mm_and_slices() -> None:
    _, messages = make_disjoint(claims(anorectum=row(1, 2), ctvp=row(2, 3)), DEFAULT_PRIORITY)
    (message,) = messages
    assert message.rule is Rule.DISJOINT
    assert message.ids == ("anorectum", "ctvp")
    assert message.text == "The anorectum keeps 0.01 cm3 that the CTVp also covered."
    assert message.place is not None
    assert (message.place.first_k, message.place.last_k) == (1, 1)
    assert message.place.centroid_lps == pytest.approx(GRID.index_to_lps((2, 2, 1)))


def test_another_order_gives_another_keeper() -> None:
    given_claims = claims(anorectum=row(0, 1), ctvp=row(1, 2), ctvn=row(2, 3))
    order = ("ctvn", "ctvp", "gtvp", "gtvn", "anorectum")
    targets, _ = make_disjoint(given_claims, order)
    assert targets["ctvn"].same_voxels(row(2, 3))
    assert targets["ctvp"].same_voxels(row(1))
    assert targets["anorectum"].same_voxels(row(0))


@pytest.mark.parametrize(
    "order", [(), ("ctvp", "ctvn"), (*DEFAULT_PRIORITY, "ctvp"), ("bladder", *DEFAULT_PRIORITY[1:])]
)
def test_an_order_that_lacks_or_doubles_a_claimant_is_refused(order: tuple[str, ...]) -> None:
    with pytest.raises(BadSetting, match="priority order"):
        make_disjoint(claims(), order)


@settings(max_examples=60, deadline=None)
@given(claims_of_voxels, st.sampled_from(list(permutations(DEFAULT_PRIORITY))))
def test_for_any_masks_and_any_order_the_rule_holds_and_no_voxel_is_lost(
    bits: np.ndarray, order: tuple[str, ...]
) -> None:
    given_claims = from_bits(bits)
    targets, messages = make_disjoint(given_claims, order)
    covered = np.sum([targets[t].to_array() for t in TARGETS], axis=0)
    assert covered.max(initial=0) <= 1
    np.testing.assert_array_equal(covered > 0, np.any([given_claims[t].to_array() for t in TARGETS], axis=0))
    for target in TARGETS:
        lost = given_claims[target] - targets[target]
        told = sum(m.volume_cc for m in messages if m.trimmed_id == target)
        assert (targets[target] - given_claims[target]).is_empty
        assert told == pytest.approx(lost.volume_cc, abs=1e-9), "every voxel that moved is told once"


@settings(max_examples=40, deadline=None)
@given(claims_of_voxels)
def test_the_first_claim_keeps_all_it_has(bits: np.ndarray) -> None:
    given_claims = from_bits(bits)
    for first in DEFAULT_PRIORITY:
        order = (first, *(c for c in DEFAULT_PRIORITY if c != first))
        targets, _ = make_disjoint(given_claims, order)
        assert (given_claims[first] - targets[OWNERS[first]]).is_empty


@settings(max_examples=40, deadline=None)
@given(claims_of_voxels)
def test_resolving_what_is_resolved_changes_nothing(bits: np.ndarray) -> None:
    targets, _ = make_disjoint(from_bits(bits), DEFAULT_PRIORITY)
    again, messages = make_disjoint(claims(**targets), DEFAULT_PRIORITY)
    assert messages == ()
    for target in TARGETS:
        assert again[target].same_voxels(targets[target])


def test_switched_off_the_overlaps_are_told_and_nothing_is_kept_or_trimmed() -> None:
    messages = shared_voxels(claims(anorectum=row(0, 1), ctvp=row(1, 2), ctvn=row(2, 3)))
    assert [(m.ids, round(m.volume_cc, 9)) for m in messages] == [
        (("ctvp", "ctvn"), 0.01),
        (("ctvp", "anorectum"), 0.01),
    ]
    assert all(m.kept_id is None and m.trimmed_id is None for m in messages)
