"""Which engines of a backend can be asked to "fix here", of what, and what to say where none can."""

from __future__ import annotations

from collections.abc import Iterable

from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.structure_set import StructureSet

NONE = (
    "No engine here takes prompts. The command `amlart models add-prompted WEIGHTS --id NAME` adds one from "
    "the weights of SAM or MedSAM."
)


def usable(engines: Iterable[EngineInfo]) -> tuple[EngineInfo, ...]:
    """Those that take prompts and can run."""
    return tuple(engine for engine in engines if engine.takes_prompts and engine.available)


def why_none(engines: Iterable[EngineInfo]) -> str:
    """One sentence, with the command that mends it; empty where an engine can be asked."""
    prompted = [engine for engine in engines if engine.takes_prompts]
    if any(engine.available for engine in prompted):
        return ""
    if not prompted:
        return NONE
    first = prompted[0]
    return " ".join(filter(None, (f"{first.title} cannot be asked:", first.reason, first.mend)))


def fixable(engine: EngineInfo, structures: StructureSet) -> tuple[str, ...]:
    """Contours that this engine can put right: those of their own that it knows, never a composite."""
    return tuple(i for i in structures.ids if i in engine.gives)
