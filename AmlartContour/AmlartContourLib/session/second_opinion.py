"""A second opinion: another engine's contours, kept aside to be compared with, and never edited or exported.

What came first stays what it is. Figures are worked out beside the window. A threshold is used only where
local cases gave one for exactly these two engines; else the disagreement is shown and nothing is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from AmlartContourLib.client.job_run import Connect, JobProgress
from AmlartContourLib.client.worker import Failed, Finished, Progressed, Worker
from AmlartContourLib.contract.effort import StructureEffort
from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.exchange.pair_files import NOT_CALIBRATED
from AmlartContourLib.measures.disagreement import Disagreement, disagreement_of_two
from AmlartContourLib.measures.expected_effort import expected_effort
from AmlartContourLib.measures.second_opinion import PairCalibration, StructureThreshold
from AmlartContourLib.session.contouring import task_of
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import ChoicesChanged, ProgressChanged, Told
from AmlartContourLib.session.record import first_engine

NO_FIRST = "No threshold: the contours that came first are not one engine's."
TOO_FEW = "No threshold: too few cases of this site had this structure ({n})."
OTHER_TOLERANCE = "No threshold at this tolerance: it was made for {mm:g} mm."
ARRIVED = (
    "A second opinion by {engine} is here, see the panel Effort. That two engines agree does not show that "
    "either is right."
)
Find = Callable[[Engine, Engine], tuple[PairCalibration | None, str]]


@dataclass(frozen=True, eq=False)
class Opinion:
    """One structure by the second engine. `apart`: how far from the contour that came first, at
    `tolerance_mm`. `expected` and `is_beyond` the threshold: None where none is used, and `why_none` says
    why."""

    engine: Engine
    tolerance_mm: float
    apart: Disagreement
    threshold: StructureThreshold | None
    expected: StructureEffort | None
    why_none: str

    @property
    def is_beyond(self) -> bool | None:
        """More disagreement than four of five local cases had."""
        least = self.threshold.fraction if self.threshold else None
        return None if least is None else self.apart.fraction > least

    @property
    def slices_mm2(self) -> dict[int, float]:
        """By axial slice: the area on which the engines part; with a threshold only areas beyond it."""
        least = (self.threshold.slice_mm2 if self.threshold else None) or 0.0
        areas = enumerate(self.apart.redraw_mm2.tolist(), self.apart.first_k)
        return {k: area for k, area in areas if area > least}


@dataclass(frozen=True, eq=False)
class _Compared:
    came: Mask
    second: Mask
    tolerance_mm: float
    apart: Disagreement

    def is_of(self, wanted: tuple[Mask, Mask, float]) -> bool:
        came, second, tolerance_mm = wanted
        return self.came is came and self.second is second and self.tolerance_mm == tolerance_mm


class SecondOpinion:
    """One at a time, for the patient that is open."""

    def __init__(self, core: Core, connect: Connect, find: Find) -> None:
        self._core = core
        self._worker = Worker(connect)
        self._find = find
        self._asked: tuple[str, str] | None = None
        self._progress: JobProgress | None = None
        self._compared: dict[str, _Compared] = {}
        self._future: Future[dict[str, _Compared]] | None = None

    @property
    def running(self) -> bool:
        """True while the second engine works."""
        return self._asked is not None

    @property
    def progress(self) -> JobProgress | None:
        """How far it is."""
        return self._progress

    @property
    def engine(self) -> Engine | None:
        """Whose opinion the open patient has; None for none."""
        second = self._second()
        return Engine(second.engine, second.engine_version) if second else None

    def start(self, engine: EngineInfo) -> None:
        """Asks another engine about the structures that came. BadSetting where nothing came yet, in a blind
        look, or where the engine is the one that drew them; BackendRefused while one runs."""
        case = self._core.case
        wanted = tuple(i for i in case.originals.ids if i in engine.gives and i in case.structures)
        if case.record.is_blind or not wanted:
            raise BadSetting(
                f"There is no contour yet that {engine.title} could be compared with.",
                advice="Contour first, and reveal the contours.",
            )
        if (first := first_engine(case.record)) is not None and first.name == engine.id:
            raise BadSetting(
                f"{engine.title} drew the contours that are here.",
                advice="Ask another engine for its opinion.",
            )
        self._asked = self._worker.start(task_of(case, engine, wanted)), case.patient.key
        self._progress = None
        self._core.tell(ProgressChanged())

    def cancel(self) -> None:
        """Stops it soon; the opinion before stays."""
        self._worker.cancel()

    def forget(self) -> None:
        """Takes the opinion away."""
        case = self._core.case
        case.keep(replace(case.kept, second=None))
        self._core.tell(ChoicesChanged())

    def of(self, structure_id: str, tolerance_mm: float) -> Opinion | None:
        """On one structure; None where there is none, or while it is being worked out."""
        case, engine, found = self._core.case, self.engine, self._compared.get(structure_id)
        wanted = self._wanted(structure_id, tolerance_mm)
        if engine is None or wanted is None or found is None or not found.is_of(wanted):
            return None
        first = first_engine(case.record)
        return opinion_on(structure_id, found.apart, tolerance_mm, first, engine, self._find)

    def poll(self, tolerance_mm: Callable[[str], float]) -> None:
        """Takes what the engine has to say, and what was worked out."""
        for event in self._worker.poll():
            if self._asked is None or event.job != self._asked[0]:
                continue
            if isinstance(event, Progressed):
                self._progress = event.progress
            else:
                key, self._asked, self._progress = self._asked[1], None, None
                if isinstance(event, Finished):
                    self._finished(key, event.contours)
                elif isinstance(event, Failed):
                    self._core.tell(Told(str(event.error)))
            self._core.tell(ProgressChanged())
        self._work_out(tolerance_mm)

    def let_go(self) -> None:
        """The patient was closed: nothing that was worked out for her stays."""
        self._compared, self._future = {}, None

    def close(self) -> None:
        """Ends what runs and waits for its thread, a moment."""
        self._worker.close()
        self._asked = self._progress = None

    def _finished(self, key: str, contours: Contours) -> None:
        case = self._core.case_or_none
        if case is None or case.patient.key != key:
            return
        case.structures.geometry.require_same(contours.masks.geometry, "The second opinion")
        case.keep(replace(case.kept, second=contours))
        told = f"A second opinion by {contours.engine} {contours.engine_version} was asked."
        case.note(replace(case.record, findings=tuple(dict.fromkeys((*case.record.findings, told)))))
        self._core.tell(Told(ARRIVED.format(engine=contours.engine)), ChoicesChanged())

    def _work_out(self, tolerance_mm: Callable[[str], float]) -> None:
        if self._future is not None and self._future.done():
            done, self._future = self._future, None
            self._compared |= done.result()
            self._core.tell(ChoicesChanged())
        case, second = self._core.case_or_none, self._second()
        if self._future is not None or case is None or second is None or case.record.is_blind:
            return
        due = {}
        for structure_id in second.masks.ids:
            wanted = self._wanted(structure_id, tolerance_mm(structure_id))
            found = self._compared.get(structure_id)
            if wanted is not None and (found is None or not found.is_of(wanted)):
                due[structure_id] = wanted
        if due:
            pool = ThreadPoolExecutor(1, "second-opinion")
            self._future = pool.submit(_compared, due)
            pool.shutdown(wait=False)

    def _second(self) -> Contours | None:
        case = self._core.case_or_none
        return case.kept.second if case else None

    def _wanted(self, structure_id: str, tolerance_mm: float) -> tuple[Mask, Mask, float] | None:
        """What is compared; None where one of both is not there. That the second engine found nothing is an
        opinion too."""
        case, second = self._core.case, self._second()
        if second is None or structure_id not in second.masks or not case.originals.has(structure_id):
            return None
        return case.originals.mask(structure_id), second.masks.mask(structure_id), tolerance_mm


def opinion_on(
    structure_id: str,
    apart: Disagreement,
    tolerance_mm: float,
    first: Engine | None,
    second: Engine,
    find: Find,
) -> Opinion:
    """How far two engines are apart on a structure at a tolerance, with what local cases say of that."""
    pair, one, why = _calibrated(structure_id, tolerance_mm, first, second, find)
    expected = expected_effort(one.rules, apart, pair.coverage) if pair and one else None
    return Opinion(second, tolerance_mm, apart, one, expected, why)


def _calibrated(
    structure_id: str, tolerance_mm: float, first: Engine | None, second: Engine, find: Find
) -> tuple[PairCalibration | None, StructureThreshold | None, str]:
    """What local cases say of the structure, or the sentence why nothing is said."""
    if first is None:
        return None, None, NO_FIRST
    try:
        found, why = find(first, second)
    except AmlartError as error:
        return None, None, str(error)
    if found is None:
        return None, None, why
    one = found.of(structure_id)
    if one is None or one.fraction is None:
        return None, None, TOO_FEW.format(n=one.cases if one else 0)
    if one.rules.tolerance_mm != tolerance_mm:
        return None, None, OTHER_TOLERANCE.format(mm=one.rules.tolerance_mm)
    return found, one, ""


def no_pairs(_first: Engine, _second: Engine) -> tuple[None, str]:
    """Where no folder of calibrations is known."""
    return None, NOT_CALIBRATED


def _compared(due: Mapping[str, tuple[Mask, Mask, float]]) -> dict[str, _Compared]:
    """On a thread of its own."""
    return {
        structure_id: _Compared(came, second, mm, disagreement_of_two(came, second, mm))
        for structure_id, (came, second, mm) in due.items()
    }
