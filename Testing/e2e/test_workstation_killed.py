"""The power goes: the workstation's process, or the backend in the middle of contouring, is killed under the
page, and the oncologist goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.home import read_running
from AmlartContourLib.session.saving import EVERY_S
from support.small_patients import write_small_patient
from support.work_page import SQUARE, WorkPage, entered, work_page
from support.workstation_process import running_workstation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkPage]:
    base = tmp_path_factory.mktemp("killed")
    write_small_patient(base / "patients" / "KILL-A", 1)
    station = running_workstation(base / "patients", base / "home", watched=True)
    with station as running, work_page(running) as it:
        it.open("KILL-A")
        yield it


def test_after_the_station_is_killed_the_page_returns_and_nothing_older_than_a_minute_is_lost(
    work: WorkPage,
) -> None:
    work.choose("cervix")
    work.tool("draw")
    _, after = work.edit("cervix", lambda: work.drag((*SQUARE, SQUARE[0])), "Draw: Cervix")
    edited = time.monotonic()
    before = work.page.locator("#saved").inner_text()
    work.until("t => document.querySelector('#saved').textContent !== t", before)
    assert time.monotonic() - edited < 60
    assert EVERY_S < 60
    (pid,) = work.station.stations()
    os.kill(pid, signal.SIGKILL)
    work.page.wait_for_selector("#amlart-sheet")
    assert "starting again" in work.page.inner_text("#amlart-sheet")
    work.page.wait_for_selector(".patient-row")  # by itself
    work.open("KILL-A")
    work.notice("saved work was opened")
    assert np.array_equal(work.station.scene().part("cervix"), after.part("cervix"))


def test_after_the_workstation_itself_is_killed_and_started_again_the_page_returns(
    work: WorkPage, tmp_path: Path
) -> None:
    """All of it: the door that the page talks to, and the station with it."""
    patients, home = tmp_path / "patients", tmp_path / "home"
    write_small_patient(patients / "KILL-B", 2)
    with running_workstation(patients, home) as first:
        hers = entered(work.page.context.browser, first, first.link, (1280, 800))
        hers.open("KILL-B")
        hers.choose("cervix")
        hers.tool("draw")
        before = hers.page.locator("#saved").inner_text()
        hers.drag((*SQUARE, SQUARE[0]))
        hers.until_undo("Draw: Cervix")
        hers.until("t => document.querySelector('#saved').textContent !== t", before)
        first.process.kill()
        hers.page.wait_for_selector("#amlart-sheet")
        assert "start it again with the command" in hers.page.inner_text("#amlart-sheet")
    with running_workstation(patients, home, int(first.url.rsplit(":", 1)[1])) as second:
        assert second.url == first.url
        hers.page.wait_for_selector(".patient-row")  # by itself, and without the link
        assert hers.page.locator("#amlart-sheet").count() == 0
        hers.open("KILL-B")
        hers.notice("saved work was opened")
        hers.page.context.close()


def test_after_the_backend_is_killed_in_the_middle_of_contouring_it_starts_again_and_the_contours_come(
    work: WorkPage,
) -> None:
    work.until("() => document.querySelector('#backend-state').textContent.includes('ready')")
    before = work.station.scene()
    work.panel("contouring")
    work.page.click("#contour")
    work.until("() => document.querySelector('.progress-card progress')?.value > 0")
    killed = read_running(work.station.home)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    work.page.wait_for_selector("#notice:has-text('arrived')")
    started = read_running(work.station.home)
    assert started is not None
    assert started.instance != killed.instance
    scene = work.station.scene()
    changed = {name for name in scene.differs_from(before) if name in before.masks}
    assert not {name for name in changed if not name.startswith("composites/")}  # given and drawn parts stay
    assert set(scene.masks) - set(before.masks)
