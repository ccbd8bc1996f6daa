"""Contours that came from the backend are worked into the open case beside the window.

Merging them with what is there, composing the targets and finding the slices that differ takes a tenth of
a second and more. All of it is worked out from immutable values on a thread; the case then takes it over
at once, and only if it is still the one that it was worked out from.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.rules import check_labels
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.session.arrival import Arrival, arrive
from AmlartContourLib.session.basis import Basis, Outcome
from AmlartContourLib.session.case import Case

MOST_TRIES = 3  # then the window waits for it: a hand that never rests would keep contours away


@dataclass(frozen=True, eq=False)
class WorkedIn:
    """Contours and what they lead to in a case. `originals` are those it had then."""

    contours: Contours
    originals: StructureSet
    arrival: Arrival
    outcome: Outcome
    findings: tuple[str, ...]

    def is_of(self, case: Case) -> bool:
        """True while the case is as it was when this was worked out."""
        return self.outcome.before is case.basis and self.originals is case.originals


class Arriving:
    """Contours on their way into a case."""

    def __init__(self, contours: Contours, case: Case) -> None:
        self.contours = contours
        self._tries = 0
        self._future: Future[WorkedIn]
        self.begin(case)

    def begin(self, case: Case) -> None:
        """Works them out, from the case as it is now, on a thread that ends with it."""
        self._tries += 1
        pool = ThreadPoolExecutor(1, "arriving")
        self._future = pool.submit(work_in, self.contours, case.basis, case.originals, case.catalogue)
        pool.shutdown(wait=False)

    @property
    def is_worked_out(self) -> bool:
        """True once `result` has an answer."""
        return self._future.done()

    @property
    def may_try_again(self) -> bool:
        """False after so many tries that the next one is not to be overtaken."""
        return self._tries < MOST_TRIES

    def result(self) -> WorkedIn:
        """What they lead to; raises what stood in the way. Waits where it is not worked out yet."""
        return self._future.result()


def work_in(contours: Contours, basis: Basis, originals: StructureSet, catalogue: Catalogue) -> WorkedIn:
    """Contours merged and composed. On any thread. GeometryMismatch where they lie on another grid."""
    basis.drawn.structures.geometry.require_same(contours.masks.geometry, "The set of contours")
    arrival = arrive(basis.drawn, originals, contours, catalogue)
    outcome = basis.drawing(arrival.drawn)
    return WorkedIn(contours, originals, arrival, outcome, _findings(contours, arrival.kept))


def _findings(contours: Contours, kept: tuple[str, ...]) -> tuple[str, ...]:
    stayed = (f"Kept as they were, by hand or from a file: {', '.join(kept)}.",) if kept else ()
    return (*contours.findings, *(message.text for message in check_labels(contours.masks)), *stayed)
