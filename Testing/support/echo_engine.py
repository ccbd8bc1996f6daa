"""An engine for benches only: gives back the contours that came with the scan, so only their way is timed."""

from __future__ import annotations

from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.engines.protocol import Cancel, Progress


class EchoEngine:
    """Any structure of the catalogue, as it came."""

    def describe(self) -> EngineInfo:
        every = tuple(catalogue())
        return EngineInfo(
            id="echo",
            title="Echo (for benches)",
            version="1",
            gives=every,
            needs_context=(),
            uses_context=every,
            licence="Apache-2.0",
            intended_use="benches",
            devices=("cpu",),
            memory_bytes=None,
            available=True,
            reason="",
            mend="",
        )

    def load(self, device: str) -> None:
        """Nothing to load."""

    def unload(self) -> None:
        """Nothing to let go of."""

    def contour(
        self, ct: CtScan, wanted: tuple[str, ...], progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        return Contours(context.only(wanted))
