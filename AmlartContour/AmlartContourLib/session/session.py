"""One clinician's session: a patient opened, worked on, saved and closed, and the use cases in between.

Both faces hold one of these. Everything here belongs to the face's own thread; what takes long (reading
files, running an export job) is done by values that are bound to no thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.contract.errors import AmlartError, DamagedFile
from AmlartContourLib.contract.folder_lock import FolderLock
from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.rules import check_labels
from AmlartContourLib.domain.working_parts import working_parts
from AmlartContourLib.exchange.pair_files import PairFiles
from AmlartContourLib.session.arrival import without_landmarks
from AmlartContourLib.session.case import Case, Kept
from AmlartContourLib.session.choices import Choices
from AmlartContourLib.session.contouring import Contouring
from AmlartContourLib.session.core import Core, Listener, preset_named
from AmlartContourLib.session.editing import Editing
from AmlartContourLib.session.effort import Effort
from AmlartContourLib.session.events import PatientClosed, PatientOpened, SaveFailed, Told
from AmlartContourLib.session.exporting import Exporting
from AmlartContourLib.session.fixing import Fixing
from AmlartContourLib.session.history import Drawn
from AmlartContourLib.session.in_scene import InScene, case_in_scene, in_scene
from AmlartContourLib.session.minutes import Minutes
from AmlartContourLib.session.patient import Patient, PatientFiles
from AmlartContourLib.session.ports import Clocks, Scene
from AmlartContourLib.session.record import Phase, Record, from_parameters, identity_of
from AmlartContourLib.session.rest import without_rest
from AmlartContourLib.session.reviewing import Reviewing
from AmlartContourLib.session.saving import Saving
from AmlartContourLib.session.second_opinion import SecondOpinion, no_pairs
from AmlartContourLib.session.store import Saved, SessionStore

DEFAULT_PRESET = "small_pelvis"


@dataclass(frozen=True)
class Opened:
    """How a patient was opened: from a saved session or anew, and what the readers had to say."""

    recovered: bool
    findings: tuple[str, ...]


class Session:
    """The session of one face."""

    def __init__(
        self,
        scene: Scene,
        store: SessionStore,
        connect: Connect,
        *,
        preset: str = DEFAULT_PRESET,
        clocks: Clocks | None = None,
        pairs: PairFiles | None = None,
    ) -> None:
        self._core = Core(scene, clocks or Clocks())
        self._store = store
        self._preset = preset
        self._hold: FolderLock | None = None
        self.choices = Choices(self._core)
        self.editing = Editing(self._core)
        self.contouring = Contouring(self._core, store, connect)
        self.fixing = Fixing(self._core, self.editing, connect)
        find_pair = pairs.find if pairs else no_pairs
        self.second = SecondOpinion(self._core, connect, find_pair)
        self.effort = Effort(self._core, self.second)
        self.minutes = Minutes(self._core, store)
        self.review = Reviewing(self._core, self.effort, self.contouring)
        self.exporting = Exporting(self._core, find_pair)
        self.saving = Saving(self._core, store)

    @property
    def case(self) -> Case:
        """The open patient's contours, choices and review. BadSetting where no patient is open."""
        return self._core.case

    @property
    def patient(self) -> Patient | None:
        """Who is open."""
        case = self._core.case_or_none
        return case.patient if case else None

    @property
    def phase(self) -> Phase | None:
        """Where the open patient stands, a running job among it; None where none is open."""
        case = self._core.case_or_none
        if case is None:
            return None
        return Phase.CONTOURING if self.contouring.is_for_this_patient else case.phase

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tells a listener of everything from now on; the answer ends it."""
        return self._core.subscribe(listener)

    def open(self, files: PatientFiles) -> Opened:
        """Opens a patient, as it was saved last or anew. The patient before is saved and closed first.

        BadSetting where the patient is open in another process. A saved session that cannot be used is set
        aside under another name, and said.
        """
        self.close()
        key = files.source.key
        hold = self._store.hold(key)
        patient = Patient(
            key, files.source.name, files.scan, AxialSlices.of(files.scan.geometry), files.inputs
        )
        try:
            saved, refused = self._saved(patient)
            case = _saved_case(patient, saved, self._core) if saved else self._new_case(patient, files)
        except BaseException:
            hold.release()
            raise
        if refused:
            case.note(replace(case.record, findings=(*case.record.findings, refused)))
        self._hold = hold
        self._begin(case, saved=saved is not None)
        if self._store.has_arrived(key):
            self._take_kept()
        return Opened(saved is not None, case.record.findings)

    @property
    def in_scene(self) -> InScene | None:
        """The session that a scene from a file holds while no patient is open; None where there is none.
        DamagedFile where it cannot be read."""
        if self._core.case_or_none is not None:
            return None
        parameters = self._core.scene.found_state()
        return in_scene(parameters, self._store) if parameters else None

    def reopen_scene(self) -> Opened:
        """Goes on with the session that a scene from a file holds. DamagedFile where it holds none,
        BadSetting where the patient is open in another process; the scene is then as it was.

        Later work on the patient that was saved on this computer is kept aside, and that is said.
        The scene holds no slice headers: an RTSTRUCT written from it comes with a CT series of its own.
        """
        self._let_go()
        found = self.in_scene
        if found is None:
            raise DamagedFile("The scene holds no session of this software.", kept="It is as it was.")
        hold = self._store.hold(found.identity.key)
        try:
            case = case_in_scene(found, self._core.scene.content(), self._store, self._core.catalogue)
        except BaseException:
            hold.release()
            self._core.scene.let_go()
            raise
        self._hold = hold
        self._begin(case, saved=False, in_scene=True)
        return Opened(True, case.record.findings)

    def close(self) -> None:
        """Saves what is not saved and closes the patient. ExportFailed, and still open, where it cannot."""
        if self._core.case_or_none is None:
            return
        if self.saving.due:
            self.saving.save_now()
        self.saving.finish()
        self._let_go()
        self._core.scene.clear()

    def end(self) -> None:
        """Closes the patient and the worker: the last call of a session."""
        self.close()
        self.contouring.close()
        self.fixing.close()
        self.second.close()

    def poll(self) -> None:
        """Takes what threads and views have to say; from a timer, on the face's thread. Never waits long: of
        many contours that came at once, each call puts some into the scene."""
        core = self._core
        if core.case_or_none is not None and not core.scene.is_there():
            self._scene_went()
        self._take_strokes()
        self.contouring.poll()
        self.fixing.poll()
        self.second.poll(self.effort.tolerance_mm)
        self.minutes.poll()
        case = core.case_or_none
        if case is None:
            return
        core.show_some()
        self.review.poll()
        if self._store.has_arrived(case.patient.key):
            self._take_kept()
        self.saving.poll()

    @property
    def is_catching_up(self) -> bool:
        """True while the scene does not show all of the case yet; `poll` may then be called again soon."""
        return not self._core.backlog.is_empty

    def keep_state(self) -> bool:
        """Writes all of the case and its state into the scene; call it before the scene itself is saved to
        a file. True where the scene held another patient's state in that place, as after one was added."""
        core, patient = self._core, self.patient
        if patient is None or not core.scene.is_there():
            return False
        core.show_rest()
        state = core.scene.found_state()
        core.keep_state()
        return state is not None and state.get("Key", patient.key) != patient.key

    def _begin(self, case: Case, *, saved: bool, in_scene: bool = False) -> None:
        core = self._core
        core.case_or_none = case
        self.review.forget_views()
        self.saving.opened(saved=saved)
        if not in_scene:
            core.scene.show_patient(case.patient.name, case.patient.scan.hu_kji, case.patient.scan.geometry)
        core.show_all()
        core.tell(PatientOpened(saved or in_scene))

    def _saved(self, patient: Patient) -> tuple[Saved | None, str]:
        """The saved session, if it is of this scan; else None and why; the session is then set aside."""
        try:
            saved = self._store.load(patient.key)
            if saved is None:
                return None, ""
            identity = identity_of(saved.parameters)
            from_parameters(saved.parameters)
            if identity.scan_sha256 == patient.scan.source_sha256:
                return saved, ""
            why = "The CT is not the one that the saved session was made on."
        except AmlartError as error:
            why = error.what
        aside = self._store.set_aside(patient.key)
        return None, f"{why} The session was set aside as {aside}, and the patient is opened anew."

    def _new_case(self, patient: Patient, files: PatientFiles) -> Case:
        book = self._core.catalogue
        parts = working_parts(files.came_in, ())
        drawn = Drawn(without_landmarks(parts.structures, book), parts.rest)
        found = (*files.findings, *(message.text for message in check_labels(files.came_in)))
        record = Record(preset_named(self._preset).selection, self._preset, findings=found)
        originals = files.came_in.with_contours(*drawn.structures)
        return Case(patient, drawn, Kept(originals), record, book)

    def _take_kept(self) -> None:
        """Contours kept for the patient. What cannot be used stays on the disk under another name."""
        try:
            self.contouring.take_kept(self.saving.save_now)
        except AmlartError as error:
            self._store.refuse_arrived(self._core.case.patient.key)
            self._core.tell(Told(str(error)))

    def _take_strokes(self) -> None:
        """A stroke that ended while contours come was made on the contour that was there: it is taken before
        theirs reaches the scene, and counts as drawn by hand."""
        arriving = self.contouring.is_arriving or self.is_catching_up
        if arriving and self._core.case_or_none is not None and self.editing.working_scene_changed:
            self.editing.take()

    def _scene_went(self) -> None:
        """Somebody closed the scene under the patient: what was worked on is saved, and nothing is shown."""
        try:
            if self.saving.due:
                self.saving.save_now()
        except AmlartError as error:
            self._core.tell(SaveFailed(error))
        self._let_go()
        self._core.scene.clear()

    def _let_go(self) -> None:
        if self._core.case_or_none is None:
            return
        self._core.case_or_none = None
        self._core.backlog.clear()
        self.review.forget_views()
        self.fixing.let_go()
        self.second.let_go()
        self._store.let_go()
        if self._hold is not None:
            self._hold.release()
            self._hold = None
        self._core.tell(PatientClosed())


def _saved_case(patient: Patient, saved: Saved, core: Core) -> Case:
    record = from_parameters(saved.parameters)
    drawn = without_rest(saved.parts, record.borders)
    return Case(patient, drawn, saved.kept, record, core.catalogue)
