"""What the saved sessions of a worklist say together: editing that was expected, and editing that was done.

For the physicist who commissions an engine. Counts and sums of the edit logs only: no voxels, no names of
patients, and no minutes foretold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from AmlartContourLib.session.record import Record


@dataclass(frozen=True)
class Edited:
    """One structure of one patient: the expected share of its surface to redraw (None: no estimate), and the
    edits and active seconds of its log; both 0 where it was left as it came."""

    structure_id: str
    expected: float | None
    edits: int
    active_s: float


@dataclass(frozen=True)
class StructureWork:
    """One structure over the patients that hold an estimate or an edit of it. Medians are over those
    patients; that of `expected` over those with an estimate, None where there is none."""

    structure_id: str
    patients: int
    edited: int
    median_expected: float | None
    median_active_s: float
    edits: int


def edited_structures(records: Iterable[Record]) -> tuple[Edited, ...]:
    """Every structure of every patient that holds an estimate or an edit."""
    return tuple(one for record in records for one in _of(record))


def work_by_structure(edited: Iterable[Edited]) -> tuple[StructureWork, ...]:
    """The structures, that with the longest median of active time first."""
    own: dict[str, list[Edited]] = {}
    for one in edited:
        own.setdefault(one.structure_id, []).append(one)
    rows = [_work(structure_id, of_it) for structure_id, of_it in own.items()]
    return tuple(sorted(rows, key=lambda row: (-row.median_active_s, row.structure_id)))


def _of(record: Record) -> list[Edited]:
    """A patient whose contours nobody looked at yet says nothing of editing."""
    if not record.log.entries and not any(one.marked_by for one in record.review.structures.values()):
        return []
    expected = {}
    if record.expected is not None:
        expected = {
            one.structure: one.fraction_to_redraw.expected
            for one in record.expected.structures
            if one.fraction_to_redraw is not None
        }
    seconds = record.log.active_s()
    counts: dict[str, int] = {}
    for entry in record.log.entries:
        counts[entry.structure_id] = counts.get(entry.structure_id, 0) + 1
    return [
        Edited(i, expected.get(i), counts.get(i, 0), seconds.get(i, 0.0))
        for i in dict.fromkeys((*expected, *counts))
    ]


def _work(structure_id: str, of_it: list[Edited]) -> StructureWork:
    known = [one.expected for one in of_it if one.expected is not None]
    return StructureWork(
        structure_id=structure_id,
        patients=len(of_it),
        edited=sum(1 for one in of_it if one.edits),
        median_expected=median(known) if known else None,
        median_active_s=median(one.active_s for one in of_it),
        edits=sum(one.edits for one in of_it),
    )
