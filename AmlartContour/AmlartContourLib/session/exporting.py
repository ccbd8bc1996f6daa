"""Exporting the open patient: files that are read back before they count, and words on what was not written.

`prepare` takes the immutable values on the face's thread; the job then runs on any thread. Approval in the
sense of DICOM stays with the planning system: every file says UNAPPROVED.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from AmlartContourLib.domain.composition import Composition
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.review import Review, slice_words
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.case_record import CaseRecord, Engine
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.export import ALL_FORMATS, Format, Progress, export_case
from AmlartContourLib.exchange.provenance import Agreement, WrittenFile
from AmlartContourLib.exchange.report.data import (
    MeasuredEditing,
    OpinionFigures,
    ReportData,
    ReportedOpinion,
)
from AmlartContourLib.measures.disagreement import disagreement_of_two
from AmlartContourLib.measures.set_comparison import StructureComparison, compare_sets
from AmlartContourLib.session.case import Case
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import ReviewChanged
from AmlartContourLib.session.record import Record, first_engine
from AmlartContourLib.session.second_opinion import Find, opinion_on

REPORT, LOG_CSV, REVIEW = "report.html", "edit_log.csv", "review.json"
NO_REPORT = "The report needs jinja2 and matplotlib, which are not installed here."


@dataclass(frozen=True)
class ExportDone:
    """Where the export lies; each file with its hash; each contour that was read back and compared, by format
    (all equal, or the export would have been refused); and what was not written, in words."""

    folder: Path
    files: tuple[WrittenFile, ...]
    verified: tuple[Agreement, ...]
    not_written: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ExportJob:
    """One export, ready to run on any thread."""

    folder: Path
    formats: frozenset[Format]
    with_report: bool
    scan: CtScan
    structures: StructureSet
    originals: StructureSet
    second: Contours | None
    find_pair: Find
    composition: Composition
    record: CaseRecord
    session: Record
    catalogue: Catalogue
    of: Case
    shown: StructureSet  # the final contours of the case when the job was made

    @property
    def final(self) -> StructureSet:
        """The structures with the composites over them: what is written."""
        return self.structures.with_contours(*self.composition.composites)

    def is_of(self, case: Case | None) -> bool:
        """Whether the case still has these contours and this approval; slices seen since do not matter."""
        return (
            case is self.of
            and case.final is self.shown
            and case.review.approval == self.session.review.approval
        )

    def run(self, progress: Progress | None = None) -> ExportDone:
        """Writes and reads back. Raises ExportFailed and its kinds; then nothing is left in the folder."""
        without_report = self.with_report and not _can_report()
        done = export_case(
            self.folder,
            self.scan,
            self.final,
            self.record,
            self.catalogue,
            formats=self.formats,
            add_files=lambda folder: self._add_files(folder, self.with_report and not without_report),
            progress=progress,
        )
        empty = [self.catalogue[c.structure_id].display_name for c in self.final if c.mask.is_empty]
        not_written = [NO_REPORT] if without_report else []
        if empty and Format.RTSTRUCT in self.formats:
            not_written.append(f"Empty, so not in the RTSTRUCT: {', '.join(empty)}.")
        return ExportDone(done.folder, done.provenance.files, done.provenance.agreements, tuple(not_written))

    def _add_files(self, folder: Path, with_report: bool) -> None:
        (folder / LOG_CSV).write_text(self.session.log.to_csv(), encoding="utf-8", newline="")
        review = json.dumps(review_json(self.session.review), indent=2)
        (folder / REVIEW).write_text(review + "\n", encoding="utf-8")
        if with_report:
            self._report(folder / REPORT)

    def _report(self, path: Path) -> None:
        """Imported here, because Slicer has neither jinja2 nor matplotlib."""
        from AmlartContourLib.exchange.report.write import write_report

        came = self.originals.only(i for i in self.structures.ids if i in self.originals)
        edited = [i for i in came.ids if not came.mask(i).same_voxels(self.structures.mask(i))]
        editing = None
        if edited:
            now, before = self.structures.only(edited), came.only(edited)
            figures, expected = self._figures(now, before), self.session.expected
            editing = MeasuredEditing(now, before, figures, "contours now", "contours as they came", expected)
        write_report(
            path,
            ReportData(
                catalogue=self.catalogue,
                structures=self.structures,
                record=self.record,
                written=datetime.now(UTC),
                scan=self.scan,
                composition=self.composition,
                editing=editing,
                second=self._second_opinion(),
            ),
        )

    def _second_opinion(self) -> ReportedOpinion | None:
        """What the panel Effort shows of it, of the structures that came."""
        if self.second is None:
            return None
        first, found = first_engine(self.session), []
        second = Engine(self.second.engine, self.second.engine_version)
        for structure_id in self.second.masks.ids:
            if self.originals.has(structure_id):
                mm = self.session.tolerances_mm.get(structure_id, self.catalogue[structure_id].tolerance_mm)
                both = self.originals.mask(structure_id), self.second.masks.mask(structure_id)
                apart = disagreement_of_two(*both, mm)
                one = opinion_on(structure_id, apart, mm, first, second, self.find_pair)
                limit = one.threshold.fraction if one.threshold else None
                found.append(OpinionFigures(structure_id, mm, apart, limit, one.why_none))
        return ReportedOpinion(second, tuple(found))

    def _figures(self, now: StructureSet, before: StructureSet) -> tuple[StructureComparison, ...]:
        return compare_sets(now, before, self.catalogue, self.session.tolerances_mm)


class Exporting:
    """The use cases of the export panel."""

    def __init__(self, core: Core, find_pair: Find) -> None:
        self._core = core
        self._find_pair = find_pair

    def prepare(
        self, folder: Path, formats: frozenset[Format] = ALL_FORMATS, *, report: bool = True
    ) -> ExportJob:
        """An export of the patient as it is now, to run on any thread. `folder` is absent or empty."""
        case = self._core.case
        record = case_record(case, self._core)
        return ExportJob(
            folder=folder,
            formats=formats,
            with_report=report,
            scan=case.patient.scan,
            structures=case.structures,
            originals=case.originals,
            second=case.kept.second,
            find_pair=self._find_pair,
            composition=case.composition,
            record=record,
            session=case.record,
            catalogue=case.catalogue,
            of=case,
            shown=case.final,
        )

    def done(self, job: ExportJob) -> None:
        """On the face's thread: the patient is exported, unless its contours or approval changed since."""
        case = self._core.case_or_none
        if case is not None and job.is_of(case):
            case.note(replace(case.record, exported_at=self._core.clocks.stamp()))
            self._core.tell(ReviewChanged())

    def export(
        self,
        folder: Path,
        formats: frozenset[Format] = ALL_FORMATS,
        *,
        report: bool = True,
        progress: Callable[[float, str], None] | None = None,
    ) -> ExportDone:
        """All three in one call, on the face's thread."""
        job = self.prepare(folder, formats, report=report)
        written = job.run(progress)
        self.done(job)
        return written

    def log_csv(self) -> str:
        """The edit log as a table."""
        return self._core.case.record.log.to_csv()

    def log_json(self) -> str:
        """The edit log as JSON."""
        return json.dumps(self._core.case.record.log.to_json(), indent=2)


