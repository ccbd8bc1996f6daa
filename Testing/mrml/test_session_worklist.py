"""The worklist, contouring through a real backend, and the queue that contours a list in the background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.nifti_out import write_ct
from AmlartContourLib.session.patient import read_patient
from AmlartContourLib.session.queue import ContourQueue
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.session.worklist import SortBy, Worklist
from support.backend_process import BackendProcess, scan, wait_for
from support.workstation import Desk


def engine(name: str) -> EngineInfo:
    """One of the backend's test engines."""
    return EngineInfo(name, name, "1", ("bladder",), (), (), "none", "tests", ("cpu",), None, True)


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
