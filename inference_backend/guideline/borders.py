"""All level borders of one patient, each with its evidence, and sentences on what had to be guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from inference_backend.guideline.bone_borders import femoral_head_border, midline_border, obturator_border
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.patient_view import SIDES, PatientView
from inference_backend.guideline.sacral_arc import SacralArc, sacral_arc
from inference_backend.guideline.vessel_borders import (
    aortic_bifurcation,
    common_iliac_bifurcation,
    para_aortic_top,
)


@dataclass(frozen=True, eq=False)
class Borders:
    """The borders found; None where nothing shows one. Mappings are by side."""

    midline: LevelBorder | None
    para_aortic_top: LevelBorder | None
    aortic: LevelBorder | None
    common_iliac: Mapping[str, LevelBorder | None]
    femoral_head: Mapping[str, LevelBorder | None]
    obturator: Mapping[str, LevelBorder | None]
    sacrum: SacralArc | None
    messages: tuple[str, ...]

    def as_planes(self) -> tuple[LevelBorder, ...]:
        """One of each kind, from above downwards: what is shown and can be moved."""
        bottoms = sorted((b for b in self.obturator.values() if b), key=lambda b: b.point_lps[2])
        planes = [
            self.para_aortic_top,
            self.aortic,
            *self.common_iliac.values(),
            self.sacrum.border_after(2) if self.sacrum else None,
            *self.femoral_head.values(),
            bottoms[0] if bottoms else None,
            self.midline,
        ]
        return tuple(plane for plane in planes if plane)


def find_borders(view: PatientView, preset: GuidelineMargins) -> Borders:
    """Every border that the masks show, or a fallback marked estimated. Never raises for what is missing."""
    messages: list[str] = []
    tolerance = preset.border_tolerance.value
    midline = midline_border(view)
    aortic = aortic_bifurcation(view, tolerance, messages)
    top = para_aortic_top(view, tolerance, messages)
    common = {side: common_iliac_bifurcation(view, side, tolerance, messages) for side in SIDES}
    heads = {side: femoral_head_border(view, side, messages) for side in SIDES}
    foramina = {side: obturator_border(view, side, heads[side], messages) for side in SIDES}
    arc = sacral_arc(view, midline) if midline else None
    if arc and arc.cut:
        messages.append(
            "The sacrum is cut by the lower end of the scan: its vertebrae are told apart poorly."
        )
    for border in (top, aortic):
        if border and not _inside(view, border):
            messages.append(f"The {border.kind.value} lies outside the scan.")
    return Borders(midline, top, aortic, common, heads, foramina, arc, tuple(messages))


def _inside(view: PatientView, border: LevelBorder) -> bool:
    k = float(view.geometry.lps_to_index(border.point_lps)[2])
    return border.kind is BorderKind.MIDLINE or -0.5 <= k <= view.top_k + 0.5
