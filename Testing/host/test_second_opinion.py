"""A second opinion in the Slicer panel Effort: asked, compared, listed with its source, never edited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from host import pythonqt
from host.application import Host
from host.clinician import Clinician
from support.backend_process import BackendProcess

BLADDER = "bladder"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("server") / "home").start()
    yield process
    process.stop()


def test_another_engine_is_compared_with_what_came_and_the_slices_are_listed(
    bench: Any, host: Host, server: BackendProcess
) -> None:
    clinician, ui, session = Clinician(host), bench.effort.ui, bench.session
    clinician.ask_server(server.url, server.token)
    clinician.wait(lambda: ui.secondBox.count, 60, "the engines are offered")
    clinician.look_at(BLADDER)
    before = session.case.structures
    clinician.choose(ui.secondBox, "Bright above 20")
    clinician.press(ui.secondButton)
    bench.tick()
    assert ui.secondCancelButton.enabled
    mm = session.effort.tolerance_mm(BLADDER)
    clinician.wait(lambda: session.second.of(BLADDER, mm), 60, "it is compared")
    bench.tick()
    assert ui.secondLabel.text.startswith("Second opinion by bright-20 (1).")
    assert "engines disagree, not calibrated" in ui.lookLabel.text
    table = pythonqt.unwrap(ui.table)
    shown = {table.item(r, 0).text(): table.item(r, 2).text() for r in range(table.rowCount())}
    share = session.second.of(BLADDER, mm).apart.fraction
    assert shown["Bladder"] == f"{share:.0%}"
    first = session.effort.look_first(BLADDER, 1)[0].k
    clinician.press(ui.worstButton)
    assert bench.desk.views.current(session.patient.axial) == first
    assert session.case.structures is before
