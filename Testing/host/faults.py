"""What Slicer would swallow, kept so that a test can fail on it."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Faults:
    """`found` holds one line for each fault; `dialogs` the titles of modal dialogs that were cancelled."""

    found: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def say(self, kind: str, text: str) -> None:
        """Records a fault."""
        self.found.append(f"{kind}: {text}")

    def exception(self, kind: str, error: BaseException) -> None:
        """Records an exception that the real application prints and forgets."""
        self.say(kind, "".join(traceback.format_exception(error)))

    def hook(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        """In place of `sys.excepthook`, where VTK sends what an observer raises."""
        self.exception("observer", error.with_traceback(where) if isinstance(error, kind) else error)

    def clear(self) -> None:
        """Forgets all of it."""
        self.found.clear()
        self.dialogs.clear()


FAULTS = Faults()


def watch_observers() -> None:
    """From now on, exceptions in VTK observers are faults."""
    sys.excepthook = FAULTS.hook
