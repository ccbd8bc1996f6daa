"""The rules between structures, the messages about them, and the check of labels that came in.

Letters: A anorectum, B bladder, C cervix, P parametrium, U uterus, V vagina, Gp GTVp, Gn GTVn, Cp CTVp, Cn
CTVn. Only rule 1 moves voxels, and only in composites (`domain.disjoint`); all others permit, define or
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from scipy import ndimage

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.parts import HIGH_RISK, NODAL_IDS
from AmlartContourLib.domain.structure_set import StructureSet


class Rule(Enum):
    """The five rules. Member names are written to files: never rename one."""

    DISJOINT = "1: CTVn, CTVp and Anorectum share no voxel"
    PARAMETRIUM_FREE = "2: the parametrium may overlap every structure"
    BLADDER_MAY_OVERLAP_CTVN = "3: the bladder may overlap the CTVn"
    CTVP_OF_PARTS = "4: CTVp = (cervix and GTVp) + uterus + vagina"
    CTVN_OF_PARTS = "5: CTVn = GTVn + the chosen nodal levels"


class Severity(Enum):
    """How much a message wants to be read. Member names are written to files: never rename one."""

    INFO = "for information"
    WARNING = "look at this"


@dataclass(frozen=True)
class Place:
    """Where to look: the centroid in LPS mm, and the first and last slice index k of the array."""

    centroid_lps: tuple[float, float, float]
    first_k: int
    last_k: int

    @classmethod
    def of(cls, mask: Mask) -> Place | None:
        """The place of a mask's voxels; None for an empty one."""
        if mask.is_empty:
            return None
        x, y, z = (float(value) for value in mask.centroid_lps())
        return cls((x, y, z), mask.box.start_kji[0], mask.box.stop_kji[0] - 1)


@dataclass(frozen=True)
class RuleMessage:
    """One thing to know about composites or labels.

    `rule` is None where no rule but a recipe or an organ is concerned. `ids` are the structures concerned.
    Where voxels were moved, `kept_id` kept them and `trimmed_id` gave them up, else both are None.
    `volume_cc` is exact: voxels counted, times the voxel's volume.
    """

    rule: Rule | None
    severity: Severity
    text: str
    ids: tuple[str, ...]
    volume_cc: float = 0.0
    kept_id: str | None = None
    trimmed_id: str | None = None
    place: Place | None = None


_SAID = {
    "ctvp": "CTVp",
    "ctvn": "CTVn",
    "gtvp": "GTVp",
    "gtvn": "GTVn",
    "ctv": "CTV",
    "ctv_hr": "high-risk CTV",
}
_SAID |= {"ptv": "PTV", "ptvp": "PTVp", "ptvn": "PTVn"}
RULE_1_PAIRS = (("ctvp", "ctvn"), ("ctvp", "anorectum"), ("ctvn", "anorectum"))


def said(structure_id: str) -> str:
    """A structure's name inside a sentence: CTVp, anorectum, ln pelvic left."""
    return _SAID.get(structure_id, structure_id.replace("_", " "))


def first_up(text: str) -> str:
    """With a capital letter, for the start of a sentence."""
    return text[0].upper() + text[1:]


def check_labels(structures: StructureSet) -> tuple[RuleMessage, ...]:
    """Where contours that came in break the rules: reported, never mended. Absent structures are normal."""
    return (*_shared(structures), *_outside(structures), *_bladder(structures))


def bladder_message(bladder: Mask, ctvn: Mask) -> RuleMessage | None:
    """Rule 3: how much of the CTVn lies in the bladder; None where nothing does."""
    both = bladder & ctvn
    if both.is_empty:
        return None
    text = f"The bladder and the CTVn share {both.volume_cc:.2f} cm3, which is allowed."
    rule = Rule.BLADDER_MAY_OVERLAP_CTVN
    return RuleMessage(rule, Severity.INFO, text, ("bladder", "ctvn"), both.volume_cc, place=Place.of(both))


def _shared(structures: StructureSet) -> list[RuleMessage]:
    """Rule 1 on labels: a shared voxel breaks it; faces that touch do not, but are said."""
    found = []
    for one, other in RULE_1_PAIRS:
        a, b = structures.mask(one), structures.mask(other)
        both = a & b
        if not both.is_empty:
            text = f"{first_up(said(one))} and {said(other)} share {both.volume_cc:.2f} cm3."
            found.append(_label_message(Rule.DISJOINT, Severity.WARNING, text, (one, other), both))
        elif (one, other) == ("ctvp", "ctvn") and not (edge := _touching(a, b)).is_empty:
            text = "CTVp and CTVn touch each other without sharing a voxel."
            message = RuleMessage(Rule.DISJOINT, Severity.INFO, text, (one, other), place=Place.of(edge))
            found.append(message)
    return found


def _outside(structures: StructureSet) -> list[RuleMessage]:
    """Rules 4 and 5 on labels: parts that reach outside the composite that came with them."""
    wholes: tuple[tuple[Rule, str, Sequence[str]], ...] = (
        (Rule.CTVP_OF_PARTS, "ctvp", (*HIGH_RISK, "ctv_hr", "uterus", "vagina")),
        (Rule.CTVN_OF_PARTS, "ctvn", ("gtvn", *(i for i in structures.ids if i in NODAL_IDS))),
    )
    found = []
    for rule, whole, parts in wholes:
        if not structures.has(whole):
            continue
        for part in parts:
            beyond = structures.mask(part) - structures.mask(whole)
            if not beyond.is_empty:
                text = f"{beyond.volume_cc:.2f} cm3 of the {said(part)} lie outside the {said(whole)}."
                found.append(_label_message(rule, Severity.WARNING, text, (part, whole), beyond))
    return found


def _bladder(structures: StructureSet) -> list[RuleMessage]:
    message = bladder_message(structures.mask("bladder"), structures.mask("ctvn"))
    return [message] if message else []


def _touching(a: Mask, b: Mask) -> Mask:
    """The voxels of `a` that share a face with a voxel of `b`."""
    box = a.box.intersection(b.box.padded((1, 1, 1), b.geometry.shape_kji))
    if box.is_empty:
        return Mask.empty(a.geometry)
    around = box.padded((1, 1, 1), a.geometry.shape_kji)
    beside = ndimage.binary_dilation(b.window(around))[box.within(around).slices]
    return Mask.from_block(a.window(box) & beside, box, a.geometry)


def _label_message(
    rule: Rule, severity: Severity, text: str, ids: tuple[str, ...], where: Mask
) -> RuleMessage:
    return RuleMessage(rule, severity, text, ids, where.volume_cc, place=Place.of(where))
