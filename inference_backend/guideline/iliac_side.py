"""One side of the pelvis: common iliac and the pelvic levels, with what must be said about them."""

from __future__ import annotations

from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.abdominal_levels import common_iliac_level
from inference_backend.guideline.patient_view import slices_of
from inference_backend.guideline.pelvic_levels import between, side_levels
from inference_backend.guideline.pelvic_wall import PelvicWall, pelvic_wall
from inference_backend.guideline.shaping import closed_in_plane, without_islands
from inference_backend.guideline.workbench import Workbench

ISLAND_MM2 = 50.0
JOINED = ("external_iliac", "internal_iliac", "obturator")


def make_iliac_levels(bench: Workbench, side: str, lateral_presacral: Mask) -> None:
    """Common iliac, external iliac, internal iliac and obturator of one side, as far as its masks allow.

    What lies beside the presacral level, in front of the wing of the sacrum, goes to internal iliac.
    """
    vessels = bench.vessels[side].whole
    if vessels.is_empty:
        bench.say(f"No {side} iliac vessel masks: the iliac and obturator levels of that side were not made.")
        return
    for vessel in ("artery", "vein"):
        if not bench.view.has(f"iliac_{vessel}_{side}"):
            bench.say(f"No {side} iliac {vessel} mask: margins of that side run round the other vessel only.")
    if bench.borders.common_iliac[side] is None and slices_of(vessels)[0] > 0:
        bench.say(f"The {side} iliac levels cannot be told apart and were not made.")
        return
    _make_common(bench, side)
    if bench.borders.common_iliac[side] is not None:
        _make_pelvic(bench, side, lateral_presacral)


def _make_common(bench: Workbench, side: str) -> None:
    """Round the vessels of both sides and what aorta and vena cava send below the bifurcation, cut at the
    middle."""
    view, borders = bench.view, bench.borders
    if not view.has(f"iliopsoas_{side}"):
        bench.say(
            f"No {side} iliopsoas mask: the fat behind the {side} common iliac vessels was not included."
        )
    vessels = bench.around(side, "whole")
    if borders.aortic is not None and borders.midline is not None:
        vessels = vessels | view.union("aorta", "inferior_vena_cava")
    level = common_iliac_level(view, side, bench.preset, vessels, borders.common_iliac[side], borders.aortic)
    bench.keep(f"ln_common_iliac_{side}", bench.own_half(level, side), vessels)


def _make_pelvic(bench: Workbench, side: str, lateral_presacral: Mask) -> None:
    vessels, borders = bench.vessels[side], bench.borders
    top, head = borders.common_iliac[side], borders.femoral_head[side]
    if head is None and slices_of(vessels.whole)[0] > 0:
        bench.say(
            f"No {side} femoral head: the external iliac level ends with its vessel masks. Check its end."
        )
    wall = _wall(bench, side)
    levels = side_levels(bench, side, wall)
    _say_what_is_known_of_internal(bench, side)
    internal = levels.internal | (between(lateral_presacral, head, top) - levels.external)
    anchor = bench.join(wall.surface, wall.estimated_muscle, vessels.whole, bench.barriers.sacrum)
    bench.keep(f"ln_external_iliac_{side}", levels.external, bench.around(side, "external"))
    bench.keep(f"ln_internal_iliac_{side}", internal, anchor)
    bench.keep(f"ln_obturator_{side}", levels.obturator, anchor)
    _join(bench, side, wall)


def _wall(bench: Workbench, side: str) -> PelvicWall:
    view, borders = bench.view, bench.borders
    if borders.midline is None or not view.has(f"hip_{side}"):
        bench.say(f"No {side} hip bone mask: the obturator level of that side was not made.")
        return PelvicWall(view.empty, view.empty, view.empty)
    wall = pelvic_wall(
        view,
        side,
        borders.midline,
        borders.femoral_head[side],
        bench.preset.muscle_thickness.value,
        bench.vessels[side].whole,
    )
    bench.say(
        f"Obturator internus and piriformis have no mask: on the {side} "
        f"{wall.estimated_muscle.volume_cc:.0f} cm3 along the wall are taken for muscle by their density. "
        "Check the obturator strip against them."
    )
    return wall


def _say_what_is_known_of_internal(bench: Workbench, side: str) -> None:
    internal, head = bench.vessels[side].internal, bench.borders.femoral_head[side]
    if internal.is_empty:
        bench.say(
            f"The {side} internal iliac vessels are not told apart in the masks: their level is estimated "
            "from the wall of the pelvis."
        )
    elif head is not None:
        gap = float(internal.points_lps()[:, 2].min()) - head.point_lps[2]
        if gap > bench.preset.vessel_margin.value:
            bench.say(
                f"The {side} internal iliac mask ends {gap:.0f} mm above its level's lower border: below "
                "that the level is estimated from the wall of the pelvis."
            )


def _join(bench: Workbench, side: str, wall: PelvicWall) -> None:
    """Narrow gaps between the levels of one side go to the obturator level, which is there to join them.

    Patches of the three together that are too small to be drawn are dropped.
    """
    ids = [f"ln_{stem}_{side}" for stem in JOINED]
    obturator = f"ln_obturator_{side}"
    whole = bench.join(*(bench.made[i] for i in ids))
    joined = closed_in_plane(whole, bench.preset.in_plane_closing.value)
    barrier = bench.join(bench.barriers.whole, bench.barriers.strips_only, wall.estimated_muscle)
    gained = between(
        joined - whole - barrier, bench.borders.obturator[side], bench.borders.common_iliac[side]
    )
    bench.made[obturator] = bench.made[obturator] | (gained - bench.join(*bench.made.values()))
    kept = without_islands(bench.join(*(bench.made[i] for i in ids)), ISLAND_MM2)
    for structure_id in ids:
        bench.made[structure_id] = bench.made[structure_id] & kept
