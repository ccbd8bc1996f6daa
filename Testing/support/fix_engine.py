"""An engine that takes prompts and answers by a known rule: the whole region belongs, if the prompt has a
point that belongs, and nothing of it if it has none. "strays" also changes a voxel beyond the region."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.prompt import Prompt, PromptKind
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.engines.protocol import Cancel, Progress
from support.echo_engine import EchoEngine


class FixEngine(EchoEngine):
    """`way`: fills, strays, or waits until it is cancelled."""

    def __init__(self, way: str) -> None:
        self._way = way

    def describe(self) -> EngineInfo:
        echo = super().describe()
        told = {"title": "Fixes (for tests)", "intended_use": "tests"}
        return replace(echo, id=f"fix-{self._way}", prompts=tuple(PromptKind), **told)

    def fix(
        self, ct: CtScan, prompt: Prompt, progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        while self._way == "waits":
            progress(0.5, "waiting")
            if cancel():
                raise Cancelled("The job was cancelled.")
            time.sleep(0.02)
        assert context.ids == (prompt.structure,), "an engine is given the one contour and no other"
        now = context.mask(prompt.structure).to_array()
        region = prompt.region
        inside = tuple(slice(a, b) for a, b in zip(region.start_kji, region.stop_kji, strict=True))
        now[inside] = bool(prompt.inside_kji)
        if self._way == "strays":
            now[np.unravel_index(0, now.shape)] ^= True
        made = Contour(prompt.structure, Mask.from_array(now, ct.geometry), Source.MODEL)
        return Contours(StructureSet.of(ct.geometry, [made]), findings=("By a rule.",))
