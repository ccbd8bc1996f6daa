"""A MONAI bundle that was added as an engine: SegResNet, SwinUNETR, UNet or VISTA3D asked for its classes.

`describe` reads monai.json and looks at the files; nothing heavy is imported until `load`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.messages import EngineInfo
from inference_backend.engines.model_folder import (
    MODELS_EXTRA,
    added_info,
    drawn_by,
    obstacle,
    require_given,
    require_loaded,
    require_ready,
)
from inference_backend.engines.protocol import Cancel, Progress
from inference_backend.models.bundle import Bundle, verified
from inference_backend.models.card import read_card
from inference_backend.models.store import bundle_folder
from inference_backend.monai_bundle.description import MONAI_FILE, WHOLE_RANGE_HU, MonaiModel

if TYPE_CHECKING:
    from torch import nn

    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.devices import Runtime

NEEDS = {"monai": MODELS_EXTRA}


class MonaiBundleEngine:
    """The MONAI bundle of an id, or that in a folder."""

    def __init__(self, model_id: str, folder: Path | None = None) -> None:
        self._id = model_id
        self._folder = folder or bundle_folder(model_id)
        self._model: MonaiModel | None = None
        self._network: nn.Module | None = None
        self._runtime: Runtime | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no monai.json that can be used."""
        model = read_card(MonaiModel, self._folder, MONAI_FILE)
        return added_info(self._id, self._folder, MONAI_FILE, model, NEEDS)

    def load(self, device: str) -> None:
        """Checks the files and reads the weights. DamagedFile where one is not what monai.json says;
        BadSetting where this machine has no such device, the library is missing, or the licence is not
        accepted."""
        from inference_backend.inference.devices import runtime_on

        self._runtime = runtime_on(device)
        model = read_card(MonaiModel, self._folder, MONAI_FILE)
        require_ready(model.title, *obstacle(self._id, self._folder, model, NEEDS))
        for file in model.files:
            verified(self._folder, file)
        self._network = Bundle(self._folder, model.manifest()).network(0).to(self._runtime.device)
        self._model = model

    def unload(self) -> None:
        """Lets go of the network."""
        self._network = self._model = None
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
        """See `Engine`. An empty structure is given as such: the network found none."""
        from AmlartContourLib.domain.contours import Contours
        from inference_backend.engines.level_planes import borders_between
        from inference_backend.inference.assessment import NOT_CALIBRATED
        from inference_backend.inference.ensemble import contour_by_ensemble
        from inference_backend.inference.pace import Pace
        from inference_backend.models.networks import side_multiple

        model, runtime = require_loaded(self._id, self._model), require_loaded(self._id, self._runtime)
        network = require_loaded(self._id, self._network)
        require_given(model.title, model.structures, wanted)
        manifest = model.manifest(_range_of(ct))
        multiple = side_multiple(model.network.name, model.network.arguments)
        found = contour_by_ensemble(
            [network], manifest, multiple, ct, wanted, runtime, Pace(progress, cancel)
        )
        return Contours(
            masks=drawn_by(model.title, model.version, found.masks, ct),
            timings_s=found.timings_s,
            borders=borders_between(found.masks),
            findings=(*model.told, *found.findings, NOT_CALIBRATED),
            device=runtime.device,
        )


def _range_of(ct: CtScan) -> tuple[float, float]:
    """The scan's least and largest HU, as far as a window may reach."""
    least, most = WHOLE_RANGE_HU
    low, high = max(float(ct.hu_kji.min()), least), min(float(ct.hu_kji.max()), most)
    return low, max(high, low + 1.0)
