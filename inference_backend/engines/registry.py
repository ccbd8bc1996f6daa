"""Which engines there are and where each lives. One that cannot be imported is listed with the reason."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.messages import EngineInfo
from inference_backend.engines.protocol import Engine
from inference_backend.few_shot.description import FEW_SHOT_FILE
from inference_backend.interactive.description import INTERACTIVE_FILE
from inference_backend.models.pack import PACK_FILE
from inference_backend.models.store import (
    EMBEDDED_ID,
    bundle_folder,
    described_by,
    own_bundles,
    own_packs,
)
from inference_backend.monai_bundle.description import MONAI_FILE
from inference_backend.prompted.description import PROMPTED_FILE

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineEntry:
    """An engine's id and its place: "module:Class", or "module:Class(text)" where the class is made from a
    text. Places are written in code and never come from outside."""

    id: str
    place: str


NODAL = "inference_backend.engines.guideline_nodal:GuidelineNodalEngine"
BUNDLE = "inference_backend.engines.bundle:BundleEngine"
ADDED = {
    PACK_FILE: "inference_backend.engines.nnunet_folder:NnUNetFolderEngine",
    FEW_SHOT_FILE: "inference_backend.engines.universeg:UniverSegEngine",
    PROMPTED_FILE: "inference_backend.engines.sam:SamEngine",
    INTERACTIVE_FILE: "inference_backend.engines.nninteractive:NnInteractiveEngine",
    MONAI_FILE: "inference_backend.engines.monai_bundle:MonaiBundleEngine",
}
"""Of an added model, by the file that describes it."""
DEFAULT_ENGINE = EMBEDDED_ID
BUILT_IN = (
    EngineEntry(EMBEDDED_ID, f"{BUNDLE}({EMBEDDED_ID})"),
    EngineEntry("guideline-taylor-2005", f"{NODAL}(taylor_2005)"),
    EngineEntry("guideline-pgi", f"{NODAL}(pgi)"),
)


def listed(home: Path | None = None) -> tuple[EngineEntry, ...]:
    """The engines of this version, the default first, and the bundles and added models in a backend's folder,
    this user's own where none is given."""
    found = {entry.id: entry for entry in BUILT_IN}
    places = dict.fromkeys(own_bundles(home), BUNDLE)
    for name in own_packs(home):
        places.setdefault(name, ADDED[described_by(bundle_folder(name, home))])
    for name, place in places.items():
        found.setdefault(name, EngineEntry(name, f"{place}({name})"))
    return tuple(found.values())


@dataclass(frozen=True)
class Registry:
    """The engines that one backend offers, as they were found when it started."""

    entries: tuple[EngineEntry, ...] = field(default_factory=listed)

    def infos(self) -> tuple[EngineInfo, ...]:
        """Every engine, those that cannot run here with the reason and the command that mends it."""
        return tuple(_info(entry) for entry in self.entries)

    def info(self, engine_id: str) -> EngineInfo | None:
        """One engine, or None where there is none of that id."""
        entry = self._entry(engine_id)
        return _info(entry) if entry else None

    def place(self, engine_id: str) -> str | None:
        """Where an engine lives, for a worker."""
        entry = self._entry(engine_id)
        return entry.place if entry else None

    def _entry(self, engine_id: str) -> EngineEntry | None:
        return next((entry for entry in self.entries if entry.id == engine_id), None)


def engine_at(place: str) -> Engine:
    """A new engine from its place. ImportError or AttributeError where there is none."""
    module, _, call = place.partition(":")
    name, _, text = call.removesuffix(")").partition("(")
    kind = getattr(importlib.import_module(module), name)
    engine: Engine = kind(text) if text else kind()
    return engine


def _info(entry: EngineEntry) -> EngineInfo:
    try:
        return engine_at(entry.place).describe()
    except ImportError as error:
        library = error.name or "a library"
        return _unavailable(entry.id, f"{library} is missing or broken.", f"pip install {library}")
    except AmlartError as error:
        return _unavailable(entry.id, str(error), "amlart doctor")
    except Exception as error:  # an engine's boundary: one that is broken must not take the others away
        _tell_once(entry.id, type(error).__name__)
        LOG.debug("where", exc_info=error)
        return _unavailable(entry.id, f"It is broken ({type(error).__name__}).", "amlart doctor")


@cache
def _tell_once(engine_id: str, kind: str) -> None:
    """A backend asks for its engines every few seconds; its log must not grow by that."""
    LOG.warning("engine %s cannot be described: %s", engine_id, kind)


def _unavailable(engine_id: str, reason: str, mend: str) -> EngineInfo:
    return EngineInfo(
        id=engine_id,
        title=engine_id,
        version="",
        gives=(),
        needs_context=(),
        uses_context=(),
        licence="",
        intended_use="",
        devices=(),
        memory_bytes=None,
        available=False,
        reason=reason,
        mend=mend,
    )
