"""The physicist's table over a list: who was edited, how long, and what had been expected."""

from __future__ import annotations

from AmlartContourLib.contract.effort import ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.domain.edit_log import Edit, EditLog
from AmlartContourLib.domain.review import Review
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.session.commissioning import edited_structures, work_by_structure
from AmlartContourLib.session.record import Record


def _record(expected: dict[str, float], seconds: dict[str, tuple[float, ...]]) -> Record:
    rows = tuple(StructureEffort(i, 2.0, Interval(v, v, v), None) for i, v in expected.items())
    edits = tuple(
        Edit("2030-01-01T00:00:00Z", "Paint", structure_id, 1, 2, 10, 0, spent)
        for structure_id, times in seconds.items()
        for spent in times
    )
    effort = ExpectedEffort(1, "phantoms", 40, 0.9, 1.0, 2.0, rows)
    return Record(Selection(()), log=EditLog(edits), expected=effort)


RECORDS = (
    _record({"bladder": 0.1, "cervix": 0.4}, {"cervix": (5.0, 15.0)}),
    _record({"cervix": 0.2}, {"cervix": (4.0,), "gtvp": (2.0,)}),
    _record({"cervix": 0.3, "bladder": 0.3}, {"bladder": (1.0,)}),
)


def test_a_structure_with_an_estimate_that_was_left_alone_counts_with_no_time() -> None:
    rows = {row.structure_id: row for row in work_by_structure(edited_structures(RECORDS))}
    cervix = rows["cervix"]
    assert (cervix.patients, cervix.edited, cervix.edits) == (3, 2, 3)
    assert cervix.median_expected == 0.3
    assert cervix.median_active_s == 4.0


def test_what_was_drawn_without_an_estimate_is_there_without_one() -> None:
    rows = {row.structure_id: row for row in work_by_structure(edited_structures(RECORDS))}
    assert (rows["gtvp"].median_expected, rows["gtvp"].median_active_s) == (None, 2.0)


def test_the_structure_that_took_longest_comes_first() -> None:
    order = [row.structure_id for row in work_by_structure(edited_structures(RECORDS))]
    assert order == ["cervix", "gtvp", "bladder"]


def test_a_patient_that_nobody_worked_on_says_nothing() -> None:
    untouched = _record({"bladder": 0.1}, {})
    assert untouched.review == Review()
    assert edited_structures([untouched]) == ()
