"""Fix here in a real browser, by mouse and keyboard, with an engine in a real backend process.

A click, a proposal over the views, and one step that undo takes back; no other segment differs in a voxel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.write import write_phantom
from support.backend_process import BackendProcess
from support.small_patients import write_small_patient
from support.work_page import WorkPage, work_page
from support.workstation_process import running_workstation

pytestmark = pytest.mark.slow
LABEL = "fix here: Bladder"
SLICE_OF_BLADDER = 13
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images"
NO_PROPOSAL = "() => !document.querySelector('#fix-proposal')"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkPage]:
    base = tmp_path_factory.mktemp("fix")
    write_small_patient(base / "patients" / "SMALL-A", 1)
    backend = BackendProcess(base / "home").start()
    try:
        with (
            running_workstation(base / "patients", base / "home", watched=True) as running,
            work_page(running) as it,
        ):
            it.open("SMALL-A")
            yield it
    finally:
        backend.stop()


@pytest.fixture
def work(opened: WorkPage) -> Iterator[WorkPage]:
    """The panel, shown by its key, with nothing pointed at; afterwards every step is taken back."""
    opened.page.keyboard.press("f")
    opened.page.wait_for_selector("#fix-point.on")
    opened.page.select_option("#fix-engine", "fix-fills")
    opened.page.select_option("#fix-structure", "bladder")
    opened.go_to_slice(SLICE_OF_BLADDER)
    yield opened
    if opened.page.locator("#fix-proposal").count():
        opened.page.click("#fix-reject")
        opened.until(NO_PROPOSAL)
    if opened.page.locator("#fix-clear").is_enabled():
        opened.page.click("#fix-clear")
    opened.undo_all()


def click(work: WorkPage, across: float, down: float) -> None:
    """A click in the axial view, from its middle, as shares of its height; its mark is then seen."""
    box = work.page.locator("#view-Axial").bounding_box()
    x, y = box["x"] + box["width"] / 2 + across * box["height"], box["y"] + (0.5 + down) * box["height"]
    marks = work.page.locator("#view-Axial .fix-point").count()
    work.page.mouse.click(x, y)
    work.until("n => document.querySelectorAll('#view-Axial .fix-point').length === n", marks + 1)


def proposed(work: WorkPage) -> None:
    """The answer is here and is drawn over the slice."""
    work.page.wait_for_selector("#fix-proposal")
    work.page.wait_for_selector("#view-Axial .fix-banner")
    assert work.page.locator("#view-Axial .fix-come").get_attribute("d")


def test_a_click_a_proposal_and_enter_make_one_step_of_one_structure(work: WorkPage) -> None:
    came = work.station.scene()
    click(work, 0.0, -0.25)
    work.page.keyboard.press("a")
    proposed(work)
    assert "would come" in work.page.inner_text("#fix-volumes")
    assert work.station.scene().differs_from(came) == set(), "a proposal is in no segment"
    work.page.keyboard.press("Enter")
    work.notice("needs a name")
    work.page.fill("#fix-by", "Dr Test")
    work.page.locator("#fix-by").blur()
    before, after = work.edit("bladder", lambda: work.page.keyboard.press("Enter"), LABEL)
    work.until(NO_PROPOSAL)
    changed = before.part("bladder") ^ after.part("bladder")
    ks = np.flatnonzero(changed.any(axis=(1, 2)))
    assert ks.min() >= SLICE_OF_BLADDER - 4
    assert ks.max() <= SLICE_OF_BLADDER + 4
    assert (after.part("bladder") & ~before.part("bladder")).any()
    work.take_back(LABEL, before)


def test_escape_rejects_and_leaves_nothing_to_undo(work: WorkPage) -> None:
    came, undo = work.station.scene(), work.page.locator("#undo").get_attribute("title")
    click(work, 0.0, -0.25)
    work.page.click("#fix-ask")
    proposed(work)
    work.page.keyboard.press("Escape")
    work.until(NO_PROPOSAL)
    assert not work.page.locator("#view-Axial .fix-come").count()
    assert work.station.scene().differs_from(came) == set()
    assert work.page.locator("#undo").get_attribute("title") == undo


def test_a_box_is_drawn_with_the_mouse_and_limits_the_change(work: WorkPage) -> None:
    work.page.fill("#fix-in-slice", "0")
    work.page.fill("#fix-across", "0")
    work.page.locator("#fix-across").blur()
    work.page.keyboard.press("b")
    work.page.wait_for_selector("#fix-box.on")
    work.drag(((-0.1, -0.3), (0.1, -0.2)))
    work.page.wait_for_selector("#view-Axial path.fix-line")
    work.page.keyboard.press("a")
    work.page.wait_for_selector("#fix-proposal")
    work.page.fill("#fix-by", "Dr Test")
    before, after = work.edit("bladder", lambda: work.page.click("#fix-accept"), LABEL)
    changed = np.argwhere(before.part("bladder") ^ after.part("bladder"))
    assert set(changed[:, 0]) == {SLICE_OF_BLADDER}, "the slice the box was drawn on"
    assert not (after.part("bladder") & ~before.part("bladder")).any(), (
        "the engine empties a box without a point"
    )
    work.take_back(LABEL, before)
    work.page.keyboard.press("p")
    work.page.fill("#fix-in-slice", "30")
    work.page.fill("#fix-across", "10")


def test_while_the_engine_works_the_views_scroll_and_escape_stops_it(work: WorkPage) -> None:
    came = work.station.scene()
    work.page.select_option("#fix-engine", "fix-waits")
    click(work, 0.0, -0.25)
    work.page.keyboard.press("a")
    work.page.wait_for_selector("#fix-cancel")
    work.go_to_slice(SLICE_OF_BLADDER + 2)
    work.page.keyboard.press("Escape")
    work.notice("Nothing was changed")
    work.page.wait_for_selector("#fix-ask")
    assert work.station.scene().differs_from(came) == set()


def test_pictures_are_taken_where_they_are_asked_for(tmp_path: Path) -> None:
    if not os.environ.get("AMLART_PICTURES"):
        pytest.skip(
            "set AMLART_PICTURES=1 to write docs/images/workstation-fixing.png and -second-opinion.png"
        )
    spec = PhantomSpec(matrix_ij=(240, 200), pixel_mm=(1.7, 1.7), slice_step_mm=4.0)
    write_phantom(tmp_path / "patients" / "Patient A", make_phantom(spec), dicom=False)
    backend = BackendProcess(tmp_path / "home").start()
    try:
        with (
            running_workstation(tmp_path / "patients", tmp_path / "home") as running,
            work_page(running) as it,
        ):
            it.open("Patient A")
            _take_pictures(it)
    finally:
        backend.stop()


def _take_pictures(work: WorkPage) -> None:
    page = work.page
    page.keyboard.press("f")
    page.wait_for_selector("#fix-point.on")
    page.select_option("#fix-structure", "bladder")
    for field, mm in (("#fix-in-slice", "9"), ("#fix-across", "8")):
        page.fill(field, mm)
        page.locator(field).blur()
    page.evaluate("() => window.trame.trigger('go_to_slice', ['Axial', 27])")
    page.wait_for_selector("#place-Axial:has-text('28 /')")
    click(work, 0.03, -0.14)
    page.keyboard.press("o")
    page.wait_for_selector("#fix-outside:checked")
    click(work, 0.09, -0.1)
    page.keyboard.press("a")
    proposed(work)
    page.wait_for_timeout(1500)
    page.screenshot(path=str(PICTURES / "workstation-fixing.png"))
    page.click("#fix-reject")
    work.panel("contouring")
    page.select_option("#engine", "guideline-taylor-2005")
    page.click("#contour")
    page.wait_for_selector("#phase.READY")
    work.panel("effort")
    page.select_option("#second-engine", "guideline-pgi")
    page.click("#second-ask")
    page.click("#effort-ln_external_iliac_left")
    page.wait_for_selector("#apart-ln_external_iliac_left:has-text('%')")
    page.wait_for_selector("#look-first")
    page.evaluate("() => window.trame.state.set('notice_visible', false)")
    page.locator("#look-first").scroll_into_view_if_needed()
    page.locator("#look-first button").first.click()
    page.wait_for_timeout(1500)
    page.screenshot(path=str(PICTURES / "workstation-second-opinion.png"))
