"""A prompted model as an engine: SAM or MedSAM, asked by boxes round another engine's contours, or by what a
clinician points at.

`describe` reads prompted.json and looks at the files; nothing heavy is imported until `load`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.prompt import PromptKind
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
from inference_backend.models.card import read_card
from inference_backend.models.store import bundle_folder
from inference_backend.prompted.description import LIBRARY, MEND, PROMPTED_FILE, Prompted

if TYPE_CHECKING:
    from AmlartContourLib.contract.prompt import Prompt
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.mask import Mask
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.devices import Runtime
    from inference_backend.prompted.asking import Asker

NEEDS = {LIBRARY: MEND}
NOTHING = "Nothing was found where the prompt points: the contour would stay as it is."


class SamEngine:
    """The prompted model of an id, or that in a folder."""

    def __init__(self, model_id: str, folder: Path | None = None) -> None:
        self._id = model_id
        self._folder = folder or bundle_folder(model_id)
        self._model: Prompted | None = None
        self._asker: Asker | None = None
        self._runtime: Runtime | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no prompted.json that can be used."""
        model = read_card(Prompted, self._folder, PROMPTED_FILE)
        return replace(
            added_info(self._id, self._folder, PROMPTED_FILE, model, NEEDS),
            uses_context=model.gives,
            prompts=(PromptKind.BOX, PromptKind.POINT),
            working_bytes=model.working_bytes,
        )

    def load(self, device: str) -> None:
        """Checks the files and reads the weights. DamagedFile where one is not what prompted.json says;
        BadSetting where this machine has no such device, the library is missing, or the licence is not
        accepted; TooLarge where memory cannot suffice."""
        from inference_backend.inference.devices import runtime_on
        from inference_backend.prompted.asking import Asker, SamAnswerer, require_room
        from inference_backend.prompted.network import prompted_network

        self._runtime = runtime_on(device)
        model = read_card(Prompted, self._folder, PROMPTED_FILE)
        require_ready(model.title, *obstacle(self._id, self._folder, model, NEEDS))
        network = prompted_network(self._folder, model)
        if not self._runtime.on_gpu:
            require_room(model.working_bytes, model.title)
        self._asker = Asker(
            lambda runtime: SamAnswerer(network, model.look, runtime.device), self._runtime, model.look
        )
        self._model = model

    def unload(self) -> None:
        """Lets go of the network."""
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
        """See `Engine`. A structure that has no contour to take boxes from is left out, and a finding says
        so."""
        from inference_backend.inference.pace import Pace
        from inference_backend.prompted.contouring import contour_by_boxes

        model, asker = self._loaded()
        require_given(model.title, model.gives, wanted)
        started, pace = time.monotonic(), Pace(progress, cancel)
        masks = redrawn(
            wanted,
            context,
            pace,
            lambda name, given, share: contour_by_boxes(asker, ct, given, share, name),
        )
        without = [name for name in wanted if name not in masks]
        told = (f"No contour gave boxes for {', '.join(without)}: not drawn.",) if without else ()
        drawn = ("Drawn by boxes round contours that came with the scan.",) if masks else ()
        return self._result(ct, masks, time.monotonic() - started, (*drawn, *told))

    def fix(
        self, ct: CtScan, prompt: Prompt, progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        """See `PromptedEngine`."""
        from AmlartContourLib.domain.mask import Mask
        from inference_backend.inference.pace import Pace
        from inference_backend.prompted.contouring import fix_here

        model, asker = self._loaded()
        require_given(model.title, model.gives, (prompt.structure,))
        started, name = time.monotonic(), prompt.structure
        now = context.mask(name) if name in context else Mask.empty(ct.geometry)
        fixed = fix_here(asker, ct, now, prompt, Pace(progress, cancel))
        told = NOTHING
        if fixed.slices is not None:
            low, high = fixed.slices
            told = f"Put right on {high - low + 1} slices."
        return self._result(ct, {name: fixed.mask}, time.monotonic() - started, (told,))

    def _loaded(self) -> tuple[Prompted, Asker]:
        return require_loaded(self._id, self._model), require_loaded(self._id, self._asker)

    def _result(
        self, ct: CtScan, masks: dict[str, Mask], seconds: float, findings: tuple[str, ...]
    ) -> Contours:
        model, asker = self._loaded()
        told = (*asker.findings, *findings)
        asker.findings.clear()
        return drawn_by_prompts(model, ct, masks, seconds, told, asker.runtime.device)
