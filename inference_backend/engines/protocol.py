"""What every engine is to the backend: it describes itself, loads, contours, and lets go of its memory.

`describe` and the module that holds an engine import nothing heavy: the process that serves HTTP calls it.
Whatever is heavy is imported in `load` or `contour`, which only a worker process calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from AmlartContourLib.contract.messages import EngineInfo

if TYPE_CHECKING:
    from AmlartContourLib.contract.prompt import Prompt
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.domain.structure_set import StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan

Progress = Callable[[float, str], None]
"""Takes the fraction done (0 to 1, never falling) and the name of the stage, in words for the user."""

Cancel = Callable[[], bool]
"""True as soon as the user asked to stop. Ask it before every tile and raise `Cancelled`."""


class Engine(Protocol):
    """One way to contour. Made once in each worker and for each description; calls never overlap."""

    def describe(self) -> EngineInfo:
        """What it gives, needs and costs, and whether it can run on this machine, with the reason if not."""

    def load(self, device: str) -> None:
        """Takes its memory on a device: "cpu", "cuda:0". Called once before `contour`."""

    def unload(self) -> None:
        """Gives the memory back, also after a `load` that failed; `load` may follow."""

    def contour(
        self,
        ct: CtScan,
        wanted: tuple[str, ...],
        progress: Progress,
        cancel: Cancel,
        context: StructureSet,
    ) -> Contours:
        """The wanted structures (catalogue ids it gives) on the CT's geometry. An empty one is normal.

        `context`: contours that came with the CT, on the same geometry. Raises Cancelled soon after `cancel`
        turns true, and any other AmlartError with words for the user.
        """


@runtime_checkable
class PromptedEngine(Engine, Protocol):
    """An engine that puts one contour right where a clinician points."""

    def fix(
        self, ct: CtScan, prompt: Prompt, progress: Progress, cancel: Cancel, context: StructureSet
    ) -> Contours:
        """The prompt's structure alone, as it would be; outside the prompt's region as in `context`, where an
        absent contour is an empty one. Raises what `contour` raises."""
