"""What engines that run a folder of weights have in common: its version, and why it cannot run or give."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import EngineInfo, GpuNeed
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.added import Added
from inference_backend.models.bundle import first_missing
from inference_backend.models.licences import accepted

if TYPE_CHECKING:
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.mask import Mask
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.pace import Pace

MODELS_EXTRA = "pip install 'amlart-contour[models]'"
NOTE = "by {} {}"
"""Title and version, beside every contour."""
NOT_ACCEPTED = "Its licence has not been accepted: {}."
T = TypeVar("T")


def version_with_hash(version: str, described_by: Path) -> str:
    """The version and the beginning of the hash of the file that holds the hash of every weight."""
    return f"{version}+{hashlib.sha256(described_by.read_bytes()).hexdigest()[:12]}"


def not_installed(libraries: Iterable[str]) -> str:
    """Which of the libraries is missing, in words; empty where none is."""
    missing = (f"{name.partition('.')[0]} is not installed." for name in libraries if not _is_there(name))
    return next(missing, "")


def not_in_catalogue(structures: Iterable[str]) -> str:
    """Which structures the catalogue does not have, in words; empty where it has all."""
    unlisted = [name for name in structures if name not in catalogue()]
    return f"The catalogue has no {', '.join(unlisted)}." if unlisted else ""


def require_given(title: str, given: Sequence[str], wanted: Iterable[str]) -> None:
    """BadSetting for a structure that the model does not give."""
    unknown = [name for name in wanted if name not in given]
    if unknown:
        raise BadSetting(
            f"{title} does not give {', '.join(unknown)}.", advice=f"It gives {', '.join(given)}."
        )


def obstacle(
    engine_id: str, folder: Path, model: Added, libraries: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Why an added model cannot run here, and the one command that mends it; empty where it can.

    `libraries`: what it needs beside torch, with the command that installs each.
    """
    needed = {"torch": MODELS_EXTRA, "safetensors": MODELS_EXTRA, **(libraries or {})}
    for library, mend in needed.items():
        if absent := not_installed((library,)):
            return absent, mend
    again = f"amlart models remove {engine_id}"
    if model.id != engine_id:
        return f"Its description is that of {model.id}: the folder must have that name.", again
    wrong = not_in_catalogue(model.structures) or first_missing(folder, model.files)
    if wrong:
        return wrong, again
    if accepted(folder) is None:
        return NOT_ACCEPTED.format(model.licence), f"amlart models accept {engine_id}"
    return "", ""


def added_info(
    engine_id: str, folder: Path, described_by: str, model: Added, libraries: Mapping[str, str] | None = None
) -> EngineInfo:
    """What every added model says of itself; `described_by` is the file that holds the hash of every weight,
    `libraries` as for `obstacle`."""
    reason, mend = obstacle(engine_id, folder, model, libraries)
    return EngineInfo(
        id=engine_id,
        title=model.title,
        version=version_with_hash(model.version, folder / described_by),
        gives=model.structures,
        needs_context=(),
        uses_context=(),
        licence=model.terms,
        intended_use=model.intended_use,
        devices=("cuda", "cpu"),
        memory_bytes=model.weight_bytes,
        available=not reason,
        reason=reason,
        mend=mend,
        size_bytes=model.weight_bytes,
        gpu=GpuNeed.ADVISED,
    )


def require_loaded(engine_id: str, part: T | None) -> T:
    """What an engine's `load` made. BadSetting before that and after `unload`."""
    if part is None:
        raise BadSetting(f"The engine {engine_id} is not loaded.")
    return part


def require_ready(title: str, reason: str, mend: str) -> None:
    """BadSetting where there is a reason why a model cannot run."""
    if reason:
        raise BadSetting(f"{title} cannot run. {reason}", advice=f"Mend it with: {mend}")


def drawn_by(title: str, version: str, masks: Mapping[str, Mask], ct: CtScan) -> StructureSet:
    """The masks as contours that tell which model drew them, in their order."""
    from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet

    note = NOTE.format(title, version)
    return StructureSet.of(
        ct.geometry, [Contour(name, mask, Source.MODEL, note) for name, mask in masks.items()]
    )


def redrawn(
    wanted: Sequence[str], context: StructureSet, pace: Pace, redraw: Callable[[str, Mask, Pace], Mask]
) -> dict[str, Mask]:
    """Each wanted structure that came with the scan, drawn anew from that contour.

    `redraw` takes the structure, its contour and its part of the progress.
    """
    there = [name for name in wanted if context.has(name)]
    return {
        name: redraw(name, context.mask(name), pace.part(n / len(there), (n + 1) / len(there)))
        for n, name in enumerate(there)
    }


def drawn_by_prompts(
    model: Added, ct: CtScan, masks: Mapping[str, Mask], seconds: float, findings: Sequence[str], device: str
) -> Contours:
    """What a model gives that is asked by prompts. It has no spread, so no editing is estimated."""
    from AmlartContourLib.domain.contours import Contours
    from inference_backend.inference.assessment import NOT_CALIBRATED

    return Contours(
        masks=drawn_by(model.title, model.version, masks, ct),
        timings_s={"prompts": round(seconds, 3)},
        findings=(*model.told, *findings, NOT_CALIBRATED),
        device=device,
    )


def _is_there(module: str) -> bool:
    """True where a module can be imported. It is not; packages above it are."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
