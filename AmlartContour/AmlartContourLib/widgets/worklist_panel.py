"""The patients: a folder, or Slicer's DICOM database. Opening reads on a thread."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from AmlartContourLib.client.processes import own_environment
from AmlartContourLib.client.site import installed_python
from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.session.events import PatientClosed, PatientOpened, ReviewChanged, Saved
from AmlartContourLib.session.patient import PatientFiles, PatientSource, read_patient
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.session.worklist import Worklist
from AmlartContourLib.widgets.dicom_database import DatabaseWorklist
from AmlartContourLib.widgets.panel import Desk, Panel, fill_table, id_at, stretch

FOLDER_SETTING = "AmlartContour/PatientsFolder"
PRACTICE = "practice-patients"


class WorklistPanel(Panel):
    """The list, and opening from it."""

    UI = "Worklist"
    FOLLOWS = (PatientOpened, PatientClosed, ReviewChanged, Saved)

    def __init__(self, desk: Desk, store: SessionStore, home: Path) -> None:
        super().__init__(desk)
        self._store, self._home = store, home
        self._list: Worklist | None = None
        self._reading = False
        stretch(self.ui.table, 0)
        self.on("directoryChanged(QString)", self.ui.folderButton, self.use_folder)
        self.on("textChanged(QString)", self.ui.searchEdit, self.refresh)
        self.on("itemSelectionChanged()", self.ui.table, self._enable)
        self.on("cellActivated(int,int)", self.ui.table, self._open_chosen)
        self.on("clicked()", self.ui.openButton, self._open_chosen)
        self.on("clicked()", self.ui.nextButton, self._open_next)
        self.on("clicked()", self.ui.closeButton, self.session.close)
        self.on("clicked()", self.ui.refreshButton, self._look_again)
        self.on("clicked()", self.ui.databaseButton, self._use_database)
        self.on("clicked()", self.ui.practiceButton, self._make_practice)
        folder = slicer.app.userSettings().value(FOLDER_SETTING, "")
        if folder and Path(folder).is_dir():
            self.ui.folderButton.directory = folder

    def use_folder(self, folder: str) -> None:
        """The patients of a folder; it is remembered."""
        self._list = Worklist(Path(folder), self._store)
        slicer.app.userSettings().setValue(FOLDER_SETTING, folder)
        self.refresh()

    def refresh(self) -> None:
        """Draws the rows, and keeps the chosen one."""
        rows = self._list.rows(self.ui.searchEdit.text) if self._list else ()
        cells = [(r.name, r.phase.value, r.kind, r.note) for r in rows]
        patient = self.session.patient
        chosen = id_at(self.ui.table, self.ui.table.currentRow()) or (patient.key if patient else "")
        fill_table(self.ui.table, cells, [r.entry_id for r in rows], chosen)
        self._enable()

    def open(self, source: PatientSource) -> None:
        """Reads a patient on a thread and opens it. What is open is saved first."""
        if self._reading:
            return
        self._reading = True
        self._enable()
        self.desk.tell(_("Reading the scan of {name}.").format(name=source.name))
        self.desk.background.run(partial(read_patient, source), self._read, self._not_read)

    def _read(self, files: PatientFiles) -> None:
        self._reading = False
        self._enable()
        opened = self.session.open(files)
        said = list(opened.findings)
        if opened.recovered:
            said.insert(0, _("The saved work on this patient was recovered."))
        self.desk.tell("\n".join(said))

    def _not_read(self, error: AmlartError) -> None:
        self._reading = False
        self._enable()
        self.desk.tell(str(error))

    def _enable(self) -> None:
        chosen = id_at(self.ui.table, self.ui.table.currentRow())
        self.ui.openButton.enabled = bool(chosen) and not self._reading
        self.ui.nextButton.enabled = self._next() is not None and not self._reading
        self.ui.closeButton.enabled = self.desk.is_open

    def _open_chosen(self) -> None:
        chosen = id_at(self.ui.table, self.ui.table.currentRow())
        if chosen and self._list:
            self.open(self._list.source(chosen))

    def _next(self) -> str | None:
        patient = self.session.patient
        return self._list.after(patient.key) if self._list and patient else None

    def _open_next(self) -> None:
        following = self._next()
        if following and self._list:
            self.open(self._list.source(following))

    def _look_again(self) -> None:
        if self._list:
            self._list.refresh()
            self.refresh()

    def _use_database(self) -> None:
        self._list = DatabaseWorklist(slicer.dicomDatabase, self._store)
        self.refresh()

    def _make_practice(self) -> None:
        """The synthetic patient is made by the backend's own program, on this computer."""
        python, folder = installed_python(self._home), self._home / PRACTICE
        if python is None:
            self.desk.tell(_("Install the backend on this computer first: it makes the practice patient."))
            return
        self.desk.tell(_("Making a synthetic patient. This takes about half a minute."))
        self.desk.background.run(partial(make_practice, python, folder), self._made, self._not_read)

    def _made(self, folder: Path) -> None:
        self.desk.tell(_("A synthetic patient is in the list. It shows no real person."))
        self.ui.folderButton.directory = str(folder)
        self._look_again()


def make_practice(python: Path, folder: Path) -> Path:
    """Writes a synthetic patient into a folder, where it is not there yet; gives the folder."""
    patient = folder / "Practice patient"
    if not patient.is_dir():
        command: list[Any] = [python, "-m", "inference_backend.cli", "phantom", "--out", patient]
        done = subprocess.run(command, env=own_environment(), capture_output=True, check=False, timeout=600)
        if done.returncode:
            raise AmlartError("The synthetic patient could not be made.", advice="Look at the backend's log.")
    return folder
