"""Is a cohort fit to learn from? Every case is read, measured and compared with the others.

Nothing is mended. What is found goes by subject, from "refused" (the case cannot be used) to "for
information"; volumes of broken rules are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.domain.rules import Severity, check_labels, said
from AmlartContourLib.exchange.report.box_plot import spread
from AmlartContourLib.exchange.report.pictures import Picture, glances
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.dataset.cohort import Cohort, CohortCase, LabelledCase, read_case
from inference_backend.dataset.same_scan import ScanPrint, scan_print

LEAST_FOR_OUTLIERS = 8
PERCENTILES = (1, 50, 99)
Report = Callable[[float, str], None]


class Subject(Enum):
    """What a finding is about."""

    REFUSED = "cannot be read"
    GEOMETRY = "geometry"
    LABELS = "labels"
    RULES = "rules"
    INTENSITIES = "intensities"
    FIELD_OF_VIEW = "field of view"
    DUPLICATES = "duplicates"
    VOLUMES = "volumes"


@dataclass(frozen=True)
class Finding:
    """One thing to know about one case."""

    case: str
    subject: Subject
    severity: Severity
    text: str


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """What was measured on one case. Volumes in cm3 by catalogue id; HU at the 1st, 50th, 99th percentile."""

    id: str
    comment: str
    size_ijk: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    hu: tuple[float, float, float]
    volumes_cc: dict[str, float]
    print: ScanPrint = field(repr=False)
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class CohortCheck:
    """Facts of every case that could be read, and all findings."""

    facts: tuple[CaseFacts, ...]
    findings: tuple[Finding, ...]
    structures: tuple[str, ...]

    @property
    def same(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cases that are one scan: they belong on one side of every split."""
        return tuple(_same_pairs(self.facts))

    @property
    def usable(self) -> tuple[str, ...]:
        """Cases that could be read."""
        return tuple(facts.id for facts in self.facts)


def check_cohort(cohort: Cohort, report: Report, *, pictures: bool = True) -> CohortCheck:
    """Reads and checks every case, one at a time. A case that is refused is a finding, never an end."""
    facts: list[CaseFacts] = []
    findings: list[Finding] = []
    for number, case in enumerate(cohort.cases):
        report(number / len(cohort.cases), case.id)
        try:
            read = read_case(case, cohort.form)
        except AmlartError as error:
            findings.append(Finding(case.id, Subject.REFUSED, Severity.WARNING, error.what))
            continue
        facts.append(_facts(case, read, pictures))
        findings += _of_case(read)
    seen = {structure_id for one in facts for structure_id in one.volumes_cc}
    structures = tuple(structure_id for structure_id in catalogue() if structure_id in seen)
    labelled = {case.id for case in cohort.labelled}
    findings += _missing(facts, structures, labelled)
    findings += _duplicates(facts)
    findings += _unusual_volumes(facts, structures)
    order = {case.id: number for number, case in enumerate(cohort.cases)}
    findings.sort(key=lambda found: (order[found.case], list(Subject).index(found.subject)))
    return CohortCheck(tuple(facts), tuple(findings), structures)


def _facts(case: CohortCase, read: LabelledCase, pictures: bool) -> CaseFacts:
    scan = read.scan
    low, middle, high = (float(v) for v in np.percentile(scan.hu_kji[::2, ::4, ::4], PERCENTILES))
    return CaseFacts(
        id=case.id,
        comment=case.comment,
        size_ijk=scan.geometry.size_ijk,
        spacing_mm=scan.geometry.spacing_mm,
        hu=(low, middle, high),
        volumes_cc={contour.structure_id: contour.mask.volume_cc for contour in read.structures},
        print=scan_print(scan),
        pictures=glances(scan, read.structures, catalogue()) if pictures else (),
    )


def _of_case(read: LabelledCase) -> Iterator[Finding]:
    def found(subject: Subject, severity: Severity, text: str) -> Finding:
        return Finding(read.id, subject, severity, text)

    for text in read.broken:
        subject = Subject.GEOMETRY if "another grid" in text else Subject.REFUSED
        yield found(subject, Severity.WARNING, text)
    for text in read.scan.findings:
        yield found(Subject.INTENSITIES if "HU" in text else Subject.GEOMETRY, Severity.INFO, text)
    for text in read.messages:
        yield found(Subject.LABELS, Severity.INFO, text)
    for contour in read.structures:
        name = said(contour.structure_id)
        if contour.mask.is_empty:
            yield found(Subject.LABELS, Severity.INFO, f"The label of the {name} is empty.")
            continue
        ends = contour.mask.box.start_kji[0], contour.mask.box.stop_kji[0]
        if ends[0] == 0 or ends[1] == read.scan.geometry.shape_kji[0]:
            text = f"The {name} reaches the first or last slice: the scan may cut it off."
            yield found(Subject.FIELD_OF_VIEW, Severity.WARNING, text)
    for message in check_labels(read.structures):
        yield found(Subject.RULES, message.severity, message.text)


def _missing(
    facts: Iterable[CaseFacts], structures: tuple[str, ...], labelled: set[str]
) -> Iterator[Finding]:
    for one in facts:
        lacking = [said(i) for i in structures if i not in one.volumes_cc]
        if lacking and one.id in labelled:
            text = f"No label of: {', '.join(lacking)}. The case is used for the others."
            yield Finding(one.id, Subject.LABELS, Severity.WARNING, text)


def _same_pairs(facts: Iterable[CaseFacts]) -> Iterator[tuple[str, str]]:
    known: list[CaseFacts] = []
    for one in facts:
        for other in known:
            if one.print.is_same(other.print):
                yield other.id, one.id
        known.append(one)


def _duplicates(facts: Iterable[CaseFacts]) -> Iterator[Finding]:
    for first, second in _same_pairs(facts):
        text = f"The scan is the same as, or nearly, that of {first}: keep both on one side of every split."
        yield Finding(second, Subject.DUPLICATES, Severity.WARNING, text)


def _unusual_volumes(facts: list[CaseFacts], structures: tuple[str, ...]) -> Iterator[Finding]:
    for structure_id in structures:
        volumes = {f.id: v for f in facts if (v := f.volumes_cc.get(structure_id, 0.0)) > 0}
        if len(volumes) < LEAST_FOR_OUTLIERS:
            continue
        box = spread(volumes)
        for case, volume in box.outliers:
            text = (
                f"The {said(structure_id)} has {volume:.1f} cm3; half of all have {box.lower_quartile:.1f} to"
            )
            yield Finding(case, Subject.VOLUMES, Severity.WARNING, f"{text} {box.upper_quartile:.1f} cm3.")
