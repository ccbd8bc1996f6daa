"""The worklist, contouring through a real backend, and the queue that contours a list in the background."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from AmlartContourLib.contract.effort import ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.nifti_out import write_ct
from AmlartContourLib.session.commissioning import edited_structures
from AmlartContourLib.session.patient import PatientFiles, PatientSource, read_patient
from AmlartContourLib.session.queue import ContourQueue
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.session.worklist import ExpectedWorst, SortBy, Worklist
from support.backend_process import BackendProcess, scan, wait_for
from support.workstation import Desk, contours, files, no_backend, painted


def engine(name: str) -> EngineInfo:
    """One of the backend's test engines."""
    return EngineInfo(name, name, "1", ("bladder",), (), (), "none", "tests", ("cpu",), None, True)


def expected(withheld: str = "", **shares: float) -> ExpectedEffort:
    """What an engine says of editing to come."""
    rows = (
        StructureEffort(i, 2.0, Interval(share, share - 0.1, share + 0.1), None)
        for i, share in shares.items()
    )
    return ExpectedEffort(1, "phantoms", 40, 0.9, 1.0, 2.0, tuple(rows), withheld)


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    folder = tmp_path / "patients"
    for number, name in enumerate(("case-b", "case-a")):
        (folder / name).mkdir(parents=True)
        hu, geometry = scan(seed=number)
        write_ct(folder / name / "ct.nii.gz", CtScan(hu, geometry))
    hu, _ = scan(seed=5)
    straight = Geometry((hu.shape[2], hu.shape[1], hu.shape[0]), (1.3, 1.0, 2.5))
    write_ct_series(folder / "case-c", CtScan(hu, straight), pseudonym="CASE-C")
    (folder / "notes").mkdir()
    return folder


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path / "backend").start()
    yield process
    process.stop()


def test_a_folder_for_contours_that_is_still_empty_is_none(patients: Path, tmp_path: Path) -> None:
    (patients / "case-a" / "masks").mkdir()
    worklist = Worklist(patients, SessionStore(tmp_path / "home"))
    source = worklist.source(worklist.rows("case-a")[0].entry_id)
    assert source.contours == ()
    assert len(read_patient(source).came_in) == 0


def test_the_worklist_finds_dicom_and_nifti_and_no_other_folder(patients: Path, tmp_path: Path) -> None:
    worklist = Worklist(patients, SessionStore(tmp_path / "home"))
    rows = worklist.rows()
    assert [(r.name, r.kind) for r in rows] == [("case-a", "NIfTI"), ("case-b", "NIfTI"), ("case-c", "DICOM")]
    assert {r.phase for r in rows} == {Phase.NEW}
    assert [r.name for r in worklist.rows("-B")] == ["case-b"]
    assert worklist.after(rows[0].entry_id) == rows[1].entry_id
    assert worklist.before(rows[0].entry_id) is None
    assert worklist.after(rows[2].entry_id) is None
    with pytest.raises(InputRefused, match="not on the worklist"):
        worklist.source("../../etc")
    for row in rows:
        assert read_patient(worklist.source(row.entry_id)).scan.hu_kji.size > 0


def test_what_leads_nowhere_or_has_a_strange_name_does_not_keep_the_others_away(
    patients: Path, tmp_path: Path
) -> None:
    (patients / "gone").symlink_to(tmp_path / "nothing")
    (patients / "loop").symlink_to("loop")
    os.mkfifo(patients / "pipe")
    (patients / "case-b").rename(patients / os.fsdecode(b"case-\xf6"))
    rows = Worklist(patients, SessionStore(tmp_path / "home")).rows()
    assert [row.name for row in rows] == ["case-?", "case-a", "case-c"]


