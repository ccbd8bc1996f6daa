"""PTVs from CTVs, and what of the targets lies in organs."""

from __future__ import annotations

from collections.abc import Mapping

from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.rules import Place, RuleMessage, Severity, bladder_message, said
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue, Role, Structure


def planning_targets(
    targets: Mapping[str, Mask], parametrium: Mask, margins: Mapping[str, Margin]
) -> dict[str, Mask]:
    """ptvp, ptvn and ptv for the margins that are given; none is assumed.

    ptv is the CTV with its own margin. Where that is not given but those of CTVp and CTVn are, ptv is the
    union of ptvp, ptvn and the parametrium with the CTVp's margin (an engineering default: the parametrium
    belongs to the primary target).
    """
    made = {
        ptv: expand(targets[t], margins[t]) for t, ptv in (("ctvp", "ptvp"), ("ctvn", "ptvn")) if t in margins
    }
    if "ctv" in margins:
        made["ptv"] = expand(targets["ctv"], margins["ctv"])
    elif len(made) == 2:
        around = expand(parametrium, margins["ctvp"])
        made["ptv"] = union([made["ptvp"], made["ptvn"], around], parametrium.geometry)
    return made


def encroachments(
    composites: StructureSet, structures: StructureSet, catalogue: Catalogue
) -> tuple[RuleMessage, ...]:
    """How much of each organ lies in CTVp, CTVn and PTV; a warning where the catalogue does not allow it.

    The anorectum is left to rule 1 but for the PTV; bladder and CTVn are rule 3.
    """
    messages = []
    for organ in catalogue.with_role(Role.ORGAN):
        mask = structures.mask(organ.id)
        for target in ("ctvp", "ctvn", "ptv"):
            if mask.is_empty or (organ.id == "anorectum" and target != "ptv"):
                continue
            if (organ.id, target) == ("bladder", "ctvn"):
                message = bladder_message(mask, composites.mask("ctvn"))
            else:
                message = _encroachment(organ, mask, catalogue[target], composites.mask(target))
            if message:
                messages.append(message)
    return tuple(messages)


def _encroachment(organ: Structure, organ_mask: Mask, target: Structure, mask: Mask) -> RuleMessage | None:
    shared = organ_mask & mask
    if shared.is_empty:
        return None
    text = f"The {said(target.id)} covers {shared.volume_cc:.2f} cm3 of: {organ.display_name}."
    severity = Severity.INFO if target.allows_overlap_with(organ) else Severity.WARNING
    return RuleMessage(None, severity, text, (target.id, organ.id), shared.volume_cc, place=Place.of(shared))
