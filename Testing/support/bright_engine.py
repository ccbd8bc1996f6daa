"""An engine that calls the bladder all that is brighter than a HU: two of them differ as engines do."""

from __future__ import annotations

from dataclasses import replace

from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.engines.protocol import Cancel, Progress
from support.echo_engine import EchoEngine


class BrightEngine(EchoEngine):
    """`above_hu`: voxels beyond it belong."""

    def __init__(self, above_hu: str) -> None:
        self._above_hu = int(above_hu)

    def describe(self) -> EngineInfo:
        told = {"title": f"Bright above {self._above_hu} HU (for tests)", "intended_use": "tests"}
        return replace(
            super().describe(), id=f"bright-{self._above_hu}", gives=("bladder",), uses_context=(), **told
        )

    def contour(
        self, ct: CtScan, wanted: tuple[str, ...], progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        bright = Mask.from_array(ct.hu_kji > self._above_hu, ct.geometry)
        return Contours(StructureSet.of(ct.geometry, [Contour("bladder", bright, Source.MODEL)]))
