"""Rule 1: CTVp, CTVn and Anorectum share no voxel. Who keeps a shared voxel is a visible list.

The default list is an engineering default, not a clinical source: gross tumour is never cut by a rule; then
the organ keeps its voxels, because a conservative boundary near organs is the wanted bias; then CTVp before
CTVn. Nothing here edits a part: the masks that come in are whole, the masks that go out are new.
"""

from __future__ import annotations

from collections.abc import Mapping

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.rules import RULE_1_PAIRS, Place, Rule, RuleMessage, Severity, said

OWNERS = {"gtvp": "ctvp", "gtvn": "ctvn", "anorectum": "anorectum", "ctvp": "ctvp", "ctvn": "ctvn"}
DEFAULT_PRIORITY = ("gtvp", "gtvn", "anorectum", "ctvp", "ctvn")


def check_priority(priority: tuple[str, ...]) -> None:
    """BadSetting unless the list holds exactly the five claimants, each once."""
    if sorted(priority) != sorted(OWNERS):
        raise BadSetting(
            f"The priority order {', '.join(priority)} cannot be used.",
            advice=f"Put these five in the order you want: {', '.join(DEFAULT_PRIORITY)}.",
        )


def make_disjoint(
    claims: Mapping[str, Mask], priority: tuple[str, ...]
) -> tuple[dict[str, Mask], tuple[RuleMessage, ...]]:
    """The three targets without shared voxels, and one message per pair of keeper and loser.

    `claims` holds a mask for each id of `OWNERS`; gtvp and gtvn must lie inside ctvp and ctvn, whose voxels
    they defend. A shared voxel goes to the owner of the claim that comes first in `priority`.
    """
    check_priority(priority)
    targets = {owner: claims[owner] for owner in ("ctvp", "ctvn", "anorectum")}
    messages: list[RuleMessage] = []
    for claim in priority:
        owner = OWNERS[claim]
        held = claims[claim] & targets[owner]  # less what an earlier claim took
        for other, mask in targets.items():
            shared = held & mask
            if other == owner or shared.is_empty:
                continue
            targets[other] = mask - shared
            messages.append(_kept(claim, other, shared))
    return targets, tuple(messages)


def shared_voxels(claims: Mapping[str, Mask]) -> tuple[RuleMessage, ...]:
    """What rule 1 would have resolved, where it is switched off: a warning per pair that shares voxels."""
    messages = []
    for one, other in RULE_1_PAIRS:
        shared = claims[one] & claims[other]
        if not shared.is_empty:
            text = f"Rule 1 is off: {said(one)} and {said(other)} share {shared.volume_cc:.2f} cm3."
            place = Place.of(shared)
            messages.append(
                RuleMessage(
                    Rule.DISJOINT, Severity.WARNING, text, (one, other), shared.volume_cc, place=place
                )
            )
    return tuple(messages)


def _kept(claim: str, other: str, shared: Mask) -> RuleMessage:
    volume = shared.volume_cc
    text = f"The {said(claim)} keeps {volume:.2f} cm3 that the {said(other)} also covered."
    return RuleMessage(
        Rule.DISJOINT,
        Severity.WARNING if other == "anorectum" or claim == "anorectum" else Severity.INFO,
        text,
        (claim, other),
        volume,
        kept_id=claim,
        trimmed_id=other,
        place=Place.of(shared),
    )
