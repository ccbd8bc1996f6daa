"""What of the open case the scene does not show yet, because many contours came at once.

Only ids wait here: each is written as the case has it by then, so nothing that was overtaken reaches the
scene. Listeners are told of the change once all of it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from AmlartContourLib.session.events import Event


class Layer(Enum):
    """Which of the patient's segmentations, in the order in which they are written."""

    PARTS = auto()
    COMPOSITES = auto()
    ORIGINALS = auto()


class Backlog:
    """Ids by segmentation, and the events that wait with them."""

    def __init__(self) -> None:
        self._ids: dict[Layer, dict[str, None]] = {layer: {} for layer in Layer}
        self._events: list[Event] = []

    @property
    def is_empty(self) -> bool:
        """True where the scene shows all of the case and everybody knows."""
        return not self._events and not any(self._ids.values())

    @property
    def hidden(self) -> frozenset[str]:
        """Parts and composites that the scene does not show as they are."""
        return frozenset((*self._ids[Layer.PARTS], *self._ids[Layer.COMPOSITES]))

    def add(self, layer: Layer, ids: Iterable[str]) -> None:
        """These wait too."""
        self._ids[layer].update(dict.fromkeys(ids))

    def then(self, *events: Event) -> None:
        """What is told once nothing waits any more."""
        self._events += events

    def shown(self, layer: Layer, ids: Iterable[str]) -> None:
        """These are in the scene."""
        for structure_id in ids:
            self._ids[layer].pop(structure_id, None)

    def next(self) -> tuple[Layer, str] | None:
        """What is to be written next, or None."""
        return next(((layer, i) for layer, ids in self._ids.items() for i in ids), None)

    def told(self) -> tuple[Event, ...]:
        """The events, which wait no longer."""
        events, self._events = tuple(self._events), []
        return events

    def clear(self) -> None:
        """The case was let go: nothing waits."""
        self._events.clear()
        for ids in self._ids.values():
            ids.clear()
