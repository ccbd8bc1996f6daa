"""Review: what was shown, what a person marked and approved, a blind first look, snapshots and
differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.review import Stage
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.session.events import (
    CompositesChanged,
    ContoursArrived,
    Event,
    PatientOpened,
    ReviewChanged,
    StructuresChanged,
)
from AmlartContourLib.session.reviewing import CAME, ReviewRow
from AmlartContourLib.web.desk import Desk, css
from AmlartContourLib.web.panels.effort import figures_text
from AmlartContourLib.web.views.arrangement import AXIAL

STAGES = {
    Stage.NOT_SEEN: "not seen",
    Stage.PARTLY_SEEN: "partly",
    Stage.SEEN: "seen",
    Stage.REVIEWED: "reviewed",
}


class ReviewPanel:
    """Panel "Review". `go_to_slice` shows a slice in a view; `choose` chooses a structure, for a tool in the
    hand too."""

    def __init__(
        self, desk: Desk, go_to_slice: Callable[[str, int], None], choose: Callable[[str], None]
    ) -> None:
        self._desk = desk
        self._go_to_slice = go_to_slice
        self._choose = choose

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "review_rows": [],
            "reviewer": "",
            "blind": False,
            "approval": "",
            "snapshots": [],
            "snapshot_name": "",
            "against": CAME,
            "diff_text": "",
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        review = self._desk.session.review
        return {
            "mark": self.mark,
            "unmark": lambda structure_id: review.unmark([structure_id]),
            "mark_seen": self.mark_seen,
            "approve": self.approve,
            "next_unseen": self.next_unseen,
            "set_blind": self.set_blind,
            "reveal": self.reveal,
            "snapshot": self.snapshot,
            "diff": self.diff,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        if isinstance(event, PatientOpened | StructuresChanged | CompositesChanged):
            self._desk.state.diff_text = ""  # it was said of other contours
        if isinstance(event, PatientOpened):
            self._desk.state.against = CAME
        kinds = PatientOpened | ReviewChanged | StructuresChanged | CompositesChanged | ContoursArrived
        return isinstance(event, kinds)

    def mark(self, structure_id: str) -> None:
        """A person has reviewed a structure."""
        self._desk.session.review.mark([structure_id], self._reviewer())

    def mark_seen(self) -> None:
        """Marks every structure whose slices were all displayed."""
        rows = [row for row in self._desk.session.review.rows() if row.stage is Stage.SEEN]
        if not rows:
            raise BadSetting(
                "No structure was seen in full yet.",
                kept="Nothing was marked.",
                advice="Scroll the axial view through it; click its name to go to the next slice not shown.",
            )
        self._desk.session.review.mark([row.structure_id for row in rows], self._reviewer())

    def approve(self) -> None:
        """The named person approves."""
        self._desk.session.review.approve(self._reviewer())
        self._desk.notices.tell("Approved. Any later edit or choice takes the approval back.")

    def next_unseen(self, structure_id: str) -> None:
        """Chooses a structure, shows it where it is hidden, and goes to the next of its slices that was not
        displayed, else to its middle one."""
        self._choose(structure_id)
        rows = {row.structure_id: row for row in self._desk.session.review.rows()}
        row = rows.get(structure_id)
        if row is None or not row.slices:
            return
        if not self._desk.display.is_visible(structure_id):
            self._desk.display.set_visible({structure_id}, True)
        now = int(self._desk.state.axial_k)
        ahead = [k for k in row.unseen if k > now] or list(row.unseen) or [row.slices[len(row.slices) // 2]]
        self._go_to_slice(AXIAL, ahead[0])
        self.refresh()

    def set_blind(self, on: bool) -> None:
        """Starts a blind first look, or ends it."""
        review = self._desk.session.review
        if on:
            review.start_blind()
        elif review.is_blind:
            review.reveal()
        self.refresh()

    def reveal(self) -> None:
        """Ends the blind look."""
        self.set_blind(False)

    def snapshot(self) -> None:
        """Keeps the contours as they are now."""
        name = str(self._desk.state.snapshot_name or "").strip()
        self._desk.session.review.snapshot(name)
        self._desk.state.snapshot_name = ""
        self.refresh()

    def diff(self) -> None:
        """Compares the chosen structure with an earlier contour."""
        active, against = self._desk.active, str(self._desk.state.against)
        found = self._desk.session.review.diff(active, against)
        self._desk.state.diff_text = (
            f"{self._desk.name_of(active)}: {found.added.volume_cc:.2f} cm³ added, "
            f"{found.removed.volume_cc:.2f} cm³ removed. {figures_text(found.comparison)}"
        )

    def refresh(self) -> None:
        """See `Panel`."""
        state, case = self._desk.state, self._desk.case
        if case is None:
            state.review_rows, state.approval = [], ""
            return
        state.blind = self._desk.session.review.is_blind
        approval = self._desk.session.review.approval
        state.approval = f"Approved by {approval.by} at {approval.at} UTC." if approval else ""
        state.snapshots = [snapshot.name for snapshot in self._desk.session.review.snapshots]
        if state.panel == "review":
            rows = [row for row in self._desk.session.review.rows() if row.required]
            self._desk.display.show_for_review(row.structure_id for row in rows)
            state.review_rows = [self._row(row) for row in rows]

    def _row(self, row: ReviewRow) -> dict[str, Any]:
        rgb = catalogue()[row.structure_id].colour_rgb
        total, unseen = len(row.slices), len(row.unseen)
        text = STAGES[row.stage] + (f" {total - unseen}/{total}" if row.stage is Stage.PARTLY_SEEN else "")
        title = f"{total - unseen} of {total} slices were displayed"
        return {
            "id": row.structure_id,
            "name": row.name,
            "colour": css(self._desk.display.colour_of(row.structure_id, rgb)),
            "stage": row.stage.name,
            "stage_text": text,
            "title": title + (f"; reviewed by {row.marked_by}" if row.marked_by else ""),
            "marked": bool(row.marked_by),
        }

    def _reviewer(self) -> str:
        return str(self._desk.state.reviewer or "").strip()
