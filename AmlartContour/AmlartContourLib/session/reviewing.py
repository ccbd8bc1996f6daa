"""Reviewing: what the views have shown, what a person has marked, snapshots, and blind-first mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.review import Approval, Review, Stage
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.measures.comparison import Comparison, compare
from AmlartContourLib.session.case import Snapshot
from AmlartContourLib.session.contouring import Contouring
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.effort import Effort
from AmlartContourLib.session.events import ReviewChanged

SEEN_AFTER_S = 0.25  # engineering default: a slice that is passed more quickly does not count as displayed
CAME = "came"


@dataclass(frozen=True)
class ReviewRow:
    """One structure of the plan: its stage, the axial slices that hold it, those not displayed, who marked it
    reviewed (empty: nobody), and whether an approval needs it."""

    structure_id: str
    name: str
    stage: Stage
    slices: tuple[int, ...]
    unseen: tuple[int, ...]
    marked_by: str
    required: bool


@dataclass(frozen=True)
class Diff:
    """What was added to and removed from an earlier contour, and the figures between them."""

    added: Mask
    removed: Mask
    comparison: Comparison


@dataclass(frozen=True)
class _Displayed:
    axial_k: int
    ids: frozenset[str]
    since_s: float


class Reviewing:
    """The use cases of the review panel."""

    def __init__(self, core: Core, effort: Effort, contouring: Contouring) -> None:
        self._core = core
        self._effort = effort
        self._contouring = contouring
        self._views: dict[str, _Displayed] = {}

    def displayed(self, view: str, axial_k: int, visible_ids: Iterable[str]) -> None:
        """An axial view shows this slice from now on, with these structures visible."""
        core = self._core
        now = core.clocks.steady_s()
        core.active.acted(now)
        self.poll()
        self._views[view] = _Displayed(axial_k, frozenset(visible_ids), now)

    def hidden(self, view: str) -> None:
        """The view shows no axial slice any more."""
        self.poll()
        self._views.pop(view, None)

    def forget_views(self) -> None:
        """Another patient: nothing is displayed yet."""
        self._views.clear()

    def poll(self) -> None:
        """Counts what has been displayed long enough, and as it is now. Slices without the structure do not
        matter to it."""
        case = self._core.case_or_none
        if case is None:
            return
        now, review = self._core.clocks.steady_s(), case.review
        countable = set(case.final.ids) - self._core.backlog.hidden
        for shown in self._views.values():
            if now - shown.since_s >= SEEN_AFTER_S:
                review = review.saw(sorted(shown.ids & countable), shown.axial_k)
        if review is not case.review:
            self._note(review)

    def rows(self) -> tuple[ReviewRow, ...]:
        """All contours that hold a voxel, those an approval needs first."""
        case, book = self._core.case, self._core.catalogue
        required = set(case.required)
        rows = []
        for contour in case.final:
            if contour.mask.is_empty:
                continue
            structure_id = contour.structure_id
            slices = case.slices(structure_id)
            rows.append(
                ReviewRow(
                    structure_id=structure_id,
                    name=book[structure_id].display_name,
                    stage=case.review.stage(structure_id, slices),
                    slices=slices,
                    unseen=case.review.unseen(structure_id, slices),
                    marked_by=case.review.of(structure_id).marked_by,
                    required=structure_id in required,
                )
            )
        return tuple(sorted(rows, key=lambda row: not row.required))

    def mark(self, ids: Iterable[str], by: str, *, despite_unseen: bool = False) -> None:
        """A person has reviewed these. BadSetting without a name, or where slices were not displayed and the
        person does not say that this is meant."""
        case = self._core.case
        self.poll()
        slices = {i: case.slices(i) for i in ids}
        stamp = self._core.clocks.stamp()
        marked = case.review.mark(slices, by, stamp, despite_unseen=despite_unseen, name_of=self._name_of)
        self._note(marked)

    def unmark(self, ids: Iterable[str]) -> None:
        """Takes marks back, and the approval with them."""
        self._note(self._core.case.review.unmark(ids))

    @property
    def approval(self) -> Approval | None:
        """Who approved, and when."""
        return self._core.case.review.approval

    def approve(self, by: str) -> None:
        """A person approves. BadSetting without a name, or while something is not reviewed."""
        case = self._core.case
        if not case.required:
            raise BadSetting("There is no contour to approve.", kept="Nothing was approved.")
        self._note(case.review.approve(case.required, by, self._core.clocks.stamp(), self._name_of))

    @property
    def is_blind(self) -> bool:
        """True while contours that come are held back."""
        return self._core.case.record.is_blind

    def start_blind(self) -> None:
        """From now on contours that come are held back, so that the first look is at the CT alone. BadSetting
        where contours are here already."""
        case = self._core.case
        if len(case.structures):
            raise BadSetting(
                "Contours are shown already: a blind first look is for before.", kept="Nothing was changed."
            )
        case.note(replace(case.record, is_blind=True))
        self._core.tell(ReviewChanged())

    def reveal(self) -> None:
        """Ends blind mode and takes the contours that were held back; what was drawn meanwhile stays."""
        case = self._core.case
        withheld = case.kept.withheld
        case.note(replace(case.record, is_blind=False))
        case.keep(replace(case.kept, withheld=None))
        if withheld is not None:
            self._contouring.take(withheld)
        self._core.tell(ReviewChanged())

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Those taken, oldest first."""
        return self._core.case.kept.snapshots

    def snapshot(self, name: str) -> None:
        """Keeps the contours as they are now under a name. BadSetting where the name is taken or empty."""
        case = self._core.case
        if not name.strip() or name == CAME or any(s.name == name for s in case.kept.snapshots):
            raise BadSetting("A snapshot needs a name of its own.", kept="No snapshot was taken.")
        taken = Snapshot(name, self._core.clocks.stamp(), case.final)
        case.keep(replace(case.kept, snapshots=(*case.kept.snapshots, taken)))
        self._core.tell(ReviewChanged())

    def diff(self, structure_id: str, against: str = CAME) -> Diff:
        """The contour now against the one that came, or that of a snapshot. BadSetting without."""
        case = self._core.case
        before = self._earlier(against).contours.get(structure_id)
        if before is None:
            raise BadSetting("There is no earlier contour of this structure to compare with.")
        now = case.final.mask(structure_id)
        tolerance_mm = self._effort.tolerance_mm(structure_id)
        figures = compare(now, before.mask, tolerance_mm=tolerance_mm)
        return Diff(now - before.mask, before.mask - now, figures)

    def _earlier(self, against: str) -> StructureSet:
        case = self._core.case
        if against == CAME:
            return case.originals
        return next(
            (s.contours for s in case.kept.snapshots if s.name == against), StructureSet(case.final.geometry)
        )

    def _name_of(self, structure_id: str) -> str:
        return self._core.catalogue[structure_id].display_name

    def _note(self, review: Review) -> None:
        case = self._core.case
        if review is not case.review:
            same = review.approval == case.review.approval
            exported_at = case.record.exported_at if same else ""  # the files say who approved
            case.note(replace(case.record, review=review, exported_at=exported_at))
            self._core.tell(ReviewChanged())
