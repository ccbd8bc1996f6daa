"""What the physicist's page says of a real backend's jobs, once the panel is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("trame_server", reason="the workstation's packages are not installed")

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.session.worklist import Worklist
from AmlartContourLib.web.panels.physicist import NO_JOBS, PhysicistPanel
from support.backend_process import BackendProcess, ended, submit
from support.panel_desk import PanelRoom
from support.workstation import Desk, no_backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path / "backend").start()
    yield process
    process.stop()


@contextmanager
def _room(tmp_path: Path, connect: Connect) -> Iterator[PanelRoom]:
    (tmp_path / "patients").mkdir()
    desk = Desk(tmp_path / "home")
    desk.with_contours()
    worklist = Worklist(tmp_path / "patients", desk.store)
    yield PanelRoom(desk, lambda table: PhysicistPanel(table, connect, worklist))
    desk.session.end()


@pytest.mark.slow
def test_a_job_that_ended_is_shown_with_its_state_and_seconds(
    tmp_path: Path, backend: BackendProcess
) -> None:
    with _room(tmp_path, backend.client) as room:
        asyncio.run(room.panel.look("physicist"))
        assert (room.state.jobs, room.state.jobs_text) == ([], NO_JOBS)
        client = backend.client()
        job = ended(client, submit(client))
        client.close()
        asyncio.run(room.panel.look("effort"))
        assert room.state.jobs == [], "asked for the physicist alone"
        asyncio.run(room.panel.look("physicist"))
        assert job.started_at is not None
        assert job.ended_at is not None
        seconds = f"{job.ended_at - job.started_at:.1f}"
        expected = {"id": job.job, "engine": "tiles-plain", "state": "done", "seconds": seconds}
        assert room.state.jobs == [expected]


def test_without_a_backend_the_page_says_so_in_its_place(tmp_path: Path) -> None:
    with _room(tmp_path, no_backend) as room:
        asyncio.run(room.panel.look("physicist"))
        assert room.state.jobs == []
        assert "no backend in this test" in room.state.jobs_text
