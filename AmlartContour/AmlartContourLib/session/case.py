"""The open patient's contours, choices and review, and the one way to change them.

Invariants: `composition` equals `domain.composition.compose` of `structures` and `selection`; a step changes
the structures it names and no voxel of any other; contours as they came are never changed; every change
counts `version` up, so that saving knows what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from AmlartContourLib.domain.composition import Composition
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.parts import leaves
from AmlartContourLib.domain.review import Review, Stage
from AmlartContourLib.domain.rules import Place, Rule, RuleMessage, Severity
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.session.basis import Basis, Change, Outcome
from AmlartContourLib.session.history import Drawn, History
from AmlartContourLib.session.patient import Patient
from AmlartContourLib.session.record import Phase, Record


@dataclass(frozen=True)
class Snapshot:
    """The final contours as they were at a moment (UTC)."""

    name: str
    at: str
    contours: StructureSet


@dataclass(frozen=True)
class Kept:
    """What a case keeps beside the parts: contours as they came (landmarks among them), contours held back in
    blind mode, a second engine's contours, and snapshots."""

    originals: StructureSet
    withheld: Contours | None = None
    snapshots: tuple[Snapshot, ...] = ()
    second: Contours | None = None


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
        self._basis = Basis.of(drawn, record.selection, catalogue, patient.axial)

    @property
    def basis(self) -> Basis:
        """The values that a change is worked out from; another object after each change."""
        return self._basis

    @property
    def structures(self) -> StructureSet:
        """Parts, levels and organs as they are now."""
        return self._basis.drawn.structures

    @property
    def originals(self) -> StructureSet:
        """Contours as they came."""
        return self.kept.originals

    @property
    def composition(self) -> Composition:
        """What the selection makes of the structures."""
        return self._basis.live.composition

    @property
    def selection(self) -> Selection:
        """What is chosen."""
        return self._basis.live.selection

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
        return self._basis.final

    @property
    def drawn(self) -> Drawn:
        """All that steps change, as it is now."""
        return self._basis.drawn

    @property
    def messages(self) -> tuple[RuleMessage, ...]:
        """Those of the composition, and what of a nodal CTV belongs to no level."""
        rest = self.drawn.rest
        if rest.is_empty:
            return self.composition.messages
        text = f"{rest.volume_cc:.2f} cm3 of the CTVn that came in belong to no level and are left out."
        where = Place.of(rest)
        left = RuleMessage(Rule.CTVN_OF_PARTS, Severity.WARNING, text, ("ctvn",), rest.volume_cc, place=where)
        return (*self.composition.messages, left)

    @property
    def phase(self) -> Phase:
        """Where the patient stands, a running job apart."""
        if self.record.exported_at:
            return Phase.EXPORTED if self.review.approval else Phase.DRAFT_EXPORTED
        if self.review.approval:
            return Phase.APPROVED
        if self.record.log.entries or any(one.marked_by for one in self.review.structures.values()):
            return Phase.IN_REVIEW
        targets = (*SELECTABLE, "ctvp", "ctvn")
        contoured = bool(self.record.engines) or any(self.structures.has(i) for i in targets)
        return Phase.READY if contoured else Phase.NEW

    @property
    def required(self) -> tuple[str, ...]:
        """Ids that an approval needs reviewed: all of the final contours but parts that are not used. A whole
        that is chosen uses the sides and sub-levels that are there in its place."""
        there, composed = self.structures.ids, self.composition.composites.ids
        whole = [leaves(i) for i in self.composition.used.ids if i not in self.structures]
        pieces = {i for i in there if any(leaves(i) < one for one in whole)}
        unused = SELECTABLE.difference(self.composition.used.ids, pieces, composed)
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
        return self.accept(self._basis.drawing(drawn))

    def choose(self, selection: Selection, preset: str | None = None) -> Change:
        """After another choice of parts, lengths, margins or rules."""
        outcome = self._basis.choosing(selection)
        if preset is not None:
            self.record = replace(self.record, preset=preset)
        return self.accept(outcome)

    def accept(self, outcome: Outcome) -> Change:
        """Takes over a change that was worked out from `basis` as it is now. Marks and approval fall where a
        final contour changed; the approval with any other change too."""
        if outcome.before is not self._basis:
            raise ValueError("The change was worked out from another state of the case.")
        before, self._basis = self._basis, outcome.after
        drawn, selection = self.drawn, self.selection
        self.record = replace(self.record, borders=drawn.borders, selection=selection)
        moved = drawn.borders != before.drawn.borders or selection != before.live.selection
        if moved or outcome.touched:
            review = self.review.changed(outcome.touched).without_approval()
            self.record = replace(self.record, review=review, exported_at="")
            self.version += 1
        return outcome.change

    def note(self, record: Record) -> None:
        """Another record, of the same choices and borders."""
        self.record = record
        self.version += 1

    def keep(self, kept: Kept) -> None:
        """Other originals, withheld contours, snapshots or a second opinion."""
        self.kept = kept
        self.version += 1
