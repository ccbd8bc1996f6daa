"""What a report is made of: domain values only, nothing formatted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.domain.composition import Composition
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue, Role
from AmlartContourLib.exchange.case_record import CaseRecord, Engine
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.report.styles import is_part_of_another, ordered
from AmlartContourLib.measures.disagreement import Disagreement
from AmlartContourLib.measures.set_comparison import StructureComparison


@dataclass(frozen=True)
class MeasuredEditing:
    """Two sets of contours and the figures between them.

    `reference_name` and `test_name` say in words what each set is, such as "current contours" and "contours
    of the model". `expected` is the editing of the test that was expected before, where one was.
    """

    reference: StructureSet
    test: StructureSet
    comparisons: tuple[StructureComparison, ...]
    reference_name: str = "reference"
    test_name: str = "test"
    expected: ExpectedEffort | None = None


@dataclass(frozen=True, eq=False)
class OpinionFigures:
    """One structure of a second opinion: how far `apart` it was from the contour that came, at the tolerance.
    `threshold`: the fraction to redraw that four of five cases of this site did not exceed; None, and a
    sentence in `why_none`, where there is none."""

    structure_id: str
    tolerance_mm: float
    apart: Disagreement
    threshold: float | None
    why_none: str = ""

    @property
    def is_beyond(self) -> bool:
        """More disagreement than four of five local cases had; False where there is no threshold."""
        return self.threshold is not None and self.apart.fraction > self.threshold


@dataclass(frozen=True, eq=False)
class ReportedOpinion:
    """Another engine's contours, compared with those that came; they are no part of the case."""

    engine: Engine
    structures: tuple[OpinionFigures, ...]


@dataclass(frozen=True)
class ReportData:
    """One case for one report.

    `structures` are the contours that came in or were made; `composition` the composites of them. Without a
    `scan` there are no pictures. `written` is the time shown as that of the report. `second`: the second
    opinion that was asked for the case, if one was.
    """

    catalogue: Catalogue
    structures: StructureSet
    record: CaseRecord
    written: datetime
    scan: CtScan | None = None
    composition: Composition | None = None
    editing: MeasuredEditing | None = None
    second: ReportedOpinion | None = None

    @property
    def all_contours(self) -> StructureSet:
        """The structures with the composites over them: what is listed and drawn."""
        if self.composition is None:
            return self.structures
        return self.structures.with_contours(*self.composition.composites)

    @property
    def drawn(self) -> StructureSet:
        """What pictures show: composites, parts as they entered them, and organs; no landmarks.

        Without a composition all structures but the sides and sub-levels of another one that is there.
        """
        contours = self.all_contours
        if self.composition is not None:
            contours = self.structures.with_contours(*self.composition.used, *self.composition.composites)
            wanted = {*self.composition.used.ids, *self.composition.composites.ids}
            other = [i for i in self.structures.ids if self.catalogue[i].role in (Role.ORGAN, Role.GTV)]
            contours = contours.only([*wanted, *other])
        shown = [
            i
            for i in ordered(contours.ids, self.catalogue)
            if contours.has(i)
            and self.catalogue[i].role is not Role.LANDMARK
            and not is_part_of_another(i, (other for other in contours.ids if contours.has(other)))
        ]
        return contours.only(shown)
