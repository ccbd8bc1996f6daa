"""What the web's panel Effort says of a second opinion, on a real session, scene and backend process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trame_server", reason="the workstation's packages are not installed")

from AmlartContourLib.exchange.pair_files import NOT_CALIBRATED
from AmlartContourLib.web.panels.second import SecondPanel, apart
from support.backend_process import BackendProcess, wait_for
from support.panel_desk import PanelRoom
from support.workstation import Desk, contours, files


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("second-panel") / "backend").start()
    yield process
    process.stop()


@pytest.fixture
def room(tmp_path: Path, backend: BackendProcess) -> Iterator[PanelRoom]:
    """The upper half of the bladder is bright: the second engine sees that half only."""
    desk = Desk(tmp_path, connect=backend.client)
    patient = files()
    bladder = contours().masks.mask("bladder").to_array()
    bladder[: bladder.shape[0] // 3] = False
    hu = np.where(bladder, 120, 0).astype(np.int16)
    desk.session.open(replace(patient, scan=replace(patient.scan, hu_kji=hu)))
    desk.session.contouring.take(contours())
    room = PanelRoom(desk, SecondPanel)
    client = backend.client()
    room.panel.offer(client.capabilities())
    client.close()
    room.state.active = "bladder"
    yield room
    desk.session.end()


def test_an_engine_is_asked_and_where_it_parts_is_listed_with_its_source(room: PanelRoom) -> None:
    session = room.desk.session
    assert "No engine is chosen" in room.call("second_ask")
    room.call("second_engine", "bright-90")
    assert room.call("second_ask") == ""
    assert room.state.second["running"]
    wait_for(lambda: (session.poll(), room.state.look_first)[1], 60, "it is compared")
    assert room.state.second["by"] == "Bright above 90 HU (for tests) (1)"
    assert {one["source"] for one in room.state.look_first} == {"engines disagree, not calibrated"}
    (row,) = [row for row in session.effort.rows() if row.structure_id == "bladder"]
    shown = apart(row)
    assert row.opinion is not None
    assert shown["apart"] == f"{100 * row.opinion.apart.fraction:.1f} %"
    assert NOT_CALIBRATED in shown["apart_title"]
    assert not shown["beyond"], "without local cases there is no threshold"
    room.call("second_forget")
    assert (room.state.second["by"], room.state.look_first) == ("", [])


def test_a_structure_that_the_second_engine_does_not_draw_has_no_opinion(room: PanelRoom) -> None:
    (row,) = [row for row in room.desk.session.effort.rows() if row.structure_id == "uterus"]
    assert apart(row)["apart"] == ""
    room.state.active = "uterus"
    room.panel.refresh()
    assert room.state.look_first == []
