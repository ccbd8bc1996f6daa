"""Editing expected before, as the engine gives it, and measured after: now against the contour as it came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from AmlartContourLib.contract.effort import StructureEffort
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures import accelerator
from AmlartContourLib.measures.comparison import Comparison, usable_tolerances
from AmlartContourLib.measures.incremental import LiveComparison
from AmlartContourLib.measures.second_opinion import Basis, joined, slice_sources
from AmlartContourLib.session.case import Case
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import ChoicesChanged, Event, PatientClosed, PatientOpened
from AmlartContourLib.session.second_opinion import Opinion, SecondOpinion

NO_ESTIMATE = "No estimate: the engine gives none for this structure."
NOTHING_CAME = "No contour of this structure came in to measure against."
NOT_EDITED = "Not edited."
UNCALIBRATED = f"{Basis.SECOND.value}, not calibrated"
OTHER_TOLERANCE = "No estimate at this tolerance: it was made for {mm:g} mm."


class Standing(Enum):
    """A contour against the one that came. `UNEDITED` is known without measuring: nothing to redraw, surface
    Dice 1."""

    UNEDITED = "unedited"
    EDITED = "edited"
    NOTHING_CAME = "nothing came"


@dataclass(frozen=True)
class EffortRow:
    """One structure. What is withheld is None, and the sentence beside it says why. `expected` is from before
    the editing, the larger of what the model's spread and a second opinion expect (`expected_from`);
    `measured` is from the contour as it came to the contour as it is."""

    structure_id: str
    name: str
    tolerance_mm: float
    tolerance_is_default: bool
    expected: StructureEffort | None
    expected_withheld: str
    measured: Comparison | None
    measured_withheld: str
    standing: Standing
    expected_from: Basis | None = None
    opinion: Opinion | None = None


@dataclass(frozen=True)
class LookFirst:
    """A slice where much is to be expected: the area in mm2, and what says so."""

    k: int
    area_mm2: float
    source: str


@dataclass(frozen=True)
class SliceRedraw:
    """One axial slice of a structure: the area in mm2 that was expected to be redrawn, and the area that was,
    at the structure's tolerance. None where nothing is known."""

    k: int
    expected_mm2: float | None
    measured_mm2: float | None


