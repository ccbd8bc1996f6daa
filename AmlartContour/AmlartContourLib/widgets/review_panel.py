"""Review: what was displayed, marks by a named person, approval, snapshots. Nothing ticks itself."""

from __future__ import annotations

from slicer.i18n import tr as _

from AmlartContourLib.session.events import (
    ChoicesChanged,
    CompositesChanged,
    PatientClosed,
    PatientOpened,
    ReviewChanged,
    StructuresChanged,
)
from AmlartContourLib.session.reviewing import ReviewRow
from AmlartContourLib.widgets.panel import Desk, Panel, fill_table, id_at, stretch
from AmlartContourLib.widgets.views import Shown

STAGES = {
    "NOT_SEEN": "not displayed",
    "PARTLY_SEEN": "partly displayed",
    "SEEN": "displayed",
    "REVIEWED": "reviewed",
}


class ReviewPanel(Panel):
    """The review of the open patient."""

    UI = "Review"
    FOLLOWS = (
        PatientOpened,
        PatientClosed,
        ReviewChanged,
        StructuresChanged,
        CompositesChanged,
        ChoicesChanged,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._rows: tuple[ReviewRow, ...] = ()
        self._shown: dict[str, Shown] = {}
        stretch(self.ui.table, 0)
        self.on("cellClicked(int,int)", self.ui.table, self._chose)
        self.on("clicked()", self.ui.unseenButton, self._next_unseen)
        self.on("clicked()", self.ui.markButton, self._mark)
        self.on("clicked()", self.ui.unmarkButton, self._unmark)
        self.on("clicked()", self.ui.approveButton, self._approve)
        self.on("clicked()", self.ui.snapshotButton, self._snapshot)

    def poll(self) -> None:
        """Tells the session what the axial views show, at each change."""
        patient = self.session.patient
        shown = self.desk.views.shown(patient.axial) if patient is not None else {}
        for view in self._shown.keys() - shown.keys():
            self.session.review.hidden(view)
        for view, one in shown.items():
            if self._shown.get(view) != one:
                self.session.review.displayed(view, one.axial_k, one.ids)
        self._shown = shown

    def refresh(self) -> None:
        """Draws the table and the buttons."""
        is_open = self.desk.is_open
        self._rows = self.session.review.rows() if is_open else ()
        cells = [(_name(r), _(STAGES[r.stage.name]), _shown(r), r.marked_by) for r in self._rows]
        fill_table(self.ui.table, cells, [r.structure_id for r in self._rows], self.chosen)
        chosen = next((r for r in self._rows if r.structure_id == self.chosen), None)
        self.ui.unseenButton.enabled = chosen is not None and bool(chosen.unseen)
        self.ui.markButton.enabled = chosen is not None and not chosen.marked_by
        self.ui.unmarkButton.enabled = chosen is not None and bool(chosen.marked_by)
        self.ui.approveButton.enabled = bool(self._rows)
        self.ui.snapshotButton.enabled = is_open
        approval = self.session.review.approval if is_open else None
        words = _("Approved by {by}, {at}.").format(by=approval.by, at=approval.at) if approval else ""
        self.ui.approvalLabel.text = words or _("Not approved.")
        names = [s.name for s in self.session.review.snapshots] if is_open else []
        self.ui.snapshotLabel.text = _("Snapshots: {names}.").format(names=", ".join(names)) if names else ""

    def _chose(self, row: int) -> None:
        self.desk.choose(id_at(self.ui.table, row))

    def _next_unseen(self) -> None:
        patient = self.session.patient
        row = next((r for r in self._rows if r.structure_id == self.chosen), None)
        if patient is not None and row is not None and row.unseen:
            self.desk.views.jump(patient.axial, row.unseen[0])

    def _mark(self) -> None:
        despite = bool(self.ui.despiteCheck.checked)
        self.session.review.mark([self.chosen], self.ui.reviewerEdit.text, despite_unseen=despite)

    def _unmark(self) -> None:
        self.session.review.unmark([self.chosen])

    def _approve(self) -> None:
        self.session.review.approve(self.ui.reviewerEdit.text)

    def _snapshot(self) -> None:
        self.session.review.snapshot(self.ui.snapshotEdit.text)
        self.ui.snapshotEdit.text = ""


def _name(row: ReviewRow) -> str:
    return row.name if row.required else _("{name} (not needed)").format(name=row.name)


def _shown(row: ReviewRow) -> str:
    count = len(row.slices)
    return _("{seen} of {count}").format(seen=count - len(row.unseen), count=count)
