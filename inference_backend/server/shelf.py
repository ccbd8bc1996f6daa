"""The engines that a worker keeps loaded: the least recently used go when the memory is needed."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from inference_backend.engines.protocol import Engine
from inference_backend.engines.registry import engine_at

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A loaded engine, as it described itself when it was loaded: its files may change or go later."""

    engine: Engine
    id: str
    version: str
    memory_bytes: int


class Shelf:
    """Loaded engines on one device, within a budget of memory.

    What an engine takes is what its description says or what the process grew by, whichever is more. One
    engine is always allowed, however large: whether it fits is for the machine to say.
    """

    def __init__(self, device: str, budget_bytes: int, make: Callable[[str], Engine] = engine_at) -> None:
        self._device = device
        self._budget_bytes = budget_bytes
        self._make = make
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Ids of the engines kept, the least recently used first."""
        return tuple(kept.id for kept in self._kept.values())

    def take(self, place: str) -> Kept:
        """The engine of a place, loaded; loaded again where its version has changed since, as that of a
        bundle does whose folder was replaced. After a MemoryError all others go and it is tried once more."""
        kept = self._kept.get(place)
        engine = kept.engine if kept else self._make(place)
        info = engine.describe()
        if kept is not None and kept.version == info.version:
            self._kept.move_to_end(place)
            return kept
        if kept is not None:
            self._let_go(place)
        wanted = info.memory_bytes or 0
        while self._kept and self._taken() + wanted > self._budget_bytes:
            self._let_go(self._oldest())
        try:
            grown = self._load(engine)
        except MemoryError:
            engine.unload()
            while self._kept:
                self._let_go(self._oldest())
            grown = self._load(engine)
        self._kept[place] = kept = Kept(engine, info.id, info.version, max(wanted, grown))
        while len(self._kept) > 1 and self._taken() > self._budget_bytes:
            self._let_go(self._oldest())
        return kept

    def _load(self, engine: Engine) -> int:
        before = psutil.Process().memory_info().rss
        engine.load(self._device)
        return max(int(psutil.Process().memory_info().rss) - int(before), 0)

    def _taken(self) -> int:
        return sum(kept.memory_bytes for kept in self._kept.values())

    def _oldest(self) -> str:
        return next(iter(self._kept))

    def _let_go(self, place: str) -> None:
        LOG.info("letting go of %s", place)
        self._kept.pop(place).engine.unload()
        gc.collect()
