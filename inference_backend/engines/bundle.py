"""A bundle as an engine: contours from a CT alone, by the networks of a folder with a manifest.

`describe` reads the manifest and looks at the files; nothing heavy is imported until `load`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.messages import EngineInfo, GpuNeed
from inference_backend.engines.model_folder import (
    MODELS_EXTRA,
    drawn_by,
    not_in_catalogue,
    not_installed,
    require_given,
    require_loaded,
    version_with_hash,
)
from inference_backend.engines.protocol import Cancel, Progress
from inference_backend.models.bundle import Bundle, open_bundle
from inference_backend.models.manifest import MANIFEST_FILE
from inference_backend.models.store import EMBEDDED_ID, bundle_folder

if TYPE_CHECKING:
    from torch import nn

    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.calibration import Calibration
    from inference_backend.inference.devices import Runtime

DEMONSTRATION = "A demonstration trained on synthetic anatomy: not for patients."
DRAWN = 0.9  # share of the bar


class BundleEngine:
    """The bundle of an id: the embedded one, or one in the user's folder for models; or that of a folder."""

    def __init__(self, bundle_id: str, folder: Path | None = None) -> None:
        self._id = bundle_id
        self._folder = folder or bundle_folder(bundle_id)
        self._bundle: Bundle | None = None
        self._networks: list[nn.Module] = []
        self._runtime: Runtime | None = None
        self._calibration: Calibration | None = None

    def describe(self) -> EngineInfo:
        """See `Engine`. DamagedFile where there is no manifest that can be used."""
        if self._id == EMBEDDED_ID and not (self._folder / MANIFEST_FILE).exists():
            return _not_trained(self._id)
        bundle = open_bundle(self._folder)
        manifest = bundle.manifest
        reason, mend = _obstacle(self._id, bundle)
        return EngineInfo(
            id=self._id,
            title=manifest.title,
            version=version_of(bundle),
            gives=manifest.structures,
            needs_context=(),
            uses_context=(),
            licence=manifest.licence,
            intended_use=manifest.intended_use,
            devices=("cuda", "cpu"),
            memory_bytes=manifest.weight_bytes,
            available=not reason,
            reason=reason,
            mend=mend,
            size_bytes=sum(file.bytes for file in manifest.files),
            gpu=GpuNeed.USEFUL,
        )

    def load(self, device: str) -> None:
        """Checks and loads every member. DamagedFile where a file is not what the manifest says; BadSetting
        where this machine has no such device."""
        from inference_backend.inference.calibration import parse_calibration
        from inference_backend.inference.devices import runtime_on

        self._runtime = runtime_on(device)
        bundle = open_bundle(self._folder)
        self._networks = [
            bundle.network(n).to(self._runtime.device) for n in range(len(bundle.manifest.members))
        ]
        calibration = bundle.manifest.calibration
        weights = tuple(member.sha256 for member in bundle.manifest.members)
        self._calibration = parse_calibration(bundle.read(calibration), weights) if calibration else None
        self._bundle = bundle

    def unload(self) -> None:
        """Lets go of the networks."""
        self._networks = []
        self._bundle = None
        self._calibration = None
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
        from inference_backend.inference.assessment import assessed
        from inference_backend.inference.ensemble import contour_by_ensemble
        from inference_backend.inference.openvino_ask import asking_sooner
        from inference_backend.inference.pace import Pace
        from inference_backend.models.networks import side_multiple

        runtime = require_loaded(self._id, self._runtime)
        manifest = require_loaded(self._id, self._bundle).manifest
        require_given(manifest.title, manifest.structures, wanted)
        multiple = side_multiple(manifest.network.name, manifest.network.arguments)
        pace = Pace(progress, cancel)
        found = contour_by_ensemble(
            *(self._networks, manifest, multiple, ct, wanted, runtime),
            pace.part(0.0, DRAWN),
            asking_sooner,
        )
        pace.tell(DRAWN, "Estimating how much editing to expect")
        assessment = assessed(self._calibration, found, ct.geometry)
        return Contours(
            masks=drawn_by(manifest.title, manifest.version, found.masks, ct),
            spread=found.spread,
            timings_s={**found.timings_s, "expected editing": assessment.seconds},
            borders=borders_between(found.masks),
            findings=(
                *((DEMONSTRATION,) if manifest.demonstration else ()),
                *found.findings,
                *assessment.findings,
            ),
            device=runtime.device,
            expected=assessment.effort,
        )


def version_of(bundle: Bundle) -> str:
    """The manifest's version and the beginning of its hash, which covers the hash of every weight."""
    return version_with_hash(bundle.manifest.version, bundle.folder / MANIFEST_FILE)


def _obstacle(engine_id: str, bundle: Bundle) -> tuple[str, str]:
    """Why a bundle cannot run here, and the one command that mends it; empty where it can."""
    manifest = bundle.manifest
    named = (manifest.network.name, str(manifest.network.arguments.get("network", "")))
    of_monai = any(name.startswith("monai") for name in named)
    absent = not_installed(("torch", "safetensors", *(("monai",) if of_monai else ())))
    if absent:
        return absent, MODELS_EXTRA
    again = "pip install --force-reinstall 'amlart-contour[models]'"
    mend = again if engine_id == EMBEDDED_ID else f"cp -r BUNDLE {bundle.folder}"
    if manifest.id != engine_id:
        return f"Its manifest is that of {manifest.id}: the folder must have that name.", mend
    wrong = not_in_catalogue(manifest.structures) or bundle.first_missing()
    return (wrong, mend) if wrong else ("", "")


def _not_trained(engine_id: str) -> EngineInfo:
    return EngineInfo(
        id=engine_id,
        title="Demonstration ensemble",
        version="",
        gives=(),
        needs_context=(),
        uses_context=(),
        licence="Apache-2.0",
        intended_use=DEMONSTRATION,
        devices=(),
        memory_bytes=None,
        available=False,
        reason="Its weights are not part of this installation.",
        mend=f"amlart train embedded --run embedded-run --out {bundle_folder(engine_id)}",
    )
