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
from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.messages import EngineInfo, Priority
from AmlartContourLib.contract.problems import Code, refusal
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.session.arriving import Arriving, WorkedIn, work_in
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
    """A job, and the patient it is for; `arriving` once its contours are here and are worked in."""

    job: str
    key: str
    arriving: Arriving | None = None


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
        """True while a job runs, for whichever patient, and until its contours are in the case."""
        return self._running is not None

    @property
    def is_arriving(self) -> bool:
        """True while contours of a job are worked into the open case."""
        return self._running is not None and self._running.arriving is not None

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
        if self.is_arriving:
            raise refusal(Code.BUSY, "Contours of the last job are coming in.", advice="Wait a moment.")
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
                self._heard(event, self._running)
        running = self._running
        if running is not None and running.arriving is not None:
            self._go_on(running, running.arriving)

    def close(self) -> None:
        """Ends the running job and waits for its thread, a moment. Contours that are here are kept."""
        self._worker.close()
        running, self._running, self._progress = self._running, None, None
        if running is not None and running.arriving is not None:
            self._store.put_arrived(running.key, running.arriving.contours)

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
        """Contours for the open patient, shown when this returns. GeometryMismatch where they lie on another
        grid. In blind mode they are held back."""
        core, case = self._core, self._core.case
        if case.record.is_blind:
            case.structures.geometry.require_same(contours.masks.geometry, "The set of contours")
            case.keep(replace(case.kept, withheld=contours))
            core.tell(
                Told("Contours are here. They stay hidden until they are revealed."), ContoursArrived((), ())
            )
            return
        self._put_in(work_in(contours, case.basis, case.originals, core.catalogue))
        core.show_rest()

    def _put_in(self, found: WorkedIn) -> None:
        """Takes worked-in contours over into the case; the scene follows by turns."""
        core, case, contours = self._core, self._core.case, found.contours
        before = case.drawn
        case.keep(replace(case.kept, originals=found.arrival.originals))
        change = case.accept(found.outcome)
        case.history.did(Step("Contours of the engine", "", before, case.drawn))
        record = case.record
        case.note(
            replace(
                record,
                expected=contours.expected or record.expected,
                engines=(*record.engines, Engine(contours.engine, contours.engine_version)),
                findings=(*record.findings, *found.findings),
            )
        )
        arrived = ContoursArrived(found.arrival.taken, found.arrival.kept)
        core.show_by_and_by(change, ChoicesChanged(), arrived)
        core.tell(ProgressChanged())

    def _heard(self, event: WorkerEvent, running: _Running) -> None:
        if isinstance(event, Progressed):
            self._progress = event.progress
            self._core.tell(ProgressChanged())
        elif isinstance(event, Finished):
            self._finished(event.contours, running)
        else:
            self._end_of_job()
            self._core.tell(ContouringEnded(event.error if isinstance(event, Failed) else None))

    def _finished(self, contours: Contours, running: _Running) -> None:
        case = self._case_of(running)
        if case is None or case.record.is_blind:
            self._end_of_job()
            self._hand_over(contours, running)
        else:
            self._running = replace(running, arriving=Arriving(contours, case))

    def _go_on(self, running: _Running, arriving: Arriving) -> None:
        """Puts contours into the case once they are worked out; again, where it was changed meanwhile."""
        case = self._case_of(running)
        if case is None or case.record.is_blind:
            self._end_of_job()
            self._hand_over(arriving.contours, running)
            return
        if not arriving.is_worked_out:
            return
        self._end_of_job()
        try:
            found = arriving.result()
        except AmlartError as error:
            self._core.tell(ContouringEnded(error))
            return
        if found.is_of(case):
            self._put_in(found)
        elif arriving.may_try_again:
            arriving.begin(case)
            self._running = running
        else:
            self.take(arriving.contours)

    def _hand_over(self, contours: Contours, running: _Running) -> None:
        """Contours taken at once, or kept for a patient who is not open."""
        if self._case_of(running) is not None:
            self.take(contours)
        else:
            self._store.put_arrived(running.key, contours)
            self._core.tell(Told("Contours of a patient that is not open are here. They are kept for it."))

    def _case_of(self, running: _Running) -> Case | None:
        """The open case, if the job is for it."""
        case = self._core.case_or_none
        return case if case is not None and case.patient.key == running.key else None

    def _end_of_job(self) -> None:
        self._running = self._progress = None


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
