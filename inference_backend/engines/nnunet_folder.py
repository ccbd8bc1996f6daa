"""An added model as an engine: trained nnU-Net v2 folders, whoever trained them, run on torch alone.

nnU-Net's own models, TotalSegmentator's, CADS's and a hospital's are all such folders, with other labels.
`describe` reads pack.json and looks at the files; nothing heavy is imported until `load`. At most one fold's
network is held at a time; it is read, and its hash asked for, when its turn comes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
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
from inference_backend.models.bundle import verified
from inference_backend.models.pack import PACK_FILE, Pack, Part, read_pack
from inference_backend.models.store import bundle_folder

if TYPE_CHECKING:
    from AmlartContourLib.domain.contours import Contours, Spread
    from AmlartContourLib.domain.mask import Mask
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.calibration import Calibration
    from inference_backend.inference.devices import Runtime
    from inference_backend.inference.pace import Pace
    from inference_backend.nnunet.contouring import FoldsResult, Trained


class NnUNetFolderEngine:
    """The added model of an id, or that in a folder."""

    def __init__(self, pack_id: str, folder: Path | None = None) -> None:
        self._id = pack_id
        self._folder = folder or bundle_folder(pack_id)
        self._pack: Pack | None = None
        self._trained: list[Trained] = []
        self._runtime: Runtime | None = None
        self._calibration: Calibration | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no pack.json that can be used."""
        pack = read_pack(self._folder)
        return replace(
            added_info(self._id, self._folder, PACK_FILE, pack),
            memory_bytes=max(fold.bytes for part in pack.parts for fold in part.folds),
        )

    def load(self, device: str) -> None:
        """Checks every file. DamagedFile where one is not what pack.json says; BadSetting where this machine
        has no such device, the licence is not accepted, or the plans cannot be repeated."""
        from inference_backend.inference.devices import runtime_on
        from inference_backend.models.pack_reading import trained_part

        self._runtime = runtime_on(device)
        pack = read_pack(self._folder)
        require_ready(pack.title, *obstacle(self._id, self._folder, pack))
        for file in pack.files:
            verified(self._folder, file)
        self._trained = [trained_part(self._folder, part) for part in pack.parts]
        self._calibration = calibration_of(self._folder, pack)
        self._pack = pack

    def unload(self) -> None:
        """Lets go of what was read."""
        self._trained = []
        self._pack = self._calibration = None
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
        """See `Engine`. Parts that give nothing that is wanted are not run."""
        from AmlartContourLib.domain.contours import Contours
        from inference_backend.engines.level_planes import borders_between
        from inference_backend.inference.pace import Pace

        pack, runtime = require_loaded(self._id, self._pack), require_loaded(self._id, self._runtime)
        pace = Pace(progress, cancel)
        require_given(pack.title, pack.structures, wanted)
        asked = [n for n, part in enumerate(pack.parts) if set(part.gives.values()) & set(wanted)]
        masks: dict[str, Mask] = {}
        spread: dict[str, Spread] = {}
        findings: list[str] = []
        timings: dict[str, float] = {}
        for turn, n in enumerate(asked):
            started = time.monotonic()
            share = pace.part(turn / len(asked), (turn + 1) / len(asked))
            found = self._by_part(pack.parts[n], self._trained[n], ct, wanted, share)
            masks |= {pack.parts[n].gives[label]: mask for label, mask in found.masks.items()}
            spread |= {pack.parts[n].gives[label]: shares for label, shares in found.spread.items()}
            findings += found.findings
            timings[pack.parts[n].name] = round(time.monotonic() - started, 3)
        drawn = Contours(
            masks=drawn_by(pack.title, pack.version, {one: masks[one] for one in wanted}, ct),
            spread=spread,
            timings_s=timings,
            borders=borders_between(masks),
            findings=(*pack.told, *dict.fromkeys(findings)),
            device=runtime.device,
        )
        return with_expected(drawn, self._calibration, ct)

    def _by_part(
        self, part: Part, trained: Trained, ct: CtScan, wanted: Sequence[str], pace: Pace
    ) -> FoldsResult:
        from inference_backend.inference.openvino_ask import asking_sooner
        from inference_backend.models.pack_reading import network_of
        from inference_backend.nnunet.contouring import contour_by_folds

        runtime = require_loaded(self._id, self._runtime)
        labels = [label for label, one in part.gives.items() if one in wanted]
        folds = [partial(network_of, self._folder, trained, fold) for fold in part.folds]
        return contour_by_folds(folds, trained, ct, labels, runtime, pace, asking_sooner)
