"""Minutes come from the approved patients of the edit log alone, and why there are none is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.domain.edit_log import Edit, EditLog
from AmlartContourLib.domain.review import Approval, Review
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.measures.minutes import LEAST_CASES
from AmlartContourLib.session.case import Kept
from AmlartContourLib.session.minutes import Foretold
from AmlartContourLib.session.record import Identity, Phase, Record, to_parameters
from AmlartContourLib.session.store import Saved
from support.workstation import Desk, contours, files, pelvis

ENGINE = Engine("test engine", "1")
PATIENCE_S = 20.0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.session.end()


def expecting(*path_mm: float) -> ExpectedEffort:
    rows = tuple(
        StructureEffort(name, 3.0, Interval(0.2, 0.1, 0.3), Interval(mm, mm / 2, mm * 2))
        for name, mm in zip(("cervix", "bladder"), path_mm, strict=False)
    )
    return ExpectedEffort(EFFORT_FORMAT, "phantoms", 40, 0.9, 1.0, 2.0, structures=rows)


def approved(path_mm: float, active_s: float) -> Record:
    """A patient whose contours came from the engine, edited in two structures and approved."""
    edits = tuple(
        Edit("2030-01-01T00:00:00Z", "paint", i, 1, 2, 10, 0, active_s / 2) for i in ("cervix", "bladder")
    )
    return Record(
        Selection(()),
        review=Review(approval=Approval("A. Oncologist", "2030-01-01T00:00:00Z")),
        log=EditLog(edits),
        engines=(ENGINE,),
        expected=expecting(path_mm / 4, 3 * path_mm / 4),
    )


def keep(desk: Desk, *records: Record) -> None:
    """Saves sessions of other patients, as a workstation does."""
    nothing = StructureSet.of(pelvis(), ())
    for record in records:
        number = len(list((desk.home / "sessions").glob("*"))) if (desk.home / "sessions").is_dir() else 0
        identity = Identity(f"other{number}", f"OTHER-{number}", f"{number:064d}")
        saved = Saved(to_parameters(identity, record, Phase.APPROVED), nothing, Kept(nothing))
        desk.store.save(identity.key, saved)


def foretold(desk: Desk, *path_mm: float) -> Foretold:
    """Of a patient whose engine expects these paths of its structures."""
    desk.session.open(files())
    desk.session.contouring.take(replace(contours(), expected=expecting(*path_mm)))
    until = time.monotonic() + PATIENCE_S
    while "is being read" in (now := desk.session.minutes.foretold()).text and time.monotonic() < until:
        desk.session.poll()
        time.sleep(0.01)
    return now


def many(count: int = LEAST_CASES) -> list[Record]:
    """An edit log in which a metre of expected path takes ten minutes."""
    return [approved(200.0 * n, 0.6 * 200.0 * n) for n in range(1, count + 1)]


def test_minutes_follow_the_log_of_approved_patients_with_their_number_and_interval(desk: Desk) -> None:
    keep(desk, *many())
    found = foretold(desk, 400.0, 600.0)
    assert found.minutes is not None
    assert found.minutes.expected == pytest.approx(10.0)
    assert found.text.startswith("About 10 min of editing expected, 10 to 10 in four of five")
    assert "of 20 approved patients" in found.text


def test_below_twenty_patients_the_number_is_said_and_no_minutes(desk: Desk) -> None:
    keep(desk, *many(LEAST_CASES - 1))
    found = foretold(desk, 1000.0)
    assert found.minutes is None
    assert "holds 19 of at least 20 approved patients" in found.text


@pytest.mark.parametrize(
    "other",
    [
        replace(approved(500.0, 9000.0), review=Review()),
        replace(approved(500.0, 9000.0), engines=(Engine("test engine", "2"),)),
        replace(approved(500.0, 9000.0), expected=None),
    ],
    ids=["not approved", "another version of the engine", "nothing expected"],
)
def test_a_patient_who_does_not_compare_does_not_count(desk: Desk, other: Record) -> None:
    keep(desk, *many(LEAST_CASES - 1), other)
    assert "holds 19" in foretold(desk, 1000.0).text


def test_the_open_patient_does_not_foretell_herself(desk: Desk) -> None:
    keep(desk, *many(LEAST_CASES - 1))
    foretold(desk, 1000.0)
    case = desk.session.case
    case.note(replace(case.record, review=Review(approval=Approval("A. Oncologist", "2030-01-01T00:00:00Z"))))
    desk.session.saving.save_now()
    desk.session.close()
    assert "holds 19" in foretold(desk, 1000.0).text


def test_a_damaged_session_is_left_out_and_the_rest_counts(desk: Desk) -> None:
    keep(desk, *many(LEAST_CASES + 1))
    (desk.home / "sessions" / "other3" / "session.json").write_text("{")
    assert "of 20 approved patients" in foretold(desk, 1000.0).text


def test_more_than_any_patient_needed_is_not_foretold(desk: Desk) -> None:
    keep(desk, *many())
    found = foretold(desk, 5000.0)
    assert found.minutes is None
    assert "more editing is expected than in any of the 20" in found.text


def test_without_an_estimate_of_this_patient_there_are_no_minutes(desk: Desk) -> None:
    keep(desk, *many())
    desk.session.open(files())
    desk.session.contouring.take(contours())
    assert desk.session.minutes.foretold() == Foretold(
        None, "Minutes are not shown: the engine gave no estimate for this patient."
    )


def test_an_edit_changes_nothing_of_what_was_expected(desk: Desk) -> None:
    keep(desk, *many())
    before = foretold(desk, 1000.0)
    desk.session.editing.apply("cervix", desk.session.case.structures.mask("bladder"), "paint")
    assert desk.session.minutes.foretold() == before