class Effort:
    """The effort panel's use cases. Only edited structures are measured, and each follows its edits."""

    def __init__(self, core: Core, second: SecondOpinion) -> None:
        self._core = core
        self._second = second
        self._case: Case | None = None
        self._live: dict[str, tuple[LiveComparison, Mask, float]] = {}
        core.subscribe(self._heard)

    def _heard(self, event: Event) -> None:
        """The first stroke is not to wait for the compiled loops. A closed case is let go of at once."""
        if isinstance(event, PatientOpened):
            accelerator.load_meanwhile()
        elif isinstance(event, PatientClosed):
            self._case, self._live = None, {}

    def rows(self) -> tuple[EffortRow, ...]:
        """All parts, levels and organs that are there, those with most to redraw first."""
        found = [self._row(i) for i in self._core.case.structures.ids]
        return tuple(sorted(found, key=lambda row: -_weight(row)))

    def measure(self, structure_id: str) -> Comparison | None:
        """Now against the contour as it came; None where none came."""
        case = self._core.case
        if structure_id not in case.originals:
            return None
        if case is not self._case:
            self._case, self._live = case, {}
        came, now = case.originals.mask(structure_id), case.structures.mask(structure_id)
        tolerance_mm = self.tolerance_mm(structure_id)
        live, against, at_mm = self._live.get(structure_id, (None, None, None))
        if live is None or against is not came or at_mm != tolerance_mm:
            live = LiveComparison(now, came, tolerance_mm=tolerance_mm)
            self._live[structure_id] = (live, came, tolerance_mm)
            return live.comparison
        live.edit_reference(now)
        return live.comparison

    def by_slice(self, structure_id: str) -> tuple[SliceRedraw, ...]:
        """The slices that hold the structure, held it, or were expected to change, from inferior."""
        row, case = self._row(structure_id), self._core.case
        held = case.slices(structure_id)
        measured = {one.k: one.redraw_mm2 for one in row.measured.slices} if row.measured else {}
        if row.standing is Standing.UNEDITED:
            measured = dict.fromkeys(held, 0.0)
        one = row.expected
        expected = {one.first_k + n: area for n, area in enumerate(one.redraw_mm2) if area} if one else {}
        if expected:
            expected = {**dict.fromkeys(held, 0.0), **expected}
        return tuple(
            SliceRedraw(k, expected.get(k), measured.get(k)) for k in sorted({*held, *measured, *expected})
        )

    def look_first(self, structure_id: str, count: int) -> tuple[LookFirst, ...]:
        """At most that many slices to look at first, most area first: what is expected of them, and where two
        engines part; of one slice the larger area counts."""
        mm = self.tolerance_mm(structure_id)
        spread, _ = _expected(self._core.case, structure_id, mm)
        opinion = self._second.of(structure_id, mm)
        expected = slice_sources(spread, opinion.expected if opinion else None)
        parted = opinion.slices_mm2 if opinion else {}
        found = {
            k: LookFirst(k, area, basis.value)
            for k, (area, basis) in expected.items()
            if basis is Basis.SPREAD or k in parted
        }
        if opinion is not None and opinion.expected is None:
            for k, area in parted.items():
                if k not in found or area > found[k].area_mm2:
                    found[k] = LookFirst(k, area, UNCALIBRATED)
        return tuple(sorted(found.values(), key=lambda one: (-one.area_mm2, one.k))[:count])

    def tolerance_mm(self, structure_id: str) -> float:
        """The tolerance of a structure: as it was set, else the catalogue's."""
        set_mm = self._core.case.record.tolerances_mm.get(structure_id)
        return self._core.catalogue[structure_id].tolerance_mm if set_mm is None else set_mm

    def set_tolerance(self, structure_id: str, tolerance_mm: float | None) -> None:
        """Another tolerance; None: the catalogue's. BadSetting where it cannot be."""
        case = self._core.case
        entry = self._core.catalogue[structure_id]
        if tolerance_mm is not None:
            usable_tolerances([tolerance_mm])
        changed = {i: mm for i, mm in case.record.tolerances_mm.items() if i != entry.id}
        if tolerance_mm is not None:
            changed[entry.id] = tolerance_mm
        case.note(replace(case.record, tolerances_mm=changed))
        self._core.tell(ChoicesChanged())

    def _row(self, structure_id: str) -> EffortRow:
        case = self._core.case
        withheld, measured, standing = "", None, Standing.EDITED
        tolerance_mm = self.tolerance_mm(structure_id)
        spread, why_none = _expected(case, structure_id, tolerance_mm)
        opinion = self._second.of(structure_id, tolerance_mm)
        expected, basis = joined(spread, opinion.expected if opinion else None)
        if structure_id not in case.originals:
            withheld, standing = NOTHING_CAME, Standing.NOTHING_CAME
        elif self._is_as_it_came(structure_id):
            withheld, standing = NOT_EDITED, Standing.UNEDITED
        else:
            measured = self.measure(structure_id)
        return EffortRow(
            structure_id=structure_id,
            name=self._core.catalogue[structure_id].display_name,
            tolerance_mm=tolerance_mm,
            tolerance_is_default=structure_id not in case.record.tolerances_mm,
            expected=expected,
            expected_withheld="" if expected is not None else why_none,
            measured=measured,
            measured_withheld=withheld,
            standing=standing,
            expected_from=basis,
            opinion=opinion,
        )

    def _is_as_it_came(self, structure_id: str) -> bool:
        case = self._core.case
        came, now = case.originals.mask(structure_id), case.structures.mask(structure_id)
        return came is now or came.same_voxels(now)


def _weight(row: EffortRow) -> float:
    """What is sorted by: the fraction to redraw, measured before expected."""
    if row.measured is not None:
        return row.measured.fraction_to_redraw or 0.0
    fraction = row.expected.fraction_to_redraw if row.expected else None
    return fraction.expected if fraction else 0.0


def _expected(case: Case, structure_id: str, tolerance_mm: float) -> tuple[StructureEffort | None, str]:
    """What the engine expected of a structure at a tolerance, or None and why nothing is said."""
    all_expected = case.record.expected
    if all_expected is None:
        return None, NO_ESTIMATE
    if all_expected.withheld:
        return None, all_expected.withheld
    one = all_expected.of(structure_id)
    if one is None:
        return None, NO_ESTIMATE
    if one.why_none:
        return None, one.why_none
    if one.tolerance_mm != tolerance_mm:
        return None, OTHER_TOLERANCE.format(mm=one.tolerance_mm)
    return one, ""
