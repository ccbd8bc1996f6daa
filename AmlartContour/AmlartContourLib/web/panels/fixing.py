"""Fix here: the clinician points in the views, an engine proposes a change, and the clinician decides.

What is pointed at is kept here until it is asked; the session keeps the proposal, which is in no contour
until it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.domain.review import slice_words
from AmlartContourLib.session.events import (
    ContoursArrived,
    Event,
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    ProposalChanged,
    StructuresChanged,
)
from AmlartContourLib.session.fixing import Proposal
from AmlartContourLib.session.pointing import Pointed
from AmlartContourLib.session.prompted_engines import NONE, fixable, usable, why_none
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.panels.fix_drawn import DrawnFix
from AmlartContourLib.web.panels.fix_pointing import Pointing


class FixPanel:
    """Panel "Fix here"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engines: dict[str, EngineInfo] = {}
        self._none = NONE
        self._engine = ""
        self._drawn = DrawnFix(desk)
        self.pointing = Pointing(desk, self.refresh)

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {"fix": self._shown(None), **self._drawn.start_state()}

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {
            **self.pointing.triggers(),
            "fix_begin": self.begin,
            "fix_engine": self.use_engine,
            "fix_ask": self.ask,
            "fix_cancel": self._desk.session.fixing.cancel,
            "fix_accept": self.accept,
            "fix_reject": self._desk.session.fixing.reject,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`. A tool of the editor needs the mouse too."""
        return {"tool": lambda tool: self.pointing.stop() if tool != "none" else None}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        if isinstance(event, PatientOpened | PatientClosed):
            self.pointing.end()
        mine = PatientOpened | PatientClosed | ProposalChanged | StructuresChanged | ContoursArrived
        return isinstance(event, mine) or (
            isinstance(event, ProgressChanged) and self._desk.session.fixing.running
        )

    def offer(self, found: Capabilities) -> None:
        """The engines that a backend lists."""
        self._engines = {info.id: info for info in usable(found.engines)}
        self._none = why_none(found.engines)
        self.use_engine(self._engine)

    def begin(self) -> None:
        """Shows the panel and waits for something to be pointed at."""
        if self._desk.case is not None:
            self._desk.state.panel = "fixing"
            self._require_engine()
            self.pointing.go_on()

    def use_engine(self, engine_id: str) -> None:
        """Another engine; the first where it is not there."""
        self._engine = engine_id if engine_id in self._engines else next(iter(self._engines), "")
        engine = self._engines.get(self._engine)
        self.pointing.offer(engine.prompts if engine else ())
        self.refresh()

    def ask(self) -> None:
        """Asks the engine about the chosen structure."""
        engine, active, case = self._require_engine(), self._desk.active, self._desk.session.case
        if active not in fixable(engine, case.structures):
            raise BadSetting(
                f"{engine.title} cannot put that structure right." if active else "No structure is chosen.",
                kept="Nothing was asked.",
                advice="Choose one of the list. CTVs and PTVs are made of other contours: fix those.",
            )
        prompt = self.pointing.pointed.prompt(active, case.patient.axial, self.pointing.reach)
        self._desk.session.fixing.ask(engine, prompt)

    def accept(self) -> None:
        """The person who is named takes the proposal."""
        self._desk.session.fixing.accept(str(self._desk.state.reviewer or ""))
        self.pointing.end()
        self.refresh()

    def refresh(self) -> None:
        """See `Panel`."""
        self._desk.state.fix = self._shown(self._desk.session.fixing.proposal)
        for name in self._desk.views.slices():
            self.draw(name)

    def draw(self, name: str) -> None:
        """What lies over one view, which may show another slice now. What is pointed at is shown with the
        panel, a proposal always."""
        case, looked_at = self._desk.case, self._desk.state.panel == "fixing"
        pointed = self.pointing.pointed if looked_at else Pointed()
        region = pointed.region(case.patient.axial, self.pointing.reach) if case and pointed.marks else None
        self._drawn.draw(name, pointed, region, self._desk.session.fixing.proposal)

    def _shown(self, proposal: Proposal | None) -> dict[str, Any]:
        """What the template reads."""
        fixing, case, engine = self._desk.session.fixing, self._desk.case, self._engines.get(self._engine)
        now = fixing.progress
        ids = fixable(engine, case.structures) if engine and case else ()
        place = f"Place {now.position} in the queue" if now and now.position else ""
        return {
            **self.pointing.shown(free=proposal is None and not fixing.running),
            "engine": self._engine,
            "engines": [{"id": e.id, "name": e.title} for e in self._engines.values()],
            "none": self._none,
            "structures": [{"id": i, "name": self._desk.name_of(i)} for i in ids],
            "running": fixing.running,
            "percent": round(now.fraction * 100) if now else 0,
            "stage": (now.stage or place or now.phase.value) if now else "Starting",
            "proposal": None if proposal is None or case is None else self._words(proposal),
        }

    def _words(self, proposal: Proposal) -> dict[str, Any]:
        slices = proposal.slices(self._desk.session.case.patient.axial)
        before, after = proposal.made_from.volume_cc, proposal.mask.volume_cc
        come, go = proposal.added.volume_cc, proposal.removed.volume_cc
        return {
            "name": self._desk.name_of(proposal.structure_id),
            "volumes": f"{come:.2f} cm³ would come, {go:.2f} cm³ would go: "
            f"{before:.1f} cm³ would become {after:.1f} cm³.",
            "slices": f"On {len(slices)} axial slices: {slice_words(slices)}.",
            "ks": sorted({slices[0], slices[len(slices) // 2], slices[-1]}),
            "findings": list(proposal.findings),
        }

    def _require_engine(self) -> EngineInfo:
        engine = self._engines.get(self._engine)
        if engine is None:
            raise BadSetting(self._none)
        return engine
