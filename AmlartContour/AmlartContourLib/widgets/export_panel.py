"""Export: written on a thread, read back before it counts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.exchange.export import Format
from AmlartContourLib.session.events import PatientClosed, PatientOpened, StructuresChanged
from AmlartContourLib.session.exporting import ExportDone, ExportJob
from AmlartContourLib.widgets.panel import Desk, Panel

FOLDER_SETTING = "AmlartContour/ExportFolder"


class ExportPanel(Panel):
    """The export of the open patient."""

    UI = "Export"
    FOLLOWS = (PatientOpened, PatientClosed, StructuresChanged)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._writing = False
        self._step: tuple[float, str] = (0.0, "")
        folder = slicer.app.userSettings().value(FOLDER_SETTING, "")
        self.ui.folderButton.directory = folder or str(Path.home())
        self.on("clicked()", self.ui.exportButton, self._export)
        self.refresh()

    def refresh(self) -> None:
        """The button."""
        filled = self.desk.is_open and any(not c.mask.is_empty for c in self.session.case.final)
        self.ui.exportButton.enabled = filled and not self._writing
        self.ui.bar.setVisible(self._writing)

    def poll(self) -> None:
        """Shows how far the writing is."""
        if self._writing:
            fraction, words = self._step
            self.ui.bar.value = int(fraction * 1000)
            self.ui.resultLabel.text = words

    def _export(self) -> None:
        patient, parent = self.session.patient, Path(self.ui.folderButton.directory)
        if patient is None:
            return
        formats = frozenset(form for form, check in self._checks() if check.checked)
        job = self.session.exporting.prepare(
            free_name(parent, patient.name), formats, report=bool(self.ui.reportCheck.checked)
        )
        slicer.app.userSettings().setValue(FOLDER_SETTING, str(parent))
        self._writing = True
        self.refresh()
        self.desk.background.run(partial(job.run, self._told), partial(self._done, job), self._failed)

    def _checks(self) -> tuple[tuple[Format, Any], ...]:
        ui = self.ui
        return (
            (Format.MASKS, ui.masksCheck),
            (Format.LABEL_MAP, ui.labelMapCheck),
            (Format.RTSTRUCT, ui.rtstructCheck),
        )

    def _told(self, fraction: float, words: str) -> None:
        """From the writing thread: one assignment, which `poll` reads."""
        self._step = (fraction, words)

    def _done(self, job: ExportJob, done: ExportDone) -> None:
        self._writing = False
        self.session.exporting.done(job)
        words = _("{files} files in {folder}. {n} contours were read back and are the same, voxel for voxel.")
        said = words.format(files=len(done.files), folder=done.folder, n=len(done.verified))
        self.ui.resultLabel.text = "\n".join((said, *done.not_written))
        self.refresh()

    def _failed(self, error: AmlartError) -> None:
        self._writing = False
        self.ui.resultLabel.text = str(error)
        self.refresh()


def free_name(parent: Path, name: str) -> Path:
    """A folder in `parent` that is not there yet, named after the patient."""
    plain = "".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "patient"
    number, folder = 1, parent / plain
    while folder.exists():
        number += 1
        folder = parent / f"{plain} {number}"
    return folder
