"""A second opinion, in the panel Effort: which other engine is asked, how far it is, where the two part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.session.effort import EffortRow
from AmlartContourLib.session.events import (
    ChoicesChanged,
    ContoursArrived,
    Event,
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk, percent

LOOK_FIRST = 4


class SecondPanel:
    """What the panel Effort shows of a second opinion."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engines: dict[str, EngineInfo] = {}
        self._engine = ""

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {"second": self._shown(), "look_first": []}

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        second = self._desk.session.second
        return {
            "second_engine": self.use_engine,
            "second_ask": self.ask,
            "second_cancel": second.cancel,
            "second_forget": second.forget,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        mine = PatientOpened | PatientClosed | ProgressChanged | ChoicesChanged
        return isinstance(event, mine | ContoursArrived | StructuresChanged)

    def offer(self, found: Capabilities) -> None:
        """The engines that a backend lists."""
        self._engines = {info.id: info for info in found.engines if info.available}
        self.use_engine(self._engine)

    def use_engine(self, engine_id: str) -> None:
        """Another engine; none where it is not there."""
        self._engine = engine_id if engine_id in self._engines else ""
        self.refresh()

    def ask(self) -> None:
        """Asks the chosen engine for its opinion."""
        engine = self._engines.get(self._engine)
        if engine is None:
            raise BadSetting("No engine is chosen.", advice="Choose whose opinion you want.")
        self._desk.session.second.start(engine)

    def refresh(self) -> None:
        """See `Panel`."""
        state, active, case = self._desk.state, self._desk.active, self._desk.case
        state.second = self._shown()
        state.look_first = (
            [
                {"k": one.k, "text": f"{one.area_mm2:.0f} mm²", "source": one.source}
                for one in self._desk.session.effort.look_first(active, LOOK_FIRST)
            ]
            if case is not None and active in case.structures
            else []
        )

    def _shown(self) -> dict[str, Any]:
        second = self._desk.session.second
        now, by = second.progress, second.engine
        named = self._engines.get(by.name) if by else None
        return {
            "engine": self._engine,
            "engines": [{"id": e.id, "name": e.title} for e in self._engines.values()],
            "running": second.running,
            "percent": round(now.fraction * 100) if now else 0,
            "stage": (now.stage or now.phase.value) if now else "Starting",
            "by": "" if by is None else f"{named.title if named else by.name} ({by.version})",
        }


def apart(row: EffortRow) -> dict[str, Any]:
    """How far a second opinion is from the contour that came, for the row of a structure."""
    opinion = row.opinion
    if opinion is None:
        return {"apart": "", "apart_title": "No second opinion on this structure", "beyond": False}
    far = opinion.apart
    words = (
        f"Surface Dice {1 - far.fraction:.3f} at {opinion.tolerance_mm:g} mm, "
        f"path to add {far.path_share * far.path_mm / 10:.1f} cm. "
    )
    if opinion.is_beyond:
        why = "More disagreement than four of five cases of this site had."
    else:
        why = opinion.why_none or "Within what four of five cases of this site had."
    return {
        "apart": percent(far.fraction),
        "apart_title": words + why,
        "beyond": bool(opinion.is_beyond),
    }
