"""Review: what was displayed, what a person has reviewed, and who approved. Immutable.

Invariants: nothing is reviewed by itself; a structure's mark falls when its contour changes, and the slices
that changed are unseen again; an approval names a person and falls with any change. A slice is an axial one,
counted as in `domain.axial`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from AmlartContourLib.contract.errors import BadSetting

SHOWN_SLICES = 12  # of those named in a refusal


class Stage(Enum):
    """How far the review of one structure is. Member names and values are written to files."""

    NOT_SEEN = "not_seen"
    PARTLY_SEEN = "partly_seen"
    SEEN = "seen"
    REVIEWED = "reviewed"


@dataclass(frozen=True)
class StructureReview:
    """Slices displayed with this structure, rising; who marked it reviewed and when (UTC), empty until then;
    and which of its slices had not been displayed when it was marked."""

    seen: tuple[int, ...] = ()
    marked_by: str = ""
    marked_at: str = ""
    unseen_when_marked: tuple[int, ...] = ()


@dataclass(frozen=True)
class Approval:
    """Who approved the plan's structures and when (UTC). Not an approval in the sense of DICOM."""

    by: str
    at: str


@dataclass(frozen=True)
class Review:
    """The review of one patient's structures by catalogue id."""

    structures: Mapping[str, StructureReview] = field(default_factory=dict)
    approval: Approval | None = None

    def of(self, structure_id: str) -> StructureReview:
        """What is known of a structure; nothing was seen of one that is not listed."""
        return self.structures.get(structure_id, StructureReview())

    def unseen(self, structure_id: str, slices: Iterable[int]) -> tuple[int, ...]:
        """Those of the structure's slices that were not displayed."""
        seen = set(self.of(structure_id).seen)
        return tuple(k for k in slices if k not in seen)

    def stage(self, structure_id: str, slices: Collection[int]) -> Stage:
        """How far the review of a structure is that lies in these slices."""
        if self.of(structure_id).marked_by:
            return Stage.REVIEWED
        unseen = len(self.unseen(structure_id, slices))
        if unseen == 0 and slices:
            return Stage.SEEN
        return Stage.NOT_SEEN if unseen == len(slices) else Stage.PARTLY_SEEN

    def saw(self, ids: Iterable[str], axial_k: int) -> Review:
        """After a slice was displayed with these structures. The same object where nothing is new."""
        new = {i: self.of(i) for i in ids if axial_k not in self.of(i).seen}
        return self._with(
            {i: replace(one, seen=tuple(sorted((*one.seen, axial_k)))) for i, one in new.items()}
        )

    def changed(self, slices_by_id: Mapping[str, Collection[int]]) -> Review:
        """After contours changed in these slices: marks and the approval fall, the slices are unseen."""
        fallen = {
            i: StructureReview(tuple(k for k in self.of(i).seen if k not in set(slices)))
            for i, slices in slices_by_id.items()
        }
        return replace(self._with(fallen), approval=None) if fallen else self

    def mark(
        self,
        slices_by_id: Mapping[str, Collection[int]],
        by: str,
        at: str,
        *,
        despite_unseen: bool = False,
        name_of: Callable[[str], str] = str,
    ) -> Review:
        """After a person marked structures as reviewed. BadSetting without a name, and, unless the person
        says so, where a slice of a structure, told by `name_of` its id, was not displayed."""
        by = _named(by)
        marked: dict[str, StructureReview] = {}
        for structure_id, slices in slices_by_id.items():
            unseen = self.unseen(structure_id, slices)
            if unseen and not despite_unseen:
                raise BadSetting(
                    f"{name_of(structure_id)}: {len(unseen)} of {len(slices)} slices were not displayed:"
                    f" {slice_words(unseen)}.",
                    kept="Nothing was marked as reviewed.",
                    advice="Look at these slices first.",
                )
            marked[structure_id] = replace(
                self.of(structure_id), marked_by=by, marked_at=at, unseen_when_marked=unseen
            )
        return self._with(marked)

    def unmark(self, ids: Iterable[str]) -> Review:
        """After marks were taken back; the approval falls with them."""
        taken = {i: StructureReview(self.of(i).seen) for i in ids if self.of(i).marked_by}
        return replace(self._with(taken), approval=None) if taken else self

    def approve(
        self, required: Iterable[str], by: str, at: str, name_of: Callable[[str], str] = str
    ) -> Review:
        """After a person approved. BadSetting without a name, or while required ones, told by `name_of` their
        ids, are not reviewed."""
        by = _named(by)
        lacking = [name_of(i) for i in required if not self.of(i).marked_by]
        if lacking:
            raise BadSetting(
                f"Not reviewed yet: {', '.join(lacking)}.",
                kept="Nothing was approved.",
                advice="Review these structures first.",
            )
        return replace(self, approval=Approval(by, at))

    def without_approval(self) -> Review:
        """After a change that no single structure shows, such as another choice."""
        return replace(self, approval=None) if self.approval else self

    def _with(self, structures: Mapping[str, StructureReview]) -> Review:
        return replace(self, structures={**self.structures, **structures}) if structures else self


def slice_words(slices: Iterable[int]) -> str:
    """Slices in words, counted from 1, neighbours joined: "3, 7 to 12 and 40"."""
    runs: list[list[int]] = []
    for k in sorted(slices):
        if runs and k == runs[-1][1] + 1:
            runs[-1][1] = k
        else:
            runs.append([k, k])
    words = [f"{a + 1}" if a == b else f"{a + 1} to {b + 1}" for a, b in runs]
    if len(words) > SHOWN_SLICES:
        words = [*words[:SHOWN_SLICES], f"{len(words) - SHOWN_SLICES} more places"]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _named(by: str) -> str:
    if not by.strip():
        raise BadSetting(
            "A review names a person.", kept="Nothing was marked.", advice="Give the name of the reviewer."
        )
    return by.strip()
