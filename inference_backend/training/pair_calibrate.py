"""Two engines on local cases that a clinician contoured: how far they part, and how far the first is from the
clinician. Out of it come thresholds for the second opinion, of this site alone.

One file for each case, so it goes on where it was ended; a file of other versions is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.disagreement import disagreement_of_two
from AmlartContourLib.measures.second_opinion import (
    COVERAGE,
    PAIR_FORMAT,
    PairCalibration,
    PairFigures,
    structure_threshold,
)
from inference_backend.dataset.cohort import Cohort, read_case
from inference_backend.loop import Contourer
from inference_backend.training.kept_figures import Report, each_kept


@dataclass(frozen=True)
class PairCase(Message):
    """The figures of one case, and by which engines."""

    case: str
    engines: tuple[str, ...]
    structures: tuple[PairFigures, ...]


@dataclass(frozen=True)
class Drawer:
    """An engine as the backend describes it, and how to contour with it."""

    info: EngineInfo
    contour: Contourer

    @property
    def words(self) -> tuple[str, str]:
        """Its name and version."""
        return self.info.id, self.info.version


def calibrate_pair(
    first: Drawer, second: Drawer, cohort: Cohort, out: Path, report: Report
) -> PairCalibration:
    """Contours every labelled case with both and measures them; `out` keeps the figures of each case.

    InputRefused where the cohort has no labelled case. Raises what the engines raise.
    """
    if not cohort.labelled:
        raise InputRefused("The cohort has no labelled case.", advice="Give one with contours.")
    engines = (*first.words, *second.words)

    def make(number: int) -> PairCase:
        case = cohort.labelled[number]
        read = read_case(case, cohort.form)
        drawn = [_drawn(drawer, read.scan, read.structures) for drawer in (first, second)]
        return PairCase(case.id, engines, tuple(_figures(drawn[0].masks, drawn[1].masks, read.structures)))

    names = [case.id for case in cohort.labelled]
    cases = each_kept(PairCase, names, out, lambda found: found.engines == engines, make, report)
    return _calibration(first, second, cases)


def _calibration(first: Drawer, second: Drawer, cases: Sequence[PairCase]) -> PairCalibration:
    rows = [row for case in cases for row in case.structures]
    book = catalogue()
    return PairCalibration(
        format=PAIR_FORMAT,
        first=first.info.id,
        first_version=first.info.version,
        second=second.info.id,
        second_version=second.info.version,
        cases=len(cases),
        coverage=COVERAGE,
        structures=tuple(
            structure_threshold(name, book[name].tolerance_mm, rows)
            for name in sorted({row.structure for row in rows})
        ),
    )


def _drawn(drawer: Drawer, scan: CtScan, labels: StructureSet) -> Contours:
    """An engine is given what it cannot do without, and never the contour that it is measured by."""
    needed = labels.only(i for i in drawer.info.needs_context if i in labels)
    return drawer.contour(scan, needed, lambda _fraction, _stage: None)


def _figures(first: StructureSet, second: StructureSet, truth: StructureSet) -> Iterator[PairFigures]:
    """Of each structure that the first engine and the clinician have; the second may have found nothing."""
    for name in first.ids:
        if not (first.has(name) and name in second and truth.has(name)):
            continue
        tolerance_mm = catalogue()[name].tolerance_mm
        apart = disagreement_of_two(first.mask(name), second.mask(name), tolerance_mm)
        edit = disagreement_of_two(first.mask(name), truth.mask(name), tolerance_mm)
        yield PairFigures(
            name,
            apart.fraction,
            apart.path_share,
            tuple(round(float(area), 2) for area in apart.redraw_mm2 if area > 0),
            edit.fraction,
            edit.path_share,
        )
