"""A few-shot model as an engine: UniverSeg shown slices of the hospital's own labelled cases.

`describe` reads few-shot.json and looks at the files; nothing heavy is imported until `load`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.messages import EngineInfo
from inference_backend.engines.expecting import calibration_of, with_expected
from inference_backend.engines.model_folder import (
    added_info,
    drawn_by,
    obstacle,
    require_given,
    require_loaded,
    require_ready,
)
from inference_backend.engines.protocol import Cancel, Progress
from inference_backend.few_shot.description import FEW_SHOT_FILE, LIBRARY, MEND, FewShot
from inference_backend.models.bundle import verified
from inference_backend.models.card import read_card
from inference_backend.models.store import bundle_folder

if TYPE_CHECKING:
    from torch import nn

    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.few_shot.examples import LabelledCube
    from inference_backend.inference.calibration import Calibration
    from inference_backend.inference.devices import Runtime

NEEDS = {LIBRARY: MEND}


class UniverSegEngine:
    """The few-shot model of an id, or that in a folder."""

    def __init__(self, model_id: str, folder: Path | None = None) -> None:
        self._id = model_id
        self._folder = folder or bundle_folder(model_id)
        self._model: FewShot | None = None
        self._network: nn.Module | None = None
        self._examples: list[LabelledCube] = []
        self._runtime: Runtime | None = None
        self._calibration: Calibration | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no few-shot.json that can be used."""
        model = read_card(FewShot, self._folder, FEW_SHOT_FILE)
        return replace(
            added_info(self._id, self._folder, FEW_SHOT_FILE, model, NEEDS), working_bytes=model.working_bytes
        )

    def load(self, device: str) -> None:
        """Checks every file and reads weights and examples. DamagedFile where one is not what few-shot.json
        says; BadSetting where this machine has no such device, the library is missing, or the licence is not
        accepted."""
        from inference_backend.few_shot.examples import read_example
        from inference_backend.few_shot.network import few_shot_network
        from inference_backend.inference.devices import runtime_on

        self._runtime = runtime_on(device)
        model = read_card(FewShot, self._folder, FEW_SHOT_FILE)
        require_ready(model.title, *obstacle(self._id, self._folder, model, NEEDS))
        self._network = few_shot_network(self._folder, model)
        self._examples = [
            read_example(verified(self._folder, example.file), example.structures)
            for example in model.examples
        ]
        self._calibration = calibration_of(self._folder, model)
        self._model = model

    def unload(self) -> None:
        """Lets go of the network and the examples."""
        self._network = self._model = self._calibration = None
        self._examples = []
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
        """See `Engine`. A structure that no example holds at the scan's heights is given as empty, and a
        finding says so."""
        from AmlartContourLib.domain.contours import Contours
        from inference_backend.few_shot.contouring import SupportLimits, contour_by_examples
        from inference_backend.inference.pace import Pace

        model, runtime = require_loaded(self._id, self._model), require_loaded(self._id, self._runtime)
        network = require_loaded(self._id, self._network)
        require_given(model.title, model.structures, wanted)
        started = time.monotonic()
        found = contour_by_examples(
            lambda on: network.to(on.device),
            self._examples,
            SupportLimits(model.support_size, model.picture_bytes),
            ct,
            wanted,
            runtime,
            Pace(progress, cancel),
        )
        drawn = Contours(
            masks=drawn_by(model.title, model.version, {one: found.masks[one] for one in wanted}, ct),
            spread=found.spread,
            timings_s={"examples": round(time.monotonic() - started, 3)},
            findings=(*model.told, *found.findings),
            device=runtime.device,
        )
        return with_expected(drawn, self._calibration, ct)
