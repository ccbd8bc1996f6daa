"""All panels over one session: what the module's widget holds.

One timer drives everything that is not a click. It takes what threads have to say, lets panels look, and
draws anew the panels whose events came; so ten events between two ticks cost one drawing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from AmlartContourLib.client.site import SiteBackend
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.messages import Capabilities
from AmlartContourLib.exchange.pair_files import PairFiles
from AmlartContourLib.scene.logics import SceneLogics
from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.scene.pointers import Pointers
from AmlartContourLib.scene.proposal_view import ProposalView
from AmlartContourLib.session.events import Event, PatientClosed, PatientOpened, SaveFailed, Told
from AmlartContourLib.session.session import Session
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.widgets.backend_panel import BackendPanel
from AmlartContourLib.widgets.background import Background
from AmlartContourLib.widgets.components_panel import ComponentsPanel
from AmlartContourLib.widgets.contouring_panel import ContouringPanel
from AmlartContourLib.widgets.editor_panel import EditorPanel
from AmlartContourLib.widgets.effort_panel import EffortPanel
from AmlartContourLib.widgets.export_panel import ExportPanel
from AmlartContourLib.widgets.fix_panel import FixPanel
from AmlartContourLib.widgets.hierarchy import Hierarchy
from AmlartContourLib.widgets.panel import Desk, Panel, load
from AmlartContourLib.widgets.review_panel import ReviewPanel
from AmlartContourLib.widgets.views import Views
from AmlartContourLib.widgets.worklist_panel import WorklistPanel

TICK_MS = 100
ANOTHER = (
    "The scene that was added holds a session of its own, which was left out. To go on with it, close this"
    " patient and load that scene anew."
)
SOON_MS = 10  # between two turns while the scene catches up with contours that came


class Workbench:
    """Made by `setup`, ended by `cleanup`. `layout` is the module's."""

    def __init__(self, layout: Any, module_folder: Path) -> None:
        home = default_home()
        self.backend_site = SiteBackend(home)
        logics = SceneLogics(slicer.mrmlScene, slicer.modules.segmentations.logic())
        self.scene = PatientScene(logics)
        store = SessionStore(home)
        self.session = Session(self.scene, store, self.backend_site.connect, pairs=PairFiles(home))
        self.background = Background()
        views = Views(slicer.mrmlScene, self.scene)
        self._hierarchy = Hierarchy(slicer.mrmlScene, self.scene)
        self.desk = Desk(self.session, views, self.background, self.tell, self.choose)
        self.root, self.ui = load("Shell")
        layout.addWidget(self.root)
        self.contouring = ContouringPanel(self.desk)
        source = backend_source(module_folder)
        pointers = Pointers(slicer.mrmlScene, slicer.modules.markups.logic(), slicer.app.applicationLogic())
        self.fix = FixPanel(self.desk, pointers, ProposalView(logics))
        self.backend = BackendPanel(self.desk, self.backend_site, source, self._offer)
        self.worklist = WorklistPanel(self.desk, store, home)
        self.components = ComponentsPanel(self.desk)
        self.effort = EffortPanel(self.desk)
        self.editor = EditorPanel(self.desk, self.scene)
        self.fix.pointing.on_placing = self.editor.put_down
        self.review = ReviewPanel(self.desk)
        self.export = ExportPanel(self.desk)
        self.panels = self._laid_out(layout)
        self._due: set[Panel] = set(self.panels)
        self._scene_came = True  # one may have been read before this module was first shown
        self._unsubscribe = self.session.subscribe(self._heard)
        self._timer = qt.QTimer()
        self._timer.interval = TICK_MS
        self._timer.connect("timeout()", self.tick)
        self._timer.start()
        if self.backend.is_ready:
            self.backend.test()

    def tell(self, text: str) -> None:
        """Words for the user; empty text takes the last ones away."""
        self.ui.noticeLabel.text = text
        self.ui.noticeLabel.setVisible(bool(text))

    def choose(self, structure_id: str) -> None:
        """Makes a structure the chosen one in every panel."""
        for panel in self.panels:
            panel.chosen = structure_id
        self._due.update((self.effort, self.editor, self.fix, self.review))

    def tick(self) -> None:
        """What the timer does."""
        with self.desk.guard():
            self.background.poll()
            self._look_at_scene()
            self.session.poll()
            for panel in self.panels:
                panel.poll()
        self._timer.interval = SOON_MS if self.session.is_catching_up else TICK_MS
        due, self._due = self._due, set()
        for panel in self.panels:
            if panel in due:
                with self.desk.guard():
                    panel.refresh()

    def enter(self) -> None:
        """The module came to the front."""
        self.editor.enter(self.root)
        self.fix.keys.enter(self.root)

    def exit(self) -> None:
        """The module went to the back."""
        self.fix.keys.leave()
        self.fix.pointing.stop()
        self.editor.exit()

    def scene_came(self) -> None:
        """A scene was read from a file. What it holds is looked at by the next tick, when all of Slicer has
        seen it."""
        self._scene_came = True

    def scene_closes(self) -> None:
        """Before everything leaves the scene: the patient is saved and closed, so that no edit is lost, and
        one who is still being read is not opened afterwards."""
        self.editor.detach()
        self.fix.detach()
        self.worklist.drop_opening()
        with self.desk.guard():
            self.session.close()

    def end(self) -> None:
        """The last call: timers, threads, observers and the patient are let go."""
        self._timer.stop()
        for panel in self.panels:
            panel.close()
        with self.desk.guard():
            self.session.end()
        self._unsubscribe()
        self.background.close()

    def _offer(self, found: Capabilities) -> None:
        self.contouring.offer(found)
        self.fix.offer(found)
        self.effort.second.offer(found)

    def _look_at_scene(self) -> None:
        """Goes on with the session of a scene that came. While a patient is open hers stays: both keep their
        state in the one node there is for it, so hers is written again."""
        came, self._scene_came = self._scene_came, False
        if not came:
            return
        if self.session.patient is None:
            self.worklist.look_at_scene()
        elif self.session.keep_state():
            self.tell(_(ANOTHER))

    def _laid_out(self, layout: Any) -> tuple[Panel, ...]:
        sections: tuple[tuple[str, Panel, bool], ...] = (
            (_("Patients"), self.worklist, False),
            (_("Backend"), self.backend, self.backend.is_ready),
            (_("Contouring"), self.contouring, False),
            (_("Components"), self.components, False),
            (_("Effort"), self.effort, False),
            (_("Edit"), self.editor, False),
            (_("Fix here"), self.fix, False),
            (_("Review"), self.review, False),
            (_("Export"), self.export, True),
        )
        for title, panel, collapsed in sections:
            section = ctk.ctkCollapsibleButton()
            section.text = title
            inner = qt.QVBoxLayout()
            section.setLayout(inner)
            inner.addWidget(panel.root)
            section.collapsed = collapsed
            layout.addWidget(section)
        layout.addStretch(1)
        return tuple(panel for _title, panel, _collapsed in sections)

    def _heard(self, event: Event) -> None:
        """From the session: words at once, drawing at the next tick."""
        self._due.update(panel for panel in self.panels if isinstance(event, panel.FOLLOWS))
        self.contouring.heard(event)
        if isinstance(event, Told):
            self.tell(event.text)
        elif isinstance(event, SaveFailed):
            self.tell(str(event.error))
        elif isinstance(event, (PatientOpened, PatientClosed)):
            self._patient_changed()

    def _patient_changed(self) -> None:
        patient = self.session.patient
        self.choose("")
        self.ui.patientLabel.text = patient.name if patient else _("No patient is open.")
        if patient is None:
            self._hierarchy.hide()
        else:
            self._hierarchy.show(patient.name)
            self.desk.views.show_patient(patient.axial)


def backend_source(module_folder: Path) -> Path | None:
    """The backend's own files: beside the module in an installed extension, above it in a checkout."""
    for folder in (module_folder / "AmlartBackend", module_folder.parent):
        if (folder / "pyproject.toml").is_file():
            return folder
    return None
