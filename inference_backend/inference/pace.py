"""Progress and cancel while windows go by: one object that every stage of an inference tells."""

from __future__ import annotations

from AmlartContourLib.contract.errors import Cancelled
from inference_backend.engines.protocol import Cancel, Progress


class Pace:
    """Tells how far an inference is, and stops it where the user asked for that.

    The fraction never falls, also where windows become more and smaller on the way.
    """

    def __init__(self, progress: Progress, cancel: Cancel) -> None:
        self._progress = progress
        self._cancel = cancel
        self._reached = 0.0

    def tell(self, fraction: float, stage: str) -> None:
        """Tells the fraction done. Raises Cancelled where the user asked to stop."""
        if self._cancel():
            raise Cancelled("The job was cancelled.")
        self._reached = max(self._reached, min(fraction, 1.0))
        self._progress(self._reached, stage)

    def part(self, low: float, high: float) -> Pace:
        """A pace whose 0 to 1 is that part of this one's."""
        return Pace(lambda fraction, stage: self.tell(low + (high - low) * fraction, stage), self._cancel)
