"""Whether a station answers. Its process may live and yet hang, which nothing else would tell the page.

Belongs to the door's event loop. A station that works for some seconds on one thing is not silent yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

EVERY_S = 3.0
SILENT_S = 30.0  # opening a large CT took a station on a loaded machine (load 8) more than 12 s (observed)


class Pulse:
    """One station's. `ask` asks it for something small and waits for the answer."""

    def __init__(
        self, ask: Callable[[], Awaitable[object]], every_s: float = EVERY_S, silent_s: float = SILENT_S
    ) -> None:
        self._ask = ask
        self._every_s, self._silent_s = every_s, silent_s
        self._asking: asyncio.Future[object] | None = None
        self._asked_s = self._answered_s = _now_s()

    def silent(self) -> bool:
        """True where the last answer is longer ago than is usual. Asks again where it is time."""
        if self._asking is not None and self._asking.done():
            if not self._asking.cancelled() and self._asking.exception() is None:
                self._answered_s = _now_s()
            self._asking = None
        if self._asking is None and _now_s() - self._asked_s >= self._every_s:
            self._asked_s = _now_s()
            self._asking = asyncio.ensure_future(self._ask())
        waited = self._asking is not None and self._asked_s > self._answered_s
        return waited and _now_s() - self._answered_s >= self._silent_s

    def end(self) -> None:
        """Asks no more."""
        if self._asking is not None:
            self._asking.cancel()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
