"""The nodal CTV by guideline rules: from a CT and organ masks to levels, borders and what to check.

The order is that of the recipe in docs/guideline.md: borders, levels, barriers, tidying. The result is a
proposal to edit; it was never validated clinically.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.guideline.borders import find_borders
from inference_backend.guideline.exclusions import barriers
from inference_backend.guideline.field_of_view import pelvis_in_scan
from inference_backend.guideline.levels import GREAT_VESSELS, all_levels
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.notes import about_preset, bladder_overlap, cut_by_the_scan, level_note
from inference_backend.guideline.patient_view import SIDES, PatientView
from inference_backend.guideline.vessels import iliac_vessels
from inference_backend.guideline.workbench import Workbench

PELVIC_MASKS = ("hip", "femur", "iliac_artery", "iliac_vein")


@dataclass(frozen=True, eq=False)
class NodalResult:
    """Levels on the scan's own grid, the borders between them, and sentences on everything to check."""

    structures: StructureSet
    borders: tuple[LevelBorder, ...]
    messages: tuple[str, ...]


def contour_nodal(
    scan: CtScan,
    organs: StructureSet,
    preset: GuidelineMargins,
    progress: Callable[[float, str], None] | None = None,
) -> NodalResult:
    """Nodal levels from organ and vessel masks. `progress` hears a fraction and what is being done.

    A missing mask leaves its level out, with a message. NothingToContour where there is neither a pelvis nor
    a great vessel in the masks; GeometryMismatch where CT and masks lie on different grids.
    """
    report = progress or _silent
    report(0.0, "looking for the pelvis")
    view = PatientView.of(scan, organs)
    messages = [*_pelvis_or_refusal(scan, view), *about_preset(preset)]
    report(0.05, "finding the level borders")
    borders = find_borders(view, preset)
    stops = barriers(view, preset)
    messages += borders.messages
    messages += [f"No masks of {name}: the levels could not be kept out of them." for name in stops.missing]
    vessels = {side: iliac_vessels(view, side, borders.common_iliac[side], borders.midline) for side in SIDES}
    bench = Workbench(view, borders, preset, stops, vessels, messages=messages)
    levels = all_levels(bench, report)
    if not levels:
        raise NothingToContour(
            "No nodal level could be made from these masks.",
            kept="Nothing was changed.",
            advice=" ".join(messages),
        )
    messages += [*cut_by_the_scan(view, levels), *bladder_overlap(view, levels, preset)]
    report(0.95, "putting the levels on the scan's grid")
    contours = [
        Contour(i, view.given_back(levels[i]), Source.GUIDELINE, level_note(i, preset, borders))
        for i in catalogue()
        if i in levels
    ]
    report(1.0, "nodal levels are ready")
    return NodalResult(StructureSet.of(scan.geometry, contours), borders.as_planes(), tuple(messages))


def _silent(_fraction: float, _stage: str) -> None:
    """Progress for nobody."""


def _pelvis_or_refusal(scan: CtScan, view: PatientView) -> list[str]:
    """Nothing to say where the masks show a pelvis; else what the image shows. Refuses without any vessel."""
    if any(view.has(f"{stem}_{side}") for stem in PELVIC_MASKS for side in SIDES) or view.has("sacrum"):
        return []
    finding = pelvis_in_scan(scan)
    if any(view.has(vessel) for vessel in GREAT_VESSELS):
        return [f"No mask of a pelvic bone or vessel: no pelvic level was made. The CT: {finding.evidence}"]
    what = "The masks hold neither a pelvis nor a great vessel."
    if finding.present is False:
        raise NothingToContour(
            f"This scan holds no pelvis, and there are no masks of great vessels. {finding.evidence}",
            kept="Nothing was changed.",
            advice="Choose a CT of the pelvis, or add masks of the great vessels for the para-aortic level.",
        )
    raise NothingToContour(
        f"{what} {finding.evidence}",
        kept="Nothing was changed.",
        advice="Add masks of iliac vessels, hips, femurs and sacrum, for instance a TotalSegmentator folder.",
    )
