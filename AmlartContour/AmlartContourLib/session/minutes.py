"""Minutes of editing to expect of the open patient, from the edit log of patients that were approved here.

Only patients count whose contours came from the same engine in the same version, with an expected path, and
that a person approved: their editing ended. The log is read beside the window, once somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from AmlartContourLib.contract.effort import ExpectedEffort, Interval
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.measures.minutes import LEAST_CASES, EditedCase, MinutesFit
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import ChoicesChanged, Event, PatientClosed
from AmlartContourLib.session.record import first_engine
from AmlartContourLib.session.store import SessionStore

READING = "The edit log is being read."
NOT_ONE = "the contours that came are not one engine's"
NO_PATH = "the engine gave no estimate for this patient"
TOO_FEW = (
    "the edit log kept here holds {n} of at least {least} approved patients with contours of this engine"
)
BEYOND = "{more} editing is expected than in any of the {n} approved patients of the edit log kept here"
NONE = "Minutes are not shown: {why}."
SAID = (
    "About {about} min of editing expected, {low} to {high} in four of five: from the edit log kept here, of "
    "{n} approved patients."
)


@dataclass(frozen=True)
class Foretold:
    """`minutes` of active editing to expect, or None. `text`: both in words, or why there are none."""

    minutes: Interval | None
    text: str


@dataclass(frozen=True)
class _Log:
    """By engine: how many patients there are, and the fit where they are enough."""

    cases: Mapping[Engine, int]
    fits: Mapping[Engine, MinutesFit]


class Minutes:
    """Reads the log of a store's patients, but for the open one, and foretells."""

    def __init__(self, core: Core, store: SessionStore) -> None:
        self._core = core
        self._store = store
        self._log: _Log | None = None
        self._future: Future[_Log] | None = None
        core.subscribe(self._heard)

    def foretold(self) -> Foretold:
        """For the open patient as her contours came; edits do not change it."""
        record, log = self._core.case.record, self._log
        engine, path_mm = first_engine(record), _expected_path_mm(record.expected)
        if engine is None:
            return _none(NOT_ONE if record.engines else NO_PATH)
        if path_mm is None:
            return _none(NO_PATH)
        if log is None:
            self._begin()
            return Foretold(None, READING)
        fit = log.fits.get(engine)
        if fit is None:
            return _none(TOO_FEW.format(n=log.cases.get(engine, 0), least=LEAST_CASES))
        minutes = fit.minutes(path_mm)
        if minutes is None:
            more = "more" if path_mm > fit.most_mm else "less"
            return _none(BEYOND.format(more=more, n=fit.cases))
        about, low, high = (_short(m) for m in (minutes.expected, minutes.low, minutes.high))
        return Foretold(minutes, SAID.format(about=about, low=low, high=high, n=fit.cases))

    def poll(self) -> None:
        """Takes the log once it was read."""
        if self._future is not None and self._future.done():
            done, self._future = self._future, None
            self._log = done.result()
            self._core.tell(ChoicesChanged())

    def _heard(self, event: Event) -> None:
        if isinstance(event, PatientClosed):
            self._log = self._future = None

    def _begin(self) -> None:
        """Reads, where that is not being done already."""
        if self._future is None:
            pool = ThreadPoolExecutor(1, "edit-log")
            self._future = pool.submit(_read, self._store, self._core.case.patient.key)
            pool.shutdown(wait=False)


def _read(store: SessionStore, but: str) -> _Log:
    """On a thread of its own."""
    cases: dict[Engine, list[EditedCase]] = {}
    for record in store.records(key for key in store.all_keys() if key != but):
        engine, path_mm = first_engine(record), _expected_path_mm(record.expected)
        if engine is not None and path_mm is not None and record.review.approval is not None:
            cases.setdefault(engine, []).append(EditedCase(path_mm, sum(record.log.active_s().values())))
    fits = {engine: MinutesFit.of(own) for engine, own in cases.items()}
    return _Log(
        {engine: len(own) for engine, own in cases.items()},
        {engine: fit for engine, fit in fits.items() if fit is not None},
    )


def _expected_path_mm(expected: ExpectedEffort | None) -> float | None:
    """Of all structures together; None where no structure has an estimate."""
    paths = (
        [one.added_path_mm.expected for one in expected.structures if one.added_path_mm] if expected else []
    )
    return sum(paths) if paths else None


def _none(why: str) -> Foretold:
    return Foretold(None, NONE.format(why=why))


def _short(minutes: float) -> str:
    return f"{minutes:.0f}" if minutes >= 3 else f"{minutes:.1f}"
