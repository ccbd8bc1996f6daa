"""The open patient's contours, choices and review, and the one way to change them.

Invariants: `composition` equals `domain.composition.compose` of `structures` and `selection`; a step changes
the structures it names and no voxel of any other; contours as they came are never changed; every change
counts `version` up, so that saving knows what is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from AmlartContourLib.domain.axial import changed_slices
from AmlartContourLib.domain.composition import Composition
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.live_composition import LiveComposition
from AmlartContourLib.domain.review import Review, Stage
from AmlartContourLib.domain.rules import Place, Rule, RuleMessage, Severity
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.session.history import Drawn, History
from AmlartContourLib.session.patient import Patient
from AmlartContourLib.session.record import Phase, Record


@dataclass(frozen=True)
class Change:
    """Ids of the structures and of the composites whose voxels changed, that came, or that went."""

    structures: tuple[str, ...]
    composites: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """The final contours as they were at a moment (UTC)."""

    name: str
    at: str
    contours: StructureSet


@dataclass(frozen=True)
class Kept:
    """What a case keeps beside the parts: contours as they came (landmarks among them), contours held back in
    blind mode, and snapshots."""

    originals: StructureSet
    withheld: Contours | None = None
    snapshots: tuple[Snapshot, ...] = ()


class Case:
    """One patient while it is worked on."""

    def __init__(
        self, patient: Patient, drawn: Drawn, kept: Kept, record: Record, catalogue: Catalogue
    ) -> None:
        self.patient = patient
        self.catalogue = catalogue
        self.kept = kept
        self.record = replace(record, borders=drawn.borders)
        self.history = History()
        self.version = 0
        self._rest = drawn.rest
        self._live = LiveComposition(drawn.structures, record.selection, catalogue)
        self._final = self.structures.with_contours(*self.composition.composites)

    @property
    def structures(self) -> StructureSet:
        """Parts, levels and organs as they are now."""
        return self._live.structures

    @property
    def originals(self) -> StructureSet:
        """Contours as they came."""
        return self.kept.originals

    @property
    def composition(self) -> Composition:
        """What the selection makes of the structures."""
        return self._live.composition

    @property
    def selection(self) -> Selection:
        """What is chosen."""
        return self._live.selection

    @property
    def borders(self) -> tuple[LevelBorder, ...]:
        """The level borders as they are now."""
        return self.record.borders

    @property
    def review(self) -> Review:
        """What was seen, marked and approved."""
        return self.record.review

    @property
    def final(self) -> StructureSet:
        """The structures with the composites over them: what is reviewed and exported."""
        return self._final

    @property
    def drawn(self) -> Drawn:
        """All that steps change, as it is now."""
        return Drawn(self.structures, self._rest, self.borders)

    @property
    def messages(self) -> tuple[RuleMessage, ...]:
        """Those of the composition, and what of a nodal CTV belongs to no level."""
        if self._rest.is_empty:
            return self.composition.messages
        text = f"{self._rest.volume_cc:.2f} cm3 of the CTVn that came in belong to no level and are left out."
        where = Place.of(self._rest)
        left = RuleMessage(
            Rule.CTVN_OF_PARTS, Severity.WARNING, text, ("ctvn",), self._rest.volume_cc, place=where
        )
        return (*self.composition.messages, left)

    @property
    def phase(self) -> Phase:
        """Where the patient stands, a running job apart."""
        if self.record.exported_at:
            return Phase.EXPORTED
        if self.review.approval:
            return Phase.APPROVED
        if self.record.log.entries or any(one.marked_by for one in self.review.structures.values()):
            return Phase.IN_REVIEW
        targets = (*SELECTABLE, "ctvp", "ctvn")
        contoured = bool(self.record.engines) or any(self.structures.has(i) for i in targets)
        return Phase.READY if contoured else Phase.NEW

    @property
    def required(self) -> tuple[str, ...]:
        """Ids that an approval needs reviewed: all of the final contours but parts that are not chosen."""
        unused = SELECTABLE - set(self.composition.used.ids)
        return tuple(
            c.structure_id for c in self.final if not c.mask.is_empty and c.structure_id not in unused
        )

    def slices(self, structure_id: str) -> tuple[int, ...]:
        """The axial slices that hold a final contour."""
        return self.patient.axial.holding(self.final.mask(structure_id))

    def stage(self, structure_id: str) -> Stage:
        """How far the review of a final contour is."""
        return self.review.stage(structure_id, self.slices(structure_id))

    def draw(self, drawn: Drawn) -> Change:
        """After structures, the nodal rest or borders changed."""
        before = self.structures
        self._rest = drawn.rest
        moved = drawn.borders != self.borders
        self.record = replace(self.record, borders=drawn.borders)
        had = self.composition.composites.ids
        step = self._live.take(drawn.structures)
        composites = _composites_changed(had, self.composition.composites.ids, step.changed)
        return self._changed(_differing(before, drawn.structures), composites, moved)

    def choose(self, selection: Selection, preset: str | None = None) -> Change:
        """After another choice of parts, lengths, margins or rules."""
        differs = selection != self.selection
        had = self.composition.composites.ids
        step = self._live.choose(selection)
        self.record = replace(
            self.record, selection=selection, preset=self.record.preset if preset is None else preset
        )
        composites = _composites_changed(had, self.composition.composites.ids, step.changed)
        return self._changed((), composites, differs)

    def note(self, record: Record) -> None:
        """Another record, of the same choices and borders."""
        self.record = record
        self.version += 1

    def keep(self, kept: Kept) -> None:
        """Other originals, withheld contours or snapshots."""
        self.kept = kept
        self.version += 1

    def _changed(self, structures: tuple[str, ...], composites: tuple[str, ...], other: bool) -> Change:
        """Marks and approval fall where a final contour changed; the approval with any other change too."""
        before, self._final = self._final, self.structures.with_contours(*self.composition.composites)
        touched = _slices_changed(before, self._final, {*structures, *composites}, self.patient)
        review = self.review.changed(touched)
        if other or touched:
            review = review.without_approval()
            self.record = replace(self.record, review=review, exported_at="")
            self.version += 1
        return Change(structures, composites)


def _composites_changed(
    had: tuple[str, ...], have: tuple[str, ...], changed: Iterable[str]
) -> tuple[str, ...]:
    """Those whose voxels changed, and those that came or went without a voxel."""
    return tuple(dict.fromkeys((*changed, *sorted(set(had) ^ set(have)))))


def _differing(before: StructureSet, after: StructureSet) -> tuple[str, ...]:
    """Ids whose voxels differ, that came, or that went."""
    ids = dict.fromkeys((*before.ids, *after.ids))
    return tuple(
        i
        for i in ids
        if (i in before) != (i in after)
        or not (before.mask(i) is after.mask(i) or before.mask(i).same_voxels(after.mask(i)))
    )


def _slices_changed(
    before: StructureSet, after: StructureSet, ids: Iterable[str], patient: Patient
) -> Mapping[str, Collection[int]]:
    """The axial slices in which the final contours differ, by id; those without a difference are left out."""
    found: dict[str, Collection[int]] = {}
    for structure_id in ids:
        one, other = before.mask(structure_id), after.mask(structure_id)
        slices = () if one is other else changed_slices(one, other, patient.axial)
        if slices:
            found[structure_id] = slices
    return found
