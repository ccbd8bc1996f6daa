"""The physicist's page: engines and their cards, the backend and its jobs, the edit log, licence and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.contract.messages import Capabilities, EngineInfo, JobStatus
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.contract.version import VERSION
from AmlartContourLib.session.events import Event, PatientOpened, StructuresChanged
from AmlartContourLib.web.desk import Desk

MOST_JOBS = 20
BAR = 180.0


class PhysicistPanel:
    """Panel "Physicist"."""

    def __init__(self, desk: Desk, connect: Connect) -> None:
        self._desk = desk
        self._connect = connect

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "models": [],
            "devices": [],
            "jobs": [],
            "log_rows": [],
            "research_only": RESEARCH_ONLY,
            "version": VERSION,
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"refresh_physicist": self.ask}

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

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

    async def ask(self) -> None:
        """Asks the backend for its jobs and engines."""
        found, jobs = await self._desk.beside(_ask, self._connect)
        self.show(found)
        self._desk.state.jobs = [_job(job) for job in jobs]

    def refresh(self) -> None:
        """See `Panel`."""
        case, state = self._desk.case, self._desk.state
        if case is None or state.panel != "physicist":
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
