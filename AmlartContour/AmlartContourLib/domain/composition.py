"""CTVp, high-risk CTV, CTVn, CTV and PTV, composed of the chosen parts. Pure: parts are never edited.

    CTVp = (cervix and GTVp, or high-risk CTV) + uterus + vagina as cut      rule 4
    CTVn = GTVn + chosen nodal levels                                       rule 5
    CTVp, CTVn and Anorectum are then made disjoint                         rule 1
    CTV  = CTVp + CTVn + chosen parametrium (which may overlap all)         rule 2
    PTVs = these with their margins, where margins are given

Where none of a composite's essential parts is there but the composite itself came in, that one is used, and a
message says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.chosen_parts import ChosenParts, choose_parts
from AmlartContourLib.domain.disjoint import make_disjoint, shared_voxels
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parts import CTVP_PARTS, HIGH_RISK, NODAL_IDS, PARAMETRIUM_IDS
from AmlartContourLib.domain.planning import encroachments, planning_targets
from AmlartContourLib.domain.rules import Place, Rule, RuleMessage, Severity, said
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.structures import Catalogue

Target = tuple[Mask, tuple[RuleMessage, ...]]


@dataclass(frozen=True)
class Composition:
    """What a selection makes of the structures.

    `composites` holds ctvp, ctvn and ctv (each may be empty), ctv_hr where it is known, ptv, ptvp and ptvn
    where a margin was given, and anorectum only where rule 1 trimmed it. `used` holds the parts as they
    entered: the vagina as cut, the parametrium as edited back.
    """

    composites: StructureSet
    used: StructureSet
    messages: tuple[RuleMessage, ...]


def compose(structures: StructureSet, selection: Selection, catalogue: Catalogue) -> Composition:
    """Composites of the chosen parts, and what was moved, left out or overlaps. Missing parts never fail."""
    chosen = choose_parts(structures, selection)
    ctvp, primary_messages = _primary(structures, selection, chosen)
    ctvn, nodal_messages = _nodal(structures, selection, chosen)
    claims = {
        "gtvp": chosen.used.mask("gtvp"),
        "gtvn": chosen.used.mask("gtvn"),
        "anorectum": structures.mask("anorectum"),
        "ctvp": ctvp,
        "ctvn": ctvn,
    }
    if Rule.DISJOINT in selection.rules_off:
        targets, rule_messages = claims, shared_voxels(claims)
    else:
        targets, rule_messages = make_disjoint(claims, selection.priority)
    composites = _composites(structures, selection, chosen, targets)
    messages = (*chosen.messages, *primary_messages, *nodal_messages, *rule_messages)
    return Composition(composites, chosen.used, messages + encroachments(composites, structures, catalogue))


def _composites(
    structures: StructureSet, selection: Selection, chosen: ChosenParts, targets: dict[str, Mask]
) -> StructureSet:
    grid = structures.geometry
    used = chosen.used
    parametrium = union([used.mask(i) for i in used.ids if i in PARAMETRIUM_IDS], grid)
    high_risk = union([used.mask(i) for i in (*HIGH_RISK, "ctv_hr")], grid) & targets["ctvp"]
    unknown = high_risk.is_empty or _primary_comes_whole(structures, selection, used)
    masks = {} if unknown else {"ctv_hr": high_risk}
    masks |= {"ctvp": targets["ctvp"], "ctvn": targets["ctvn"]}
    masks["ctv"] = union([targets["ctvp"], targets["ctvn"], parametrium], grid)
    if targets["anorectum"].voxel_count < structures.mask("anorectum").voxel_count:
        masks["anorectum"] = targets["anorectum"]
    masks |= planning_targets(masks, parametrium, selection.ptv)
    notes = _notes(used, selection)
    return StructureSet.of(grid, (Contour(i, m, Source.COMPOSED, notes.get(i, "")) for i, m in masks.items()))


def _primary(structures: StructureSet, selection: Selection, chosen: ChosenParts) -> Target:
    """The CTVp before the rules; the imported one, with the GTVp, where nothing holds the cervix."""
    used = chosen.used
    if _primary_comes_whole(structures, selection, used):
        whole = structures.mask("ctvp") | used.mask("gtvp")
        return whole, (_imported("ctvp", "cervix or high-risk CTV"),)
    composed = union([used.mask(i) for i in used.ids if i in CTVP_PARTS], structures.geometry)
    if composed.is_empty or not _lacks_cervix(selection, used):
        return composed, ()
    text = "The CTVp holds no cervix and no high-risk CTV: none is there."
    return composed, (RuleMessage(Rule.CTVP_OF_PARTS, Severity.WARNING, text, ("ctvp",)),)


def _primary_comes_whole(structures: StructureSet, selection: Selection, used: StructureSet) -> bool:
    """True where the CTVp that came in is all that is known of the cervix."""
    return structures.has("ctvp") and _lacks_cervix(selection, used)


def _lacks_cervix(selection: Selection, used: StructureSet) -> bool:
    chosen = bool({"cervix", "ctv_hr"} & set(selection.included))
    return chosen and not (used.has("cervix") or used.has("ctv_hr"))


def _nodal(structures: StructureSet, selection: Selection, chosen: ChosenParts) -> Target:
    """The CTVn before the rules; the imported one, with the GTVn, where no level at all is there."""
    used = chosen.used
    nodes = used.mask("gtvn")
    levels = [i for i in used.ids if i in NODAL_IDS]
    wanted = [i for i in selection.included if i in NODAL_IDS]
    if wanted and structures.has("ctvn") and not any(structures.has(i) for i in NODAL_IDS):
        return structures.mask("ctvn") | nodes, (_imported("ctvn", "nodal level"),)
    composed = union([nodes, *(used.mask(i) for i in levels)], structures.geometry)
    return composed, _in_no_level(structures)


def _in_no_level(structures: StructureSet) -> tuple[RuleMessage, ...]:
    """What a CTVn that was divided into the levels holds beyond them, so that nothing is lost unseen."""
    levels = union([structures.mask(i) for i in structures.ids if i in NODAL_IDS], structures.geometry)
    whole = structures.mask("ctvn")
    rest = whole - levels - structures.mask("gtvn")
    if levels.is_empty or rest.is_empty or not (levels - whole).is_empty:
        return ()
    text = f"{rest.volume_cc:.2f} cm3 of the CTVn that came in belong to no level and are left out."
    where = Place.of(rest)
    return (RuleMessage(Rule.CTVN_OF_PARTS, Severity.WARNING, text, ("ctvn",), rest.volume_cc, place=where),)


def _imported(structure_id: str, lacking: str) -> RuleMessage:
    rule = Rule.CTVP_OF_PARTS if structure_id == "ctvp" else Rule.CTVN_OF_PARTS
    text = f"The {said(structure_id)} is used as it came in: there is no {lacking} to compose it of."
    return RuleMessage(rule, Severity.WARNING, text, (structure_id,))


def _notes(used: StructureSet, selection: Selection) -> dict[str, str]:
    """For each composite, the parts it is made of or its margin."""
    primary = [i for i in used.ids if i in CTVP_PARTS]
    nodal = [i for i in used.ids if i in NODAL_IDS or i == "gtvn"]
    notes = {"ctvp": f"Composed of {', '.join(primary)}." if primary else ""}
    notes["ctvn"] = f"Composed of {', '.join(nodal)}." if nodal else ""
    notes["anorectum"] = "Trimmed by rule 1."
    for target, ptv in (("ctvp", "ptvp"), ("ctvn", "ptvn"), ("ctv", "ptv")):
        if target in selection.ptv:
            notes[ptv] = f"{said(target)} and {selection.ptv[target].describe()}."
    return notes
