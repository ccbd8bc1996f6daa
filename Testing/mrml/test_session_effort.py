"""The effort panel's figures follow every step, and each slice has what was expected and what was done."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.session.effort import OTHER_TOLERANCE, SliceRedraw
from AmlartContourLib.session.session import Session
from support.workstation import Desk, contours, files, painted

TOLERANCE_MM = 3.0
FIRST_K = 13


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Contoured by an engine that expects something of the cervix."""
    desk = Desk(tmp_path)
    desk.session.open(files())
    desk.session.contouring.take(replace(contours(), expected=expecting((0.0, 30.0, 40.0))))
    yield desk.session
    desk.session.end()


def expecting(redraw_mm2: tuple[float, ...]) -> ExpectedEffort:
    one = StructureEffort(
        "cervix", TOLERANCE_MM, Interval(0.2, 0.1, 0.3), None, first_k=FIRST_K, redraw_mm2=redraw_mm2
    )
    return ExpectedEffort(EFFORT_FORMAT, "phantoms", 40, 0.9, 1.0, 2.0, structures=(one,))


def require_figures_of_a_new_comparison(session: Session) -> None:
    """Of every structure that was edited, and that no other has any."""
    case = session.case
    for row in session.effort.rows():
        came, now = case.originals.mask(row.structure_id), case.structures.mask(row.structure_id)
        if row.measured is None:
            assert came.same_voxels(now)
        else:
            assert row.measured == compare(now, came, tolerance_mm=row.tolerance_mm)


def test_the_figures_are_those_of_a_new_comparison_after_every_step(session: Session) -> None:
    edits = [("cervix", (6, 0, -20), True), ("bladder", (0, -20, -20), False), ("cervix", (0, 9, -17), False)]
    for structure_id, place, add in edits:
        stroke = painted(session.case.structures.mask(structure_id), place, 6, add)
        assert session.editing.apply(structure_id, stroke, "paint")
        require_figures_of_a_new_comparison(session)
    assert {row.structure_id for row in session.effort.rows() if row.measured} == {"cervix", "bladder"}
    while session.editing.undo_label and session.effort.rows()[0].measured:
        session.editing.undo()
        require_figures_of_a_new_comparison(session)
    session.editing.redo()
    session.effort.set_tolerance("cervix", 1.0)
    require_figures_of_a_new_comparison(session)


def test_each_slice_has_what_was_expected_and_what_was_measured(session: Session) -> None:
    held = session.case.slices("cervix")
    untouched = session.effort.by_slice("cervix")
    assert [one.k for one in untouched] == list(held)
    assert {one.measured_mm2 for one in untouched} == {0.0}
    expected = {one.k: one.expected_mm2 for one in untouched}
    assert (expected[FIRST_K + 1], expected[FIRST_K + 2]) == (30.0, 40.0)
    assert sum(area or 0.0 for area in expected.values()) == 70.0
    stroke = painted(session.case.structures.mask("cervix"), (14, 0, -20), 9)
    session.editing.apply("cervix", stroke, "paint")
    measured = session.effort.measure("cervix")
    assert measured is not None
    by_k = {one.k: one for one in session.effort.by_slice("cervix")}
    assert {k: one.measured_mm2 for k, one in by_k.items()} == {
        one.k: one.redraw_mm2 for one in measured.slices
    }
    assert by_k[FIRST_K + 2].expected_mm2 == 40.0
    assert max(one.redraw_mm2 for one in measured.slices) > 0


def test_what_was_expected_at_another_tolerance_is_withheld(session: Session) -> None:
    session.effort.set_tolerance("cervix", 1.0)
    row = next(row for row in session.effort.rows() if row.structure_id == "cervix")
    assert row.expected is None
    assert row.expected_withheld == OTHER_TOLERANCE.format(mm=TOLERANCE_MM)
    assert {one.expected_mm2 for one in session.effort.by_slice("cervix")} == {None}
    session.effort.set_tolerance("cervix", None)
    assert session.effort.rows()[0].structure_id == "cervix"


def test_a_structure_of_which_nothing_was_expected_says_so_in_each_slice(session: Session) -> None:
    assert session.effort.by_slice("bladder") == tuple(
        SliceRedraw(k, None, 0.0) for k in session.case.slices("bladder")
    )


def test_a_closed_patient_leaves_neither_her_case_nor_her_ct_behind(session: Session) -> None:
    case = session.case
    stroke = painted(case.structures.mask("cervix"), (6, 0, -20), 6, True)
    assert session.editing.apply("cervix", stroke, "paint")
    assert session.effort.measure("cervix") is not None
    left = (weakref.ref(case), weakref.ref(case.patient.scan), weakref.ref(case.originals.mask("cervix")))
    del case, stroke
    session.open(files(name="CASE-2"))
    gc.collect()
    assert [one() for one in left] == [None, None, None]
