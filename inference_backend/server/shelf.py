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
class _Kept:
    engine: Engine
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
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Ids of the engines kept, the least recently used first."""
        return tuple(kept.engine.describe().id for kept in self._kept.values())

    def take(self, place: str) -> Engine:
        """The engine of a place, loaded. After a MemoryError all others go and it is tried once more."""
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place].engine
        engine = self._make(place)
        wanted = engine.describe().memory_bytes or 0
        while self._kept and self._taken() + wanted > self._budget_bytes:
            self._let_go()
        try:
            grown = self._load(engine)
        except MemoryError:
            engine.unload()
            while self._kept:
                self._let_go()
            grown = self._load(engine)
        self._kept[place] = _Kept(engine, max(wanted, grown))
        while len(self._kept) > 1 and self._taken() > self._budget_bytes:
            self._let_go()
        return engine

    def _load(self, engine: Engine) -> int:
        before = psutil.Process().memory_info().rss
        engine.load(self._device)
        return max(int(psutil.Process().memory_info().rss) - int(before), 0)

    def _taken(self) -> int:
        return sum(kept.memory_bytes for kept in self._kept.values())

    def _let_go(self) -> None:
        place, kept = self._kept.popitem(last=False)
        LOG.info("letting go of %s", place)
        kept.engine.unload()
        gc.collect()
