"""Work beside the window: one thread for each piece, whose end is taken by `poll` on the window's thread.

Nothing that runs here may touch Qt or MRML.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from AmlartContourLib.contract.errors import AmlartError

LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class _Ended:
    result: Any
    error: AmlartError | None
    then: Callable[[Any], None]
    failed: Callable[[AmlartError], None]


class Background:
    """Pieces of work under way. `run`, `poll` and `close` belong to the window's thread."""

    def __init__(self) -> None:
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = True

    def run(
        self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[AmlartError], None]
    ) -> None:
        """Runs `work` on a thread; `then` or `failed` are called by a later `poll`."""
        thread = threading.Thread(target=self._work, args=(work, then, failed), name="amlart", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def poll(self) -> None:
        """Hands over what has ended."""
        while self._open:
            try:
                ended = self._ended.get_nowait()
            except queue.Empty:
                return
            if ended.error is not None:
                ended.failed(ended.error)
            else:
                ended.then(ended.result)

    def close(self, wait_s: float = 3.0) -> None:
        """Nothing is handed over any more; waits a moment for threads to end."""
        self._open = False
        for thread in self._threads:
            thread.join(wait_s)

    def _work(
        self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[AmlartError], None]
    ) -> None:
        try:
            self._ended.put(_Ended(work(), None, then, failed))
        except AmlartError as error:
            self._ended.put(_Ended(None, error, then, failed))
        except Exception as error:  # the thread's boundary
            LOG.error("work beside the window failed: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            words = AmlartError(f"Something unexpected happened ({type(error).__name__}).")
            self._ended.put(_Ended(None, words, then, failed))
