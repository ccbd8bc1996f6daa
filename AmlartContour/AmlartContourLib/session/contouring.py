"""Contouring through the backend, for the patient that is open, while the views stay usable.

A job carries the key of the patient it was started for. If another patient is open when its contours come,
they are kept for their own and reach it when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from AmlartContourLib.client.job_run import Connect, ContourTask, JobProgress
from AmlartContourLib.client.worker import Event as WorkerEvent
from AmlartContourLib.client.worker import Failed, Finished, Progressed, Worker
from AmlartContourLib.contract.messages import EngineInfo, Priority
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.rules import check_labels
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.session.arrival import arrive
from AmlartContourLib.session.case import Case
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import (
    ChoicesChanged,
    ContouringEnded,
    ContoursArrived,
    ProgressChanged,
    Told,
)
from AmlartContourLib.session.history import Step
from AmlartContourLib.session.store import SessionStore


@dataclass(frozen=True)
class _Running:
    job: str
    key: str


class Contouring:
    """One job at a time."""

    def __init__(self, core: Core, store: SessionStore, connect: Connect) -> None:
        self._core = core
        self._store = store
        self._worker = Worker(connect)
        self._running: _Running | None = None
        self._progress: JobProgress | None = None

    @property
    def running(self) -> bool:
        """True while a job runs, for whichever patient."""
        return self._running is not None

    @property
    def is_for_this_patient(self) -> bool:
        """True while the running job is for the patient that is open."""
        case = self._core.case_or_none
        return self._running is not None and case is not None and self._running.key == case.patient.key

    @property
    def progress(self) -> JobProgress | None:
        """How far the running job is."""
        return self._progress

    def start(self, engine: EngineInfo, wanted: tuple[str, ...] = ()) -> None:
        """Starts a job; `wanted` ids, or all that the engine gives. BackendRefused while one runs, BadSetting
        where no patient is open."""
        case = self._core.case
        task = task_of(case, engine, wanted)
        self._running = _Running(self._worker.start(task), case.patient.key)
        self._progress = None
        self._core.tell(ProgressChanged())

    def cancel(self) -> None:
        """Stops the job soon; the case is as it was."""
        self._worker.cancel()

    def poll(self) -> None:
        """Takes what the worker has to say."""
        for event in self._worker.poll():
            if self._running is not None and event.job == self._running.job:
                self._heard(event, self._running.key)

    def close(self) -> None:
        """Ends the running job and waits for its thread, a moment."""
        self._worker.close()
        self._running = self._progress = None

    def take_kept(self, save: Callable[[], None]) -> bool:
        """Takes contours that came while the patient was not open, or through a queue; True where there were
        some. They are forgotten once `save` has them on the disk."""
        key = self._core.case.patient.key
        contours = self._store.arrived(key)
        if contours is None:
            return False
        self.take(contours)
        save()
        self._store.drop_arrived(key)
        return True

    def take(self, contours: Contours) -> None:
        """Contours for the open patient. GeometryMismatch where they lie on another grid. In blind mode they
        are held back."""
        core, case = self._core, self._core.case
        case.structures.geometry.require_same(contours.masks.geometry, "The set of contours")
        if case.record.is_blind:
            case.keep(replace(case.kept, withheld=contours))
            core.tell(
                Told("Contours are here. They stay hidden until they are revealed."), ContoursArrived((), ())
            )
            return
        before = case.drawn
        arrival = arrive(before, case.originals, contours, core.catalogue)
        case.keep(replace(case.kept, originals=arrival.originals))
        change = case.draw(arrival.drawn)
        case.history.did(Step("Contours of the engine", "", before, arrival.drawn))
        record = case.record
        case.note(
            replace(
                record,
                expected=contours.expected or record.expected,
                engines=(*record.engines, Engine(contours.engine, contours.engine_version)),
                findings=(*record.findings, *_findings(contours, arrival.kept)),
            )
        )
        core.restore_originals()
        core.show(change)
        core.tell(ChoicesChanged(), ContoursArrived(arrival.taken, arrival.kept))

    def _heard(self, event: WorkerEvent, key: str) -> None:
        if isinstance(event, Progressed):
            self._progress = event.progress
            self._core.tell(ProgressChanged())
            return
        self._running = self._progress = None
        if isinstance(event, Finished):
            self._finished(event.contours, key)
        else:
            self._core.tell(ContouringEnded(event.error if isinstance(event, Failed) else None))

    def _finished(self, contours: Contours, key: str) -> None:
        case = self._core.case_or_none
        if case is not None and case.patient.key == key:
            self.take(contours)
        else:
            self._store.put_arrived(key, contours)
            self._core.tell(Told("Contours of a patient that is not open are here. They are kept for it."))


def task_of(
    case: Case, engine: EngineInfo, wanted: tuple[str, ...], priority: Priority = Priority.URGENT
) -> ContourTask:
    """What to ask of an engine for a case: it gets the contours it needs or uses, as they are now."""
    known = case.originals.with_contours(*case.structures)
    used = known.only(i for i in known.ids if i in {*engine.needs_context, *engine.uses_context})
    scan = case.patient.scan
    return ContourTask(
        hu_kji=scan.hu_kji,
        geometry=scan.geometry,
        engine=engine.id,
        wanted=wanted,
        context=used if len(used) else None,
        priority=priority,
        client="workstation",
    )


def _findings(contours: Contours, kept: tuple[str, ...]) -> tuple[str, ...]:
    stayed = (f"Kept as they were, by hand or from a file: {', '.join(kept)}.",) if kept else ()
    return (*contours.findings, *(message.text for message in check_labels(contours.masks)), *stayed)
