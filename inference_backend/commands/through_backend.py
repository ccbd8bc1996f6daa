"""An engine of a backend as a step of the loop: the scan goes there, the contours come back."""

from __future__ import annotations

from contextlib import suppress

from AmlartContourLib.client.job_run import Connect, ContourTask, JobProgress, JobRun, Phase
from AmlartContourLib.contract.errors import BackendProblem, BadSetting
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.loop import Contourer, Progress

CLIENT = "amlart-contour"
STARTS_AT = {
    Phase.PREPARING: 0.0,
    Phase.SENDING: 0.02,
    Phase.WAITING: 0.1,
    Phase.RECONNECTING: 0.1,
    Phase.CONTOURING: 0.1,
    Phase.FETCHING: 0.98,
}
SHARE = {Phase.SENDING: 0.08, Phase.CONTOURING: 0.88}  # of the bar; the other phases are short


def contourer(engine: str, connect: Connect) -> Contourer:
    """Contours with an engine, of which only the contours it uses are sent along.

    The step raises BadSetting for an engine that is not there, and what `JobRun.run` raises. Ctrl-C cancels
    the job before it goes on.
    """

    def contour(scan: CtScan, came_in: StructureSet, progress: Progress) -> Contours:
        info = _engine(engine, connect)
        used = came_in.only(i for i in (*info.needs_context, *info.uses_context) if came_in.has(i))
        context = used if len(used) else None
        task = ContourTask(scan.hu_kji, scan.geometry, engine, context=context, client=CLIENT)
        run = JobRun(task, connect, lambda told: progress(*_told(told)))
        try:
            return run.run()
        except KeyboardInterrupt:
            _cancel(run.job, connect)
            raise

    return contour


def _engine(engine: str, connect: Connect) -> EngineInfo:
    client = connect()
    try:
        engines = {info.id: info for info in client.capabilities().engines}
    finally:
        client.close()
    if engine not in engines:
        raise BadSetting(f"The backend has no engine {engine!r}.", advice=f"It has {', '.join(engines)}.")
    return engines[engine]


def _told(told: JobProgress) -> tuple[float, str]:
    fraction = STARTS_AT[told.phase] + SHARE.get(told.phase, 0.0) * told.fraction
    place = f" (place {told.position})" if told.position else ""
    return fraction, (told.stage or told.phase.value) + place


def _cancel(job: str, connect: Connect) -> None:
    with suppress(BackendProblem):
        client = connect()
        client.cancel(job)
        client.close()
