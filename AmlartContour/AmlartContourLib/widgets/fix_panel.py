"""Fix here: the clinician points in the slice views, an engine proposes a change, and the clinician decides.

Points are Slicer's own markups. The proposal is shown beside the contours and is in none until accepted.
"""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.review import slice_words
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.pointers import Pointers
from AmlartContourLib.scene.proposal_view import BOX, COME, GO, LIMIT, ProposalView
from AmlartContourLib.session.events import (
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    ProposalChanged,
    StructuresChanged,
)
from AmlartContourLib.session.fixing import Proposal
from AmlartContourLib.session.pointing import filled
from AmlartContourLib.session.prompted_engines import NONE, fixable, usable, why_none
from AmlartContourLib.widgets.fix_keys import FixKeys
from AmlartContourLib.widgets.fix_pointing import FixPointing
from AmlartContourLib.widgets.panel import Desk, Panel, silent


class FixPanel(Panel):
    """The panel of one proposal at a time."""

    UI = "Fix"
    FOLLOWS = (PatientOpened, PatientClosed, ProposalChanged, ProgressChanged, StructuresChanged)

    def __init__(self, desk: Desk, pointers: Pointers, view: ProposalView) -> None:
        super().__init__(desk)
        self._view = view
        self._engines: tuple[EngineInfo, ...] = ()
        self._none = NONE
        self._structures: list[str] = []
        self._drawn: dict[Any, Mask] = {}
        self.pointing = FixPointing(self, pointers)
        self.keys = FixKeys(self.ui.beginButton.click, self.ui.acceptButton.click, self.ui.rejectButton.click)
        self.on("clicked()", self.ui.beginButton, self.pointing.begin)
        self.on("clicked()", self.ui.askButton, self._ask)
        self.on("clicked()", self.ui.cancelButton, self.session.fixing.cancel)
        self.on("clicked()", self.ui.nextButton, self._next_slice)
        self.on("clicked()", self.ui.acceptButton, self._accept)
        self.on("clicked()", self.ui.rejectButton, self.session.fixing.reject)
        self.on("currentTextChanged(QString)", self.ui.engineBox, self.refresh)
        self.on("currentTextChanged(QString)", self.ui.structureBox, self._choose)
        self.on("valueChanged(double)", self.ui.inSliceSpin, self._draw)
        self.on("valueChanged(double)", self.ui.acrossSpin, self._draw)

    def offer(self, found: Capabilities) -> None:
        """The engines that a backend lists."""
        self._engines, self._none = usable(found.engines), why_none(found.engines)
        with silent(self.ui.engineBox):
            self.ui.engineBox.clear()
            self.ui.engineBox.addItems([engine.title for engine in self._engines])
        self.refresh()

    def poll(self) -> None:
        """Takes what was placed since the last look."""
        patient = self.session.patient
        if patient is not None and self.pointing.look(patient.scan.geometry):
            self.refresh()

    def close(self) -> None:
        """Lets go of the scene and of the keys."""
        self.keys.leave()
        self.detach()

    def detach(self) -> None:
        """Before the scene closes, and when another patient comes."""
        self.pointing.remove()
        self._view.remove()
        self._drawn = {}

    def refresh(self) -> None:
        """Draws what is so."""
        fixing, engine, proposal = self.session.fixing, self._engine(), self.session.fixing.proposal
        free = self.desk.is_open and engine is not None and not fixing.running and proposal is None
        self.ui.noneLabel.text = self._none
        self.ui.noneLabel.setVisible(engine is None)
        self._draw_structures(engine)
        self.ui.engineBox.enabled = self.ui.structureBox.enabled = free
        self.pointing.show(engine.prompts if engine else (), free=free)
        self.ui.beginButton.enabled = free
        ready = self.pointing.pointed.is_enough and self.chosen in self._structures
        self.ui.askButton.enabled = free and ready
        self._show_progress()
        self._show_proposal(proposal)
        self._draw()

    def _draw_structures(self, engine: EngineInfo | None) -> None:
        """Contours of their own that the engine knows; the chosen one among them."""
        there = self.session.case.structures if self.desk.is_open else None
        self._structures = list(fixable(engine, there)) if engine is not None and there is not None else []
        box = self.ui.structureBox
        with silent(box):
            box.clear()
            box.addItems([catalogue()[i].display_name for i in self._structures])
            box.currentIndex = self._structures.index(self.chosen) if self.chosen in self._structures else -1

    def _show_progress(self) -> None:
        fixing = self.session.fixing
        now = fixing.progress
        self.ui.bar.setVisible(fixing.running)
        self.ui.cancelButton.enabled = fixing.running
        self.ui.bar.value = int(now.fraction * 1000) if now else 0
        starting = _("Starting.") if fixing.running else ""
        self.ui.stageLabel.text = (now.stage or now.phase.value) if now else starting

    def _show_proposal(self, proposal: Proposal | None) -> None:
        waits = proposal is not None
        for widget in (self.ui.nextButton, self.ui.acceptButton, self.ui.rejectButton):
            widget.enabled = waits
        self.ui.proposalLabel.setVisible(waits)
        self.ui.proposalLabel.text = self._words(proposal) if proposal is not None else ""
        self.keys.wait(waits)

    def _words(self, proposal: Proposal) -> str:
        slices = proposal.slices(self.session.case.patient.axial)
        words = _(
            "Proposed, not in the contour: {name}. {come:.2f} cm3 would come, {go:.2f} cm3 would go, on {n} "
            "axial slices: {slices}. {findings}"
        )
        return words.format(
            name=catalogue()[proposal.structure_id].display_name,
            come=proposal.added.volume_cc,
            go=proposal.removed.volume_cc,
            n=len(slices),
            slices=slice_words(slices),
            findings=" ".join(proposal.findings),
        )

    def _draw(self) -> None:
        """The limit, the box and the proposal, into the views."""
        patient, pointed, proposal = self.session.patient, self.pointing.pointed, self.session.fixing.proposal
        if patient is None:
            self.detach()
            return
        drawn: dict[Any, Mask] = {}
        shown: dict[str, Mask] = {}
        if pointed.marks:
            region = pointed.region(patient.axial, self.pointing.reach)
            box = pointed.box
            for key, place in ((LIMIT, region), (BOX, box)):
                if place is not None:
                    drawn[key, place] = self._drawn.get((key, place)) or filled(place, patient.scan.geometry)
                    shown[key] = drawn[key, place]
        if proposal is not None:
            for key, change in ((COME, "added"), (GO, "removed")):
                drawn[key, proposal] = self._drawn.get((key, proposal)) or getattr(proposal, change)
                shown[key] = drawn[key, proposal]
        self._drawn = drawn
        self._view.show(shown)

    def _choose(self) -> None:
        index = self.ui.structureBox.currentIndex
        if 0 <= index < len(self._structures):
            self.desk.choose(self._structures[index])

    def _ask(self) -> None:
        engine, patient = self._engine(), self.session.patient
        if engine is None or patient is None:
            raise BadSetting(self._none)
        prompt: Prompt = self.pointing.pointed.prompt(self.chosen, patient.axial, self.pointing.reach)
        self.session.fixing.ask(engine, prompt)

    def _accept(self) -> None:
        self.session.fixing.accept(self.ui.nameEdit.text)
        self.pointing.clear()

    def _next_slice(self) -> None:
        """The first slice that would change, then the next."""
        patient, proposal = self.session.patient, self.session.fixing.proposal
        if patient is None or proposal is None:
            return
        slices, shown = proposal.slices(patient.axial), self.desk.views.current(patient.axial)
        ahead = [k for k in slices if shown is not None and k > shown] or list(slices)
        self.desk.views.jump(patient.axial, ahead[0])

    def _engine(self) -> EngineInfo | None:
        index = self.ui.engineBox.currentIndex
        return self._engines[index] if 0 <= index < len(self._engines) else None
