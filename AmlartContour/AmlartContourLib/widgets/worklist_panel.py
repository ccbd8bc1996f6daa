"""The patients: a folder, or Slicer's DICOM database. Opening reads on a thread."""

from __future__ import annotations

import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from AmlartContourLib.client.processes import own_environment
from AmlartContourLib.client.site import installed_python
from AmlartContourLib.contract.errors import AmlartError, Cancelled
from AmlartContourLib.session.events import PatientClosed, PatientOpened, ReviewChanged, Saved
from AmlartContourLib.session.patient import PatientFiles, PatientSource, read_patient
from AmlartContourLib.session.session import Opened
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
        self._opening: _Opening | None = None
        stretch(self.ui.table, 0)
        self.ui.sceneButton.setVisible(False)
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
        self.on("clicked()", self.ui.sceneButton, self._reopen_scene)
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
        if self._opening is not None:
            return
        opening = self._opening = _Opening(source)
        self._enable()
        self.desk.tell(_("Reading the scan of {name}.").format(name=source.name))
        self.desk.background.run(opening.read, partial(self._read, opening), partial(self._not_read, opening))

    def drop_opening(self) -> None:
        """The scene is closed: a patient who is still being read is not put into the one that follows."""
        self.ui.sceneButton.setVisible(False)
        opening, self._opening = self._opening, None
        if opening is None:
            return
        opening.drop()
        self._enable()
        words = _("The scene was closed, so {name} was not opened. Press Open to open her now.")
        self.desk.tell(words.format(name=opening.source.name))

    def close(self) -> None:
        """Ends the reading of a patient."""
        if self._opening is not None:
            self._opening.drop()

    def look_at_scene(self) -> None:
        """A scene was read from a file: goes on with the session in it. Where this computer holds later work
        on the same patient, that is said and left to the clinician."""
        found = self.session.in_scene
        if found is None:
            return
        if not found.is_overtaken:
            self._reopen_scene()
            return
        words = _(
            "The scene holds a session of {name}, but other work on her was saved on this computer since."
            " Open her from the list to go on with that, or press Go on from the scene."
        )
        self.desk.tell(words.format(name=found.identity.name))
        self.ui.sceneButton.setVisible(True)

    def _reopen_scene(self) -> None:
        self.ui.sceneButton.setVisible(True)  # while something stands in the way, it can be pressed again
        self._tell_opened(self.session.reopen_scene(), _("The session of the scene was found."))

    def _read(self, opening: _Opening, files: PatientFiles) -> None:
        if opening is not self._opening:
            return
        self._opening = None
        self._enable()
        self._tell_opened(self.session.open(files), _("The saved work on this patient was recovered."))

    def _tell_opened(self, opened: Opened, recovered: str) -> None:
        self.desk.tell("\n".join([recovered, *opened.findings] if opened.recovered else opened.findings))

    def _not_read(self, opening: _Opening, error: AmlartError) -> None:
        if opening is not self._opening:
            return
        self._opening = None
        self._enable()
        self.desk.tell(str(error))

    def _enable(self) -> None:
        chosen = id_at(self.ui.table, self.ui.table.currentRow())
        self.ui.openButton.enabled = bool(chosen) and self._opening is None
        self.ui.nextButton.enabled = self._next() is not None and self._opening is None
        self.ui.closeButton.enabled = self.desk.is_open
        if self.desk.is_open:
            self.ui.sceneButton.setVisible(False)

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
        self.desk.background.run(partial(make_practice, python, folder), self._made, self._not_made)

    def _made(self, folder: Path) -> None:
        self.desk.tell(_("A synthetic patient is in the list. It shows no real person."))
        self.ui.folderButton.directory = str(folder)
        self._look_again()

    def _not_made(self, error: AmlartError) -> None:
        self.desk.tell(str(error))


class _Opening:
    """A patient who is being read. `read` runs on a thread and ends soon after `drop`."""

    def __init__(self, source: PatientSource) -> None:
        self.source = source
        self._dropped = threading.Event()

    def read(self) -> PatientFiles:
        """Her files. Cancelled where the opening was dropped, InputRefused and its kinds."""
        return read_patient(self.source, self._go_on)

    def drop(self) -> None:
        """She is not to be opened any more."""
        self._dropped.set()

    def _go_on(self, _fraction: float) -> None:
        if self._dropped.is_set():
            raise Cancelled("The opening of the patient was dropped.", kept="Her files are as they were.")


def make_practice(python: Path, folder: Path) -> Path:
    """Writes a synthetic patient into a folder, where it is not there yet; gives the folder."""
    patient = folder / "Practice patient"
    if not patient.is_dir():
        command: list[Any] = [python, "-m", "inference_backend.cli", "phantom", "--out", patient]
        done = subprocess.run(command, env=own_environment(), capture_output=True, check=False, timeout=600)
        if done.returncode:
            raise AmlartError("The synthetic patient could not be made.", advice="Look at the backend's log.")
    return folder
