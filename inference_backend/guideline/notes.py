"""What is written beside the levels: the preset's standing, borders of each level, what the scan cuts."""

from __future__ import annotations

from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.guideline.borders import Borders
from inference_backend.guideline.levels import STEMS
from inference_backend.guideline.margins_preset import GuidelineMargins, Sourced
from inference_backend.guideline.patient_view import SIDES, PatientView


def about_preset(preset: GuidelineMargins) -> list[str]:
    """How well founded the numbers in use are, unverified ones by name."""
    messages = [f"Nodal levels by rules ({preset.title}). Never validated clinically: review every slice."]
    if not preset.verified_against_primary:
        messages.append(f"The preset {preset.id} was not checked against its primary document.")
    messages.append(preset.para_aortic.statement)
    unverified = preset.unverified()
    if unverified:
        numbers = ", ".join(f"{name} {number.describe()}" for name, number in unverified.items())
        messages.append(f"UNVERIFIED numbers in use: {numbers}.")
    return messages


def cut_by_the_scan(view: PatientView, levels: dict[str, Mask]) -> list[str]:
    """Levels that reach an end of the scan, so that more of them may lie beyond."""
    sentences = []
    for end, k in (("lower", 0), ("upper", view.top_k)):
        cut = [stem for stem in STEMS if _reaches(levels.get(f"ln_{stem}"), k)]
        if cut:
            names = ", ".join(catalogue()[f"ln_{stem}"].display_name for stem in cut)
            sentences.append(f"Cut by the {end} end of the scan: {names}.")
    return sentences


def bladder_overlap(view: PatientView, levels: dict[str, Mask], preset: GuidelineMargins) -> list[str]:
    """How much the pelvic level shares with the bladder, where the preset lets it."""
    if preset.exclude.bladder.value or "ln_pelvic" not in levels:
        return []
    shared = (levels["ln_pelvic"] & view.mask("bladder")).volume_cc
    return (
        [f"The pelvic level and the bladder share {shared:.1f} cm3, as this preset allows."] if shared else []
    )


def level_note(structure_id: str, preset: GuidelineMargins, borders: Borders) -> str:
    """For provenance: the preset, its main number for this level, and the borders that bound it."""
    stem = structure_id.removeprefix("ln_").removesuffix("_left").removesuffix("_right")
    sides = [side for side in SIDES if structure_id.endswith(f"_{side}")] or list(SIDES)
    strips: dict[str, Sourced] = {
        "obturator": preset.obturator_strip_width,
        "presacral": preset.presacral_depth,
    }
    if stem == "paraaortic":
        number = preset.para_aortic.title
    else:
        number = strips.get(stem, preset.vessel_margin).describe()
    parts = [described(border) for border in _bounding(stem, sides, preset, borders)]
    return "; ".join([preset.title, number, *parts])


def described(border: LevelBorder) -> str:
    """What a border is, how it was found, and whether that was a fallback."""
    return f"{border.kind.value}: {border.evidence}{' (estimated)' if border.estimated else ''}"


def _bounding(stem: str, sides: list[str], preset: GuidelineMargins, borders: Borders) -> list[LevelBorder]:
    found: list[LevelBorder | None]
    if stem == "paraaortic":
        found = [borders.para_aortic_top, borders.aortic]
    elif stem == "common_iliac":
        found = [borders.aortic, *(borders.common_iliac[side] for side in sides)]
    elif stem == "presacral":
        found = [borders.sacrum.border_after(preset.presacral_segments.value)] if borders.sacrum else []
    else:
        found = [borders.common_iliac[side] for side in sides]
        found += [borders.femoral_head[side] for side in sides if stem != "obturator"]
        found += [borders.obturator[side] for side in sides if stem in ("obturator", "pelvic")]
    return [border for border in found if border]


def _reaches(mask: Mask | None, k: int) -> bool:
    return mask is not None and mask.box.start_kji[0] <= k < mask.box.stop_kji[0]
