"""The nodal levels by guideline rules as an engine: no network, no weights, only organ and vessel masks that
come with the CT. One engine for each guideline preset, with that preset's own para-aortic choice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import RESOURCES, catalogue, read_json
from inference_backend.engines.protocol import Cancel, Progress

if TYPE_CHECKING:
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan

SIDED = (
    "hip",
    "femur",
    "iliac_artery",
    "iliac_vein",
    "iliopsoas",
    "gluteus_maximus",
    "gluteus_medius",
    "gluteus_minimus",
    "kidney",
)
SPINE = tuple(f"vertebra_{name}" for name in ("s1", "l5", "l4", "l3", "l2", "l1", "t12", "t11"))
ORGANS = (
    "aorta",
    "inferior_vena_cava",
    "sacrum",
    "bladder",
    "rectum",
    "anorectum",
    "sigmoid",
    "colon",
    "small_bowel",
    "duodenum",
    "uterus",
    "cervix",
    "vagina",
)
USED = (*ORGANS, *SPINE, *(f"{name}_{side}" for name in SIDED for side in ("left", "right")))


class GuidelineNodalEngine:
    """`guideline.nodal.contour_nodal` with one preset, named by its file."""

    def __init__(self, preset: str) -> None:
        self._preset = preset

    def describe(self) -> EngineInfo:
        """See `Engine`."""
        data = read_json(RESOURCES / "Guidelines" / f"{self._preset}.json")
        return EngineInfo(
            id=f"guideline-{self._preset.replace('_', '-')}",
            title=f"Nodal levels by rules ({data['title']})",
            version=str(data["version"]),
            gives=tuple(structure.id for structure in catalogue().with_role(Role.NODAL_LEVEL)),
            needs_context=(),
            uses_context=USED,
            licence="Apache-2.0",
            intended_use="Research use only. A proposal to edit, never validated clinically.",
            devices=("cpu",),
            memory_bytes=None,
            available=True,
        )

    def load(self, device: str) -> None:
        """Nothing to load: there are no weights."""

    def unload(self) -> None:
        """Nothing to let go of."""

    def contour(
        self,
        ct: CtScan,
        wanted: tuple[str, ...],
        progress: Progress,
        cancel: Cancel,
        context: StructureSet,
    ) -> Contours:
        """See `Engine`. A level that could not be made is left out, and a finding says why."""
        from AmlartContourLib.domain.contours import Contours
        from inference_backend.guideline.margins_preset import load_margins
        from inference_backend.guideline.nodal import contour_nodal

        def report(fraction: float, stage: str) -> None:
            if cancel():
                raise Cancelled("The job was cancelled.")
            progress(fraction, stage[:1].upper() + stage[1:])

        started = time.monotonic()
        found = contour_nodal(ct, context, load_margins(self._preset), report)
        return Contours(
            masks=found.structures.only(wanted),
            timings_s={"levels": round(time.monotonic() - started, 3)},
            borders=found.borders,
            findings=found.messages,
        )
