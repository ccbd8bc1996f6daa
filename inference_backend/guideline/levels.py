"""All nodal levels of one patient on the canonical grid, from masks, borders and a preset."""

from __future__ import annotations

from collections.abc import Callable

from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.abdominal_levels import para_aortic_level
from inference_backend.guideline.iliac_side import make_iliac_levels
from inference_backend.guideline.patient_view import SIDES
from inference_backend.guideline.presacral import SacralStrip, presacral_strip
from inference_backend.guideline.workbench import Workbench

PELVIC = ("external_iliac", "internal_iliac", "obturator", "presacral")
STEMS = (*PELVIC, "pelvic", "common_iliac", "paraaortic")
GREAT_VESSELS = {"aorta": "aorta", "inferior_vena_cava": "inferior vena cava"}


def all_levels(bench: Workbench, progress: Callable[[float, str], None]) -> dict[str, Mask]:
    """Every level that could be made, by catalogue id: each side's, and each as a whole. None is empty."""
    progress(0.1, "presacral level")
    strip = _presacral_strip(bench)
    for number, side in enumerate(SIDES):
        progress(0.2 + 0.3 * number, f"pelvic and common iliac levels, {side}")
        beside = (
            bench.borders.midline.splits(strip.lateral)[number] if bench.borders.midline else strip.lateral
        )
        make_iliac_levels(bench, side, beside)
    _make_presacral(bench, strip)
    progress(0.8, "para-aortic level")
    _make_para_aortic(bench)
    for sentence in bench.barriers.removed_from(bench.join(*bench.raw.values())):
        bench.say(sentence)
    return _with_wholes(bench)


def _presacral_strip(bench: Workbench) -> SacralStrip:
    arc, midline, preset = bench.borders.sacrum, bench.borders.midline, bench.preset
    if arc is None or midline is None:
        bench.say("No sacrum mask, or too little of it: the presacral level was not made.")
        return SacralStrip(bench.view.empty, bench.view.empty)
    depth, segments = preset.presacral_depth.value, preset.presacral_segments.value
    return presacral_strip(bench.view, arc, midline, bench.barriers.sacrum, depth, segments)


def _make_presacral(bench: Workbench, strip: SacralStrip) -> None:
    if strip.middle.is_empty or bench.borders.midline is None:
        return
    for side, half in zip(SIDES, bench.borders.midline.splits(strip.middle), strict=True):
        bench.keep(f"ln_presacral_{side}", half, bench.barriers.sacrum)


def _make_para_aortic(bench: Workbench) -> None:
    view, borders = bench.view, bench.borders
    missing = [name for structure_id, name in GREAT_VESSELS.items() if not view.has(structure_id)]
    if len(missing) == len(GREAT_VESSELS):
        bench.say("No aorta and no inferior vena cava mask: the para-aortic level was not made.")
        return
    for name in missing:
        bench.say(f"No {name} mask: the para-aortic level runs round the other vessel only.")
    if borders.para_aortic_top is None:
        bench.say(
            "No upper border is known for the para-aortic level: it reaches the upper end of its vessels."
        )
    anchor = view.union(*GREAT_VESSELS)
    level = para_aortic_level(view, bench.preset, borders.aortic, borders.para_aortic_top)
    if borders.midline is None:
        bench.keep("ln_paraaortic", level, anchor)
        return
    for side, half in zip(SIDES, borders.midline.splits(level), strict=True):
        bench.keep(f"ln_paraaortic_{side}", half, anchor)


def _with_wholes(bench: Workbench) -> dict[str, Mask]:
    """The levels that are not empty, with `ln_pelvic` by side, and every level as a whole."""
    found = {structure_id: mask for structure_id, mask in bench.made.items() if not mask.is_empty}
    for side in SIDES:
        parts = [found[f"ln_{stem}_{side}"] for stem in PELVIC if f"ln_{stem}_{side}" in found]
        if parts:
            found[f"ln_pelvic_{side}"] = bench.join(*parts)
    for stem in STEMS:
        parts = [found[f"ln_{stem}_{side}"] for side in SIDES if f"ln_{stem}_{side}" in found]
        if parts:
            found[f"ln_{stem}"] = bench.join(*parts)
    return found