def case_record(case: Case, core: Core) -> CaseRecord:
    """What provenance and report say of the case. The reviewer is the person who approved, if one has."""
    record = case.record
    approval = record.review.approval
    return CaseRecord(
        pseudonym=case.patient.name,
        inputs=case.patient.inputs,
        engines=record.engines,
        preset=core.preset(),
        selection=case.selection,
        messages=case.messages,
        borders=case.borders,
        findings=(*record.findings, *_accepted_findings(case), *_review_findings(case)),
        reviewer=approval.by if approval else "",
        accepted=record.accepted,
    )


def review_json(review: Review) -> dict[str, object]:
    """The review as plain values: slices counted from 1."""
    return {
        "approved": {"by": review.approval.by, "at": review.approval.at} if review.approval else None,
        "structures": {
            structure_id: {
                "reviewed_by": one.marked_by or None,
                "reviewed_at": one.marked_at or None,
                "not_displayed_when_reviewed": [k + 1 for k in one.unseen_when_marked],
                "displayed": [k + 1 for k in one.seen],
            }
            for structure_id, one in review.structures.items()
        },
    }


def _accepted_findings(case: Case) -> tuple[str, ...]:
    """Each accepted proposal in a sentence."""
    return tuple(
        f"{case.catalogue[one.structure_id].display_name} was changed as {one.engine.name} proposed; "
        f"{one.accepted_by} accepted, {one.at}."
        for one in case.record.accepted
    )


def _review_findings(case: Case) -> tuple[str, ...]:
    """What a reader must know: what nobody has reviewed, and what was marked without being displayed."""
    held = [c.structure_id for c in case.final if not c.mask.is_empty]
    open_ids = [i for i in held if not case.review.of(i).marked_by]
    name = {i: case.catalogue[i].display_name for i in held}
    said = [f"Not reviewed by a person: {', '.join(name[i] for i in open_ids)}."] if open_ids else []
    for structure_id in held:
        unseen = case.review.of(structure_id).unseen_when_marked
        if unseen and structure_id not in open_ids:
            without = slice_words(unseen)
            said.append(f"{name[structure_id]} was reviewed without slices {without} being displayed.")
    return tuple(said)


def _can_report() -> bool:
    return all(find_spec(name) is not None for name in ("jinja2", "matplotlib"))
