"""An interactive model as an engine: nnInteractive, asked by points, boxes, scribbles and lassos in space.

Its session is the library's own, in the worker's process or on a server. `describe` reads interactive.json
and looks at the files; nothing heavy is imported until `load`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.messages import EngineInfo, GpuNeed
from inference_backend.engines.model_folder import (
    added_info,
    drawn_by_prompts,
    obstacle,
    redrawn,
    require_given,
    require_loaded,
    require_ready,
)
from inference_backend.engines.protocol import Cancel, Progress
from inference_backend.interactive.description import INTERACTIVE_FILE, Interactive
from inference_backend.models.bundle import verified
from inference_backend.models.card import read_card
from inference_backend.models.store import bundle_folder

if TYPE_CHECKING:
    from AmlartContourLib.contract.prompt import Prompt
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.mask import Mask
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.devices import Runtime
    from inference_backend.interactive.asking import SessionAsker

ON_SERVER = "Asked of the nnInteractive server {}."


class NnInteractiveEngine:
    """The interactive model of an id, or that in a folder."""

    def __init__(self, model_id: str, folder: Path | None = None) -> None:
        self._id = model_id
        self._folder = folder or bundle_folder(model_id)
        self._model: Interactive | None = None
        self._asker: SessionAsker | None = None
        self._runtime: Runtime | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no interactive.json that can be used."""
        model = read_card(Interactive, self._folder, INTERACTIVE_FILE)
        return replace(
            added_info(self._id, self._folder, INTERACTIVE_FILE, model, model.needs),
            uses_context=model.gives,
            prompts=model.prompts,
            gpu=GpuNeed.NOT_USED if model.folder is None else GpuNeed.ADVISED,
        )

    def load(self, device: str) -> None:
        """Checks the files and reads the weights, or asks the server for a session. DamagedFile where a file
        is not what interactive.json says; BadSetting where this machine has no such device, the library is
        missing, the licence is not accepted or the server refuses the key; JobFailed where it does not
        answer."""
        from inference_backend.inference.devices import runtime_on
        from inference_backend.interactive.asking import SessionAsker

        self._runtime = runtime_on(device)
        model = read_card(Interactive, self._folder, INTERACTIVE_FILE)
        require_ready(model.title, *obstacle(self._id, self._folder, model, model.needs))
        for file in model.files:
            verified(self._folder, file)
        self._asker = SessionAsker(self._folder, model, self._runtime)
        self._model = model

    def unload(self) -> None:
        """Ends the session and lets go of the network."""
        if self._asker is not None:
            self._asker.end()
        self._asker = self._model = None
        if self._runtime is not None:
            self._runtime.give_back()

    def contour(
        self,
        ct: CtScan,
        wanted: tuple[str, ...],
        progress: Progress,
        cancel: Cancel,
        context: StructureSet,
    ) -> Contours:
        """See `Engine`. Contours that came with the scan are looked at again; a structure without one is left
        out, and a finding says so."""
        from inference_backend.inference.pace import Pace
        from inference_backend.interactive.fixing import refined

        model, asker = self._loaded()
        require_given(model.title, model.gives, wanted)
        started, pace = time.monotonic(), Pace(progress, cancel)

        def again(name: str, given: Mask, share: Pace) -> Mask:
            question = partial(refined, ct=ct, given=given, pace=share, name=name)
            return asker.ask(question, ct.hu_kji.size, share)

        masks = redrawn(wanted, context, pace, again)
        without = [name for name in wanted if name not in masks]
        told = (f"No contour of {', '.join(without)} came with the scan: not drawn.",) if without else ()
        drawn = ("Refined from contours that came with the scan.",) if masks else ()
        return self._result(ct, masks, time.monotonic() - started, (*drawn, *told))

    def fix(
        self, ct: CtScan, prompt: Prompt, progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        """See `PromptedEngine`."""
        from AmlartContourLib.domain.mask import Mask
        from inference_backend.inference.pace import Pace
        from inference_backend.interactive.fixing import fix_here

        model, asker = self._loaded()
        require_given(model.title, model.gives, (prompt.structure,))
        started, name, pace = time.monotonic(), prompt.structure, Pace(progress, cancel)
        now = context.mask(name) if name in context else Mask.empty(ct.geometry)
        put_right = partial(fix_here, ct=ct, now=now, prompt=prompt, pace=pace)
        mask = asker.ask(put_right, ct.hu_kji.size, pace)
        return self._result(ct, {name: mask}, time.monotonic() - started, ())

    def _loaded(self) -> tuple[Interactive, SessionAsker]:
        return require_loaded(self._id, self._model), require_loaded(self._id, self._asker)

    def _result(
        self, ct: CtScan, masks: dict[str, Mask], seconds: float, findings: tuple[str, ...]
    ) -> Contours:
        model, asker = self._loaded()
        server = (ON_SERVER.format(model.server),) if model.server else ()
        told = (*server, *asker.findings, *findings)
        asker.findings.clear()
        return drawn_by_prompts(model, ct, masks, seconds, told, asker.where)
