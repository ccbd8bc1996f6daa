"""The physicist's page: engines and their cards, the backend and its jobs, the edit log, licence and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.messages import Capabilities, EngineInfo, JobStatus
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.contract.version import VERSION
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.session.commissioning import Edited, StructureWork, edited_structures, work_by_structure
from AmlartContourLib.session.events import Event, PatientOpened, StructuresChanged
from AmlartContourLib.session.worklist import Worklist
from AmlartContourLib.web.desk import Desk, css, name_in_list, percent

MOST_JOBS = 20
NO_JOBS = "No jobs."
BAR, BAR_STEP = 180.0, 15  # longest bar of the edit log; from one to the next
GREY_RGB = (160, 160, 160)
PLOT = (250.0, 120.0)  # width and height of the plotted area


class PhysicistPanel:
    """Panel "Physicist"."""

    def __init__(self, desk: Desk, connect: Connect, worklist: Worklist) -> None:
        self._desk = desk
        self._connect = connect
        self._worklist = worklist

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "models": [],
            "devices": [],
            "jobs": [],
            "jobs_text": NO_JOBS,
            "log_rows": [],
            "log_step": BAR_STEP,
            "work_rows": [],
            "work_plot": {"points": [], "most_s": 0},
            "research_only": RESEARCH_ONLY,
            "version": VERSION,
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"refresh_physicist": self.ask}

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"panel": self.look}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        return isinstance(event, PatientOpened | StructuresChanged)

    def show(self, found: Capabilities) -> None:
        """What a backend said it can do."""
        state = self._desk.state
        state.models = [_card(info) for info in found.engines]
        state.devices = [
            f"{d.name}: {'busy' if d.busy else 'idle'}, loaded: {', '.join(d.loaded) or 'nothing'}"
            for d in found.devices
        ]

    async def look(self, panel: str) -> None:
        """The panel was chosen: shows the backend's jobs, or why there are none to show."""
        if panel == "physicist":
            try:
                await self.ask()
            except AmlartError as error:
                self._desk.state.update({"jobs": [], "jobs_text": str(error)})

    async def ask(self) -> None:
        """Asks the backend for its jobs and engines."""
        found, jobs = await self._desk.beside(_ask, self._connect)
        self.show(found)
        self._desk.state.update({"jobs": [_job(job) for job in jobs], "jobs_text": NO_JOBS})
        self._show_work()

    def refresh(self) -> None:
        """See `Panel`."""
        case, state = self._desk.case, self._desk.state
        if state.panel != "physicist":
            return
        self._show_work()
        if case is None:
            state.log_rows = []
            return
        log = case.record.log
        cc = case.patient.scan.geometry.voxel_volume_cc
        seconds = log.active_s()
        longest = max(seconds.values(), default=0.0) or 1.0
        rows = []
        for structure_id in dict.fromkeys(entry.structure_id for entry in log.entries):
            own = [entry for entry in log.entries if entry.structure_id == structure_id]
            spent = seconds.get(structure_id, 0.0)
            rows.append(
                {
                    "name": self._desk.name_of(structure_id),
                    "edits": len(own),
                    "seconds": f"{spent:.0f}",
                    "added": f"{sum(e.added_voxels for e in own) * cc:.2f}",
                    "removed": f"{sum(e.removed_voxels for e in own) * cc:.2f}",
                    "bar": round(BAR * spent / longest),
                }
            )
        state.log_rows = rows

    def _show_work(self) -> None:
        """The saved sessions of the list; the open patient counts as she was saved last."""
        edited = edited_structures(self._worklist.records())
        self._desk.state.work_rows = [_work(row) for row in work_by_structure(edited)]
        self._desk.state.work_plot = _plot(edited)


def _work(row: StructureWork) -> dict[str, Any]:
    return {
        "name": name_in_list(row.structure_id),
        "edited": f"{row.edited} of {row.patients}",
        "expected": "" if row.median_expected is None else percent(row.median_expected),
        "seconds": f"{row.median_active_s:.0f}",
        "edits": row.edits,
    }


def _plot(edited: tuple[Edited, ...]) -> dict[str, Any]:
    """A point for each structure of each patient with an estimate: expected share against active seconds."""
    known = [(one, one.expected) for one in edited if one.expected is not None]
    most_s = max((one.active_s for one, _ in known), default=0.0) or 1.0
    width, height = PLOT
    return {
        "most_s": f"{most_s:.0f}",
        "points": [
            {
                "x": round(width * min(expected, 1.0), 1),
                "y": round(height * (1 - one.active_s / most_s), 1),
                "colour": _colour(one.structure_id),
                "title": f"{name_in_list(one.structure_id)}: "
                f"expected {percent(expected)}, {one.active_s:.0f} s",
            }
            for one, expected in known
        ],
    }


def _colour(structure_id: str) -> str:
    entry = catalogue().get(structure_id)
    return css(entry.colour_rgb if entry else GREY_RGB)


def _ask(connect: Connect) -> tuple[Capabilities, tuple[JobStatus, ...]]:
    client = connect()
    try:
        return client.capabilities(), client.jobs(MOST_JOBS)
    finally:
        client.close()


def _card(info: EngineInfo) -> dict[str, Any]:
    memory = "" if info.memory_bytes is None else f" Memory when loaded: {info.memory_bytes / 1e6:.0f} MB."
    lines = [
        info.intended_use,
        f"Gives: {', '.join(info.gives)}.",
        f"Runs on: {', '.join(info.devices)}.{memory}",
        f"Licence: {info.licence}",
    ]
    if not info.available:
        lines.append(f"{info.reason} {info.mend}".strip())
    return {
        "id": info.id,
        "name": info.title,
        "version": info.version,
        "available": info.available,
        "lines": lines,
    }


def _job(job: JobStatus) -> dict[str, Any]:
    took = "" if job.started_at is None or job.ended_at is None else f"{job.ended_at - job.started_at:.1f}"
    return {"id": job.job, "engine": job.engine, "state": job.state.value, "seconds": took}
