"""The chosen parts as they enter composites: stand-ins found, vagina cut, parametrium edited back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.parametrium import edit_back
from AmlartContourLib.domain.parts import HIGH_RISK, PARAMETRIUM_IDS, part
from AmlartContourLib.domain.rules import Place, RuleMessage, Severity, first_up, said
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.vagina import VaginaRecipe, cut_below, cut_upper

OPTIONAL = ("gtvp", "gtvn")  # a patient without a visible tumour or node is normal: no word


@dataclass(frozen=True)
class ChosenParts:
    """Parts as used, by id, and what was done to them in words."""

    used: StructureSet
    messages: tuple[RuleMessage, ...]


def choose_parts(structures: StructureSet, selection: Selection) -> ChosenParts:
    """Parts of the selection that are there; never a change to the structures themselves."""
    found = {i: contour for i in selection.included if (contour := part(structures, i))}
    messages: list[RuleMessage] = []
    _stand_in_for_high_risk(found, structures, selection, messages)
    messages += _lacking(found, selection)
    if "vagina" in found:
        found["vagina"] = _cut_vagina(found["vagina"], structures, selection, messages)
    if selection.edit_back_parametrium:
        _edit_parametrium(found, structures, messages)
    return ChosenParts(StructureSet(structures.geometry, found), tuple(messages))


def _lacking(found: dict[str, Contour], selection: Selection) -> list[RuleMessage]:
    """One message for what is chosen but not there; the high-risk parts may stand in for each other."""
    covered = {*HIGH_RISK, "ctv_hr"} if any(i in found for i in (*HIGH_RISK, "ctv_hr")) else set()
    lacking = tuple(i for i in selection.included if i not in {*found, *covered, *OPTIONAL})
    if not lacking:
        return []
    text = f"Chosen but not there: {', '.join(said(i) for i in lacking)}."
    return [RuleMessage(None, Severity.INFO, text, lacking)]


def _stand_in_for_high_risk(
    found: dict[str, Contour],
    structures: StructureSet,
    selection: Selection,
    messages: list[RuleMessage],
) -> None:
    """High-risk CTV for cervix and GTVp, or the other way round, where only the other was contoured."""
    chosen = set(selection.included)
    there = {i for i in (*HIGH_RISK, "ctv_hr") if structures.has(i)}
    candidates: tuple[str, ...]
    if "ctv_hr" in chosen and "ctv_hr" not in there:
        wanted, candidates = "the high-risk CTV", HIGH_RISK
    elif ("cervix" in chosen - there) or ("gtvp" in chosen and not there & set(HIGH_RISK)):
        wanted, candidates = "the cervix", ("ctv_hr",)
    else:
        return
    stand_ins = [i for i in candidates if i in there and i not in chosen]
    for structure_id in stand_ins:
        found[structure_id] = structures.contours[structure_id]
    if stand_ins:
        text = f"{' and '.join(said(i) for i in stand_ins)} in place of {wanted}, which is not there."
        messages.append(RuleMessage(None, Severity.INFO, first_up(text), tuple(stand_ins)))


def _cut_vagina(
    vagina: Contour, structures: StructureSet, selection: Selection, messages: list[RuleMessage]
) -> Contour:
    length = selection.vagina
    if length.recipe is VaginaRecipe.WHOLE or vagina.mask.is_empty:
        return vagina
    if length.recipe is VaginaRecipe.UPPER:
        kept = cut_upper(vagina.mask, length.length_mm)
        what = f"the upper {length.length_mm:g} mm"
    else:
        ids = [i for i in HIGH_RISK if structures.has(i)] or [i for i in ("ctv_hr",) if structures.has(i)]
        if not ids:
            text = "The vagina stays whole: no cervix, GTVp or high-risk CTV is there to measure from."
            messages.append(RuleMessage(None, Severity.WARNING, text, ("vagina",)))
            return vagina
        kept = cut_below(vagina.mask, [structures.mask(i) for i in ids], length.length_mm)
        lowest = f"lower of {said(ids[0])} and {said(ids[1])}" if len(ids) == 2 else said(ids[0])
        what = f"what reaches {length.length_mm:g} mm below the {lowest}"
    messages.append(_cut_message(vagina.mask, kept, what))
    return replace(
        vagina, mask=kept, source=Source.COMPOSED, note=f"Cut to {what}, measured along the vaginal axis."
    )


def _cut_message(whole: Mask, kept: Mask, what: str) -> RuleMessage:
    removed = whole - kept
    severity = Severity.WARNING if kept.is_empty else Severity.INFO
    text = f"Of the vagina, {what} is used: {kept.volume_cc:.2f} of {whole.volume_cc:.2f} cm3."
    return RuleMessage(None, severity, text, ("vagina",), removed.volume_cc, place=Place.of(removed))


def _edit_parametrium(
    found: dict[str, Contour], structures: StructureSet, messages: list[RuleMessage]
) -> None:
    """Each chosen parametrium less what lies below the vagina that is included."""
    chosen = [i for i in found if i in PARAMETRIUM_IDS]
    if not chosen:
        return
    included = found["vagina"].mask if "vagina" in found else Mask.empty(structures.geometry)
    if included.is_empty:
        text = "The parametrium stays whole: no vagina is included to edit it back to."
        messages.append(RuleMessage(None, Severity.INFO, text, tuple(chosen)))
        return
    for structure_id in chosen:
        contour = found[structure_id]
        kept = edit_back(contour.mask, structures.mask("vagina"), included)
        removed = contour.mask - kept
        if removed.is_empty:
            continue
        note = "Edited back to the level of the included vagina."
        found[structure_id] = replace(contour, mask=kept, source=Source.COMPOSED, note=note)
        text = f"{removed.volume_cc:.2f} cm3 of {said(structure_id)} lie below the included vagina: left out."
        messages.append(
            RuleMessage(
                None, Severity.INFO, text, (structure_id,), removed.volume_cc, place=Place.of(removed)
            )
        )
