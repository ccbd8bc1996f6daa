"""What panels have in common: triggers of the page by name, and what each refreshes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from AmlartContourLib.session.events import Event


class Panel(Protocol):
    """One panel of the page. It guards, delegates to the session and refreshes; it decides nothing."""

    def start_state(self) -> Mapping[str, Any]:
        """What its template reads, before anything happened."""

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """What the page may call, by name."""

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """Values that the page sets by itself, and what to do with each new value."""

    def heard(self, event: Event) -> bool:
        """Whether `refresh` is due after an event of the session."""

    def refresh(self) -> None:
        """Shows what is so now."""