def test_a_folder_that_cannot_be_looked_into_is_listed_as_such(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path.iterdir

    def refusing(folder: Path) -> Iterator[Path]:  # root may look into every folder, so no mode shows it
        if folder.name == "case-b":
            raise PermissionError(13, "Permission denied")
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", refusing)
    rows = Worklist(patients, SessionStore(tmp_path / "home")).rows()
    assert [(r.name, r.kind) for r in rows] == [
        ("case-a", "NIfTI"),
        ("case-b", "cannot be read"),
        ("case-c", "DICOM"),
    ]


def test_the_list_shows_and_sorts_by_the_largest_expected_editing(patients: Path, tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "home")
    worklist = Worklist(patients, store)
    ids = [row.entry_id for row in worklist.rows()]
    store.put_arrived(ids[1], replace(contours(), expected=expected(bladder=0.1, cervix=0.4)))
    store.put_arrived(ids[2], replace(contours(), expected=expected("The scan is unlike them.")))
    rows = worklist.rows(sort=SortBy.EXPECTED)
    assert [row.entry_id for row in rows] == [ids[1], ids[0], ids[2]]
    assert rows[0].expected == ExpectedWorst("cervix", Interval(0.4, 0.4 - 0.1, 0.4 + 0.1))
    assert rows[1].expected is None
    assert rows[2].expected == ExpectedWorst("", None, "The scan is unlike them.")


def test_the_search_finds_names_and_states(patients: Path, tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "home")
    worklist = Worklist(patients, store)
    store.put_arrived(worklist.rows()[1].entry_id, contours())
    found = {
        text: [row.name for row in worklist.rows(text)] for text in ("ready", " New", "case", "approved")
    }
    assert found == {
        "ready": ["case-b"],
        " New": ["case-a", "case-c"],
        "case": ["case-a", "case-b", "case-c"],
        "approved": [],
    }


def test_expected_editing_and_the_edit_log_stay_with_the_list_after_saving(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.session.open(files())
    desk.session.contouring.take(replace(contours(), expected=expected(cervix=0.25)))
    cervix = desk.session.case.structures.mask("cervix")
    desk.session.editing.apply("cervix", painted(cervix, (0, 0, -10), 6), "paint")
    key = desk.session.case.patient.key
    desk.session.close()
    assert desk.store.summary(key).expected == expected(cervix=0.25)
    record = desk.store.record(key)
    assert record is not None
    (edited,) = edited_structures([record])
    assert (edited.structure_id, edited.expected, edited.edits) == ("cervix", 0.25, 1)
    assert desk.store.record("nobody") is None


def test_a_job_started_for_one_patient_never_reaches_another(
    patients: Path, tmp_path: Path, backend: BackendProcess
) -> None:
    desk = Desk(tmp_path / "home", connect=backend.client)
    session = desk.session
    worklist = Worklist(patients, desk.store)
    first, second, _ = (row.entry_id for row in worklist.rows())
    session.open(read_patient(worklist.source(first)))
    session.contouring.start(engine("tiles-plain"))
    assert session.phase is Phase.CONTOURING
    session.open(read_patient(worklist.source(second)))
    wait_for(lambda: session.poll() or not session.contouring.running, 30, "the job ends")
    assert len(session.case.structures) == 0
    assert desk.store.has_arrived(first)
    session.open(read_patient(worklist.source(first)))
    assert len(session.case.structures) > 0
    session.end()
    assert {row.phase for row in worklist.rows(sort=SortBy.PHASE)} == {Phase.NEW, Phase.READY}


def test_the_queue_contours_the_list_and_one_failure_does_not_stop_it(
    patients: Path, tmp_path: Path, backend: BackendProcess
) -> None:
    desk = Desk(tmp_path / "home", connect=backend.client)
    worklist = Worklist(patients, desk.store)
    ids = [row.entry_id for row in worklist.rows()]
    desk.session.open(read_patient(worklist.source(ids[0])))
    (patients / "case-b" / "ct.nii.gz").write_bytes(b"no image")
    queue = ContourQueue(desk.store, backend.client, engine("tiles-plain"))
    queue.start(worklist.source(i) for i in ids)
    wait_for(lambda: desk.session.poll() or not queue.busy, 60, "the queue ends")
    desk.session.poll()
    assert queue.state.done == (ids[0], ids[2])
    assert [key for key, _ in queue.state.failed] == [ids[1]]
    assert len(desk.session.case.structures) > 0
    rows = {row.entry_id: row for row in worklist.rows()}
    assert rows[ids[2]].note == "New contours are here."
    desk.session.end()


def test_the_queue_leaves_alone_who_was_contoured_or_approved_since_it_began(
    patients: Path, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "home")
    worklist = Worklist(patients, desk.store)
    opened, arrived, __ = (row.entry_id for row in worklist.rows())
    desk.session.open(read_patient(worklist.source(opened)))
    desk.session.contouring.take(contours(desk.session.case.structures.geometry))
    desk.session.close()
    desk.store.put_arrived(arrived, contours())
    queue = ContourQueue(desk.store, no_backend, engine("tiles-plain"))
    queue.start(worklist.source(i) for i in (opened, arrived))
    wait_for(lambda: not queue.busy, 60, "the queue ends")
    assert (queue.state.left, queue.state.done, queue.state.failed) == ((opened, arrived), (), ())


def test_a_queue_that_is_stopped_while_it_reads_contours_nobody(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SessionStore(tmp_path / "home")
    worklist = Worklist(patients, store)
    first, *_ = (row.entry_id for row in worklist.rows())
    queue = ContourQueue(store, no_backend, engine("tiles-plain"))

    def stopped_meanwhile(source: PatientSource) -> PatientFiles:
        queue._stopped.set()
        return read_patient(source)

    monkeypatch.setattr("AmlartContourLib.session.queue.read_patient", stopped_meanwhile)
    queue.start([worklist.source(first)])
    wait_for(lambda: not queue.busy, 60, "the queue ends")
    assert queue.state.failed == ((first, "Cancelled."),)
