"""The panel "Contour" of the web face, from a job's progress to contours that are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("trame_server", reason="the workstation's packages are not installed")

from AmlartContourLib.client.job_run import JobProgress, Phase
from AmlartContourLib.client.worker import Finished, Progressed
from AmlartContourLib.session.contouring import _Running
from AmlartContourLib.web.panels.contouring import NOT_RUNNING, SHOWING, ContouringPanel
from support.backend_process import wait_for
from support.panel_desk import PanelRoom
from support.workstation import Desk, contours, files, no_backend

JOB = "job"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PanelRoom]:
    """A job runs for the patient who is open."""
    desk = Desk(tmp_path)
    desk.session.open(files())
    room = PanelRoom(desk, lambda table: ContouringPanel(table, no_backend))
    desk.session.contouring._running = _Running(JOB, desk.session.patient.key)
    yield room
    desk.session.end()


def test_until_the_contours_are_shown_the_panel_says_what_it_is_at(room: PanelRoom) -> None:
    session, seen = room.desk.session, []
    session.subscribe(lambda _: seen.append((room.state.progress["phase"], room.state.progress["can_stop"])))
    session.contouring._worker._events.put(Progressed(JOB, JobProgress(Phase.FETCHING, "", 0.0)))
    session.poll()
    session.contouring._worker._events.put(Finished(JOB, contours()))
    wait_for(lambda: session.poll() or not session.contouring.running, 20, "the case has the contours")
    assert session.is_catching_up
    assert (room.state.progress["running"], room.state.progress["phase"]) == (True, SHOWING)
    wait_for(lambda: session.poll() or not session.is_catching_up, 20, "all is shown")
    assert room.state.progress == NOT_RUNNING
    assert list(dict.fromkeys(seen)) == [("Fetching the contours", True), (SHOWING, False), ("", False)]
    assert room.state.notice["text"] == "10 contours arrived. Please review every one."


def test_a_job_for_another_patient_than_the_open_one_is_shown_as_that(room: PanelRoom) -> None:
    session = room.desk.session
    session.contouring._worker._events.put(Progressed(JOB, JobProgress(Phase.FETCHING, "", 0.0)))
    session.open(files(name="CASE-2"))
    session.poll()
    assert room.state.progress["phase"] == "Another patient: Fetching the contours"
