"""Fix here: a clinician points at a place, an engine proposes a change there, and the clinician decides.

A proposal changes nothing. Accepted, it is one step that undo takes back. Whatever the backend answers, only
the structure that was asked about can change, and only in the region that was given; both are made sure of
here too. A proposal falls when the patient is closed, or when its contour was changed in the meantime.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from AmlartContourLib.client.job_run import Connect, ContourTask, JobProgress
from AmlartContourLib.client.worker import Failed, Finished, Progressed, Worker
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import EngineInfo, Priority
from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.domain.axial import AxialSlices, changed_slices
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.case_record import AcceptedProposal, Engine
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.editing import Editing
from AmlartContourLib.session.events import ProgressChanged, ProposalChanged, Told

TOOL = "fix here"
NOTHING = "The engine would change nothing there."
STOPPED = "The engine was stopped. Nothing was changed."


@dataclass(frozen=True, eq=False)
class Proposal:
    """What would change. `mask`: the contour as it would be. `made_from`: as it is. Both on one grid."""

    structure_id: str
    mask: Mask
    made_from: Mask
    engine: Engine
    prompt: Prompt
    findings: tuple[str, ...]

    @property
    def added(self) -> Mask:
        """The voxels that would come."""
        return self.mask - self.made_from

    @property
    def removed(self) -> Mask:
        """The voxels that would go."""
        return self.made_from - self.mask

    def slices(self, axial: AxialSlices) -> tuple[int, ...]:
        """The axial slices that would change, rising."""
        return changed_slices(self.made_from, self.mask, axial)


@dataclass(frozen=True, eq=False)
class _Asked:
    job: str
    key: str
    prompt: Prompt
    made_from: Mask


class Fixing:
    """One prompt at a time."""

    def __init__(self, core: Core, editing: Editing, connect: Connect) -> None:
        self._core = core
        self._editing = editing
        self._worker = Worker(connect)
        self._asked: _Asked | None = None
        self._proposal: tuple[str, Proposal] | None = None
        self._progress: JobProgress | None = None

    @property
    def running(self) -> bool:
        """True while an engine works on a prompt."""
        return self._asked is not None

    @property
    def progress(self) -> JobProgress | None:
        """How far it is."""
        return self._progress

    @property
    def proposal(self) -> Proposal | None:
        """What waits for a decision, for the patient that is open; None once its contour is another."""
        case = self._core.case_or_none
        if self._proposal is None or case is None or self._proposal[0] != case.patient.key:
            return None
        found = self._proposal[1]
        now = case.structures.contours.get(found.structure_id)
        return found if now is not None and now.mask is found.made_from else None

    def ask(self, engine: EngineInfo, prompt: Prompt) -> None:
        """Asks an engine. BadSetting where it takes no prompts, where the structure cannot be edited or the
        prompt lies outside the scan; BackendRefused while one runs. A proposal that waits is dropped."""
        self._take_strokes()
        case = self._core.case
        _require_takes(engine, prompt)
        name = prompt.structure
        if name not in case.structures:
            raise BadSetting(
                f"{self._core.catalogue[name].display_name} is no contour of its own.",
                kept="Nothing was changed.",
                advice="Add it first, or choose one of the parts it is made of.",
            )
        shape = case.structures.geometry.shape_kji
        if any(stop > n for stop, n in zip(prompt.region.stop_kji, shape, strict=True)):
            raise BadSetting("The region reaches beyond the scan.", advice="Choose it within the scan.")
        now, scan = case.structures.mask(name), case.patient.scan
        task = ContourTask(
            hu_kji=scan.hu_kji,
            geometry=scan.geometry,
            engine=engine.id,
            wanted=(name,),
            context=case.structures.only([name]),
            priority=Priority.URGENT,
            client="workstation",
            prompt=prompt,
        )
        self._asked = _Asked(self._worker.start(task), case.patient.key, prompt, now)
        self._proposal = self._progress = None
        self._core.tell(ProposalChanged())

    def cancel(self) -> None:
        """Stops the engine soon; nothing changes."""
        self._worker.cancel()

    def accept(self, by: str) -> bool:
        """A person takes the proposal as one step; True where a voxel changed. BadSetting where none waits,
        or without a name."""
        self._take_strokes()
        proposal = self._waiting()
        if not by.strip():
            raise BadSetting(
                "Accepting a proposal needs a name.",
                kept="It waits, and nothing was changed.",
                advice="Write your name in the panel.",
            )
        self._proposal = None
        changed = self._editing.apply(
            proposal.structure_id, proposal.mask, TOOL, made_from=proposal.made_from
        )
        case = self._core.case
        record = case.record
        told = tuple(dict.fromkeys((*record.findings, *proposal.findings)))
        engines = tuple(dict.fromkeys((*record.engines, proposal.engine)))
        accepted = (*record.accepted, self._note(proposal, by.strip()))
        case.note(replace(record, engines=engines, findings=told, accepted=accepted))
        self._core.tell(ProposalChanged())
        return changed

    def reject(self) -> None:
        """Drops the proposal: nothing was changed, and there is nothing to undo. BadSetting where none
        waits."""
        self._waiting()
        self._proposal = None
        self._core.tell(ProposalChanged())

    def poll(self) -> None:
        """Takes what the engine has to say."""
        for event in self._worker.poll():
            if self._asked is None or event.job != self._asked.job:
                continue
            if isinstance(event, Progressed):
                self._progress = event.progress
                self._core.tell(ProgressChanged())
                continue
            asked, self._asked, self._progress = self._asked, None, None
            if isinstance(event, Finished):
                self._finished(asked, event.contours)
            else:
                self._core.tell(Told(str(event.error) if isinstance(event, Failed) else STOPPED))
            self._core.tell(ProposalChanged())

    def let_go(self) -> None:
        """The patient was closed: her proposal falls."""
        self._proposal = None

    def close(self) -> None:
        """Ends what runs and waits for its thread, a moment."""
        self._worker.close()
        self._asked = self._proposal = self._progress = None

    def _finished(self, asked: _Asked, contours: Contours) -> None:
        case = self._core.case_or_none
        if case is None or case.patient.key != asked.key:
            return
        name = asked.prompt.structure
        there = name in contours.masks
        mask = _within_region(asked, contours.masks.mask(name)) if there else asked.made_from
        if mask.same_voxels(asked.made_from):
            self._core.tell(Told(" ".join((NOTHING, *contours.findings[:1]))))
            return
        engine = Engine(contours.engine, contours.engine_version)
        proposal = Proposal(name, mask, asked.made_from, engine, asked.prompt, contours.findings)
        self._proposal = asked.key, proposal

    def _take_strokes(self) -> None:
        """What an editor drew and the case does not know yet comes first."""
        if self._core.case_or_none is not None and self._editing.working_scene_changed:
            self._editing.take()

    def _note(self, proposal: Proposal, by: str) -> AcceptedProposal:
        return AcceptedProposal(
            at=self._core.clocks.stamp(),
            structure_id=proposal.structure_id,
            engine=proposal.engine,
            prompt=proposal.prompt,
            accepted_by=by,
            added_voxels=proposal.added.voxel_count,
            removed_voxels=proposal.removed.voxel_count,
        )

    def _waiting(self) -> Proposal:
        if self.proposal is None:
            raise BadSetting("No change is proposed, or the contour was changed since.", advice="Ask again.")
        return self.proposal


def _within_region(asked: _Asked, answer: Mask) -> Mask:
    """The answer in the region, the contour as it was outside it. GeometryMismatch on another grid."""
    now = asked.made_from
    now.geometry.require_same(answer.geometry, "The proposed contour")
    region = Box(asked.prompt.region.start_kji, asked.prompt.region.stop_kji)
    whole = region.union(now.box)
    block = np.array(now.window(whole))
    block[region.within(whole).slices] = answer.window(region)
    return Mask.from_block(block, whole, now.geometry)


def _require_takes(engine: EngineInfo, prompt: Prompt) -> None:
    if not engine.takes_prompts:
        raise BadSetting(f"{engine.title} takes no prompts.", advice="Choose an engine that does.")
    beyond = prompt.kinds - set(engine.prompts)
    if beyond:
        kinds = ", ".join(sorted(kind.value for kind in beyond))
        taken = ", ".join(kind.value for kind in engine.prompts)
        raise BadSetting(f"{engine.title} takes no {kinds}.", advice=f"It takes {taken}.")
