"""The worklist: the patients of a folder, opening one, the next and the one before, and contouring all
of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.contract.errors import BadSetting, InputRefused, SeveralSeries
from AmlartContourLib.session.events import (
    ContouringEnded,
    ContoursArrived,
    Event,
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    ReviewChanged,
    Saved,
)
from AmlartContourLib.session.patient import PatientFiles, PatientSource, read_patient
from AmlartContourLib.session.queue import ContourQueue
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.worklist import ExpectedWorst, SortBy, Worklist
from AmlartContourLib.web.desk import Desk, name_in_list, percent
from AmlartContourLib.web.ui.rail import RAIL

WATCHED = (
    PatientOpened
    | PatientClosed
    | ReviewChanged
    | ContoursArrived
    | Saved
    | ProgressChanged
    | ContouringEnded
)
NEED_PATIENT = frozenset(panel["id"] for panel in RAIL if panel["needs_patient"])
EMPTY = "No CT was found in this folder. A patient is a folder with a DICOM series, or a NIfTI file."


class WorklistPanel:
    """Panel "Worklist"."""

    def __init__(self, desk: Desk, worklist: Worklist, queue_with: Callable[[], ContourQueue]) -> None:
        self._desk = desk
        self._worklist = worklist
        self._queue_with = queue_with
        self._queue: ContourQueue | None = None
        self._open = ""
        self.after_opening: Callable[[], None] = lambda: None

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "worklist_rows": [],
            "worklist_count": 0,
            "worklist_search": "",
            "worklist_sort": "name",
            "worklist_empty": EMPTY,
            "queue": {"running": False, "text": ""},
            "patient": {"open": False, "name": "", "phase": "NEW", "phase_text": "", "findings": []},
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {
            "open_patient": self.open,
            "open_after": self.open_after,
            "open_before": self.open_before,
            "refresh_worklist": self.look_again,
            "start_queue": self.start_queue,
            "stop_queue": self.stop_queue,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"worklist_search": lambda _: self.refresh(), "worklist_sort": lambda _: self.refresh()}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        return isinstance(event, WATCHED)

    async def open(self, entry_id: str) -> None:
        """Opens a patient; the one before is saved. One who is open stays so, and can take her steps back."""
        if self._desk.state.busy:
            return
        if entry_id == self._open and self._desk.session.patient is not None:
            self._desk.state.panel = "components"
            return
        with self._desk.busy("Reading the CT…"):
            files = await self._desk.beside(_read, self._worklist.source(entry_id))
            opened = self._desk.session.open(files)
            self._open = entry_id
            self.after_opening()
            self.refresh()
        if opened.recovered:
            self._desk.notices.tell("This patient is as you left her: the saved work was opened.")

    async def open_after(self) -> None:
        """The next patient."""
        await self._open_neighbour(self._worklist.after(self._open))

    async def open_before(self) -> None:
        """The one before."""
        await self._open_neighbour(self._worklist.before(self._open))

    async def _open_neighbour(self, entry_id: str | None) -> None:
        if entry_id is None:
            self._desk.notices.tell("There is no further patient in this direction.", "info")
        else:
            await self.open(entry_id)

    async def look_again(self) -> None:
        """Looks into the folder again."""
        with self._desk.busy("Looking into the folder…"):
            await self._desk.beside(self._worklist.refresh)
        self.refresh()

    def start_queue(self) -> None:
        """Contours every new patient in the background."""
        new = [row.entry_id for row in self._worklist.rows() if row.phase is Phase.NEW and not row.note]
        if not new:
            raise BadSetting("No patient of the list is new.", kept="Nothing was started.")
        self._queue = self._queue_with()
        self._queue.start([self._worklist.source(entry_id) for entry_id in new if entry_id != self._open])
        self.poll()

    def stop_queue(self) -> None:
        """Stops; the patient that is being contoured stays new."""
        if self._queue:
            self._queue.stop(0.0)
        self.poll()

    def poll(self) -> None:
        """What the queue is at."""
        if self._queue is None:
            return
        now = self._queue.state
        ended = len(now.done) + len(now.failed)
        total = ended + len(now.waiting) + (now.current is not None)
        text = f"Background: {len(now.done)} of {total} contoured" if total else ""
        if now.left:
            text += f", {len(now.left)} left as they are: contoured meanwhile"
        if now.failed:
            text += f", {len(now.failed)} not: {now.failed[-1][1]}"
        told = {"running": self._queue.busy, "text": text}
        if told != self._desk.state.queue:
            self._desk.state.queue = told
            self.refresh()

    def refresh(self) -> None:
        """See `Panel`."""
        state = self._desk.state
        if self._desk.session.patient is None:
            self._open = ""
            if state.panel in NEED_PATIENT:
                state.panel = "worklist"
        rows = self._worklist.rows(str(state.worklist_search or ""), SortBy(state.worklist_sort))
        state.worklist_rows = [
            {
                "id": row.entry_id,
                "name": row.name,
                "kind": row.kind,
                "phase": row.phase.name,
                "phase_text": row.phase.value,
                "note": row.note,
                **_expected(row.expected),
                "open": row.entry_id == self._open,
            }
            for row in rows
        ]
        state.worklist_count = len(self._worklist.rows())
        self._show_patient()

    def _show_patient(self) -> None:
        patient, case = self._desk.session.patient, self._desk.case
        phase = self._desk.session.phase or Phase.NEW
        self._desk.state.patient = {
            "open": patient is not None,
            "name": patient.name if patient else "",
            "phase": phase.name,
            "phase_text": phase.value,
            "findings": list(case.record.findings) if case else [],
        }


def _read(source: PatientSource) -> PatientFiles:
    """Her files. Where there is more than one CT, what to do is told for somebody who has no command line."""
    try:
        return read_patient(source)
    except SeveralSeries as error:
        raise InputRefused(
            error.what,
            kept="Nothing was opened.",
            advice="Move the planning CT alone into a subfolder named ct, and the others into another; then "
            "look into the folder again.",
        ) from error


def _expected(worst: ExpectedWorst | None) -> dict[str, str]:
    """The expected editing of a patient, short and in a sentence."""
    if worst is None:
        return {"expected": "", "expected_title": "No engine gave an estimate of the editing."}
    if worst.fraction is None:
        return {"expected": "no estimate", "expected_title": worst.withheld}
    name = name_in_list(worst.structure_id)
    low, high = percent(worst.fraction.low), percent(worst.fraction.high)
    return {
        "expected": f"{name} {percent(worst.fraction.expected)}",
        "expected_title": f"Expected editing: most in {name}, {low} to {high} of the surface to redraw",
    }
