"""The worklist, blind first look, snapshots, a second tab, the light theme and a large screen, in a real
browser. The backend is a real one with test engines, on the workstation's own folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from support.backend_process import BackendProcess
from support.small_patients import write_small_patient
from support.work_page import SQUARE, WorkPage, work_page
from support.workstation_process import running_workstation

pytestmark = pytest.mark.slow
NOTICE_MS = 9_000  # after this a notice of success has gone
PANELS = (
    "worklist",
    "contouring",
    "components",
    "effort",
    "editing",
    "fixing",
    "review",
    "exporting",
    "physicist",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkPage]:
    base = tmp_path_factory.mktemp("list")
    for number, name in enumerate(("LIST-A", "LIST-B", "LIST-C")):
        write_small_patient(base / "patients" / name, number, contours=name == "LIST-A")
    backend = BackendProcess(base / "home").start()
    station = running_workstation(base / "patients", base / "home", watched=True)
    with station as running, work_page(running) as it:
        it.page.wait_for_selector(".patient-row")
        it.until("() => document.querySelector('#backend-state').textContent.includes('ready')")
        yield it
    backend.stop()


def _names(work: WorkPage) -> list[str]:
    return list(work.page.locator(".patient-row b").all_inner_texts())


def test_the_list_is_searched_and_sorted(work: WorkPage) -> None:
    assert _names(work) == ["LIST-A", "LIST-B", "LIST-C"]
    work.page.fill("#worklist-search", "-b")
    work.until("() => document.querySelectorAll('.patient-row').length === 1")
    assert _names(work) == ["LIST-B"]
    work.page.fill("#worklist-search", "")
    work.until("() => document.querySelectorAll('.patient-row').length === 3")


def test_the_next_patient_and_the_one_before_open_by_one_click(work: WorkPage) -> None:
    work.open("LIST-A")
    work.page.click("#next")
    work.until("() => document.querySelector('#patient-name').textContent === 'LIST-B'")
    work.until("() => !document.querySelector('.busy')")
    work.page.click("#previous")
    work.until("() => document.querySelector('#patient-name').textContent === 'LIST-A'")
    work.until("() => !document.querySelector('.busy')")
    work.page.click("#previous")
    work.notice("no further patient")


def test_what_is_only_told_goes_by_itself_but_not_under_the_pointer(work: WorkPage) -> None:
    work.page.click("#previous")
    work.page.hover("[role=status] #notice.info")
    work.page.wait_for_timeout(NOTICE_MS)
    assert work.page.locator("#notice").is_visible()
    work.page.mouse.move(5, 5)
    work.page.wait_for_selector("#notice", state="detached")


def test_a_refusal_stays_until_it_is_dismissed(work: WorkPage) -> None:
    work.panel("review")
    work.page.click("#blind-first")
    work.page.wait_for_selector("[role=alert] #notice.warning")
    work.page.wait_for_timeout(NOTICE_MS)
    work.notice("shown already")


def test_a_blind_first_look_is_refused_once_contours_are_there_and_the_box_shows_it(work: WorkPage) -> None:
    work.panel("review")
    work.page.click("#blind-first")
    work.notice("shown already")
    work.until("() => document.querySelector('#blind-first').checked === false")


def test_a_snapshot_is_compared_with_the_contour_now(work: WorkPage) -> None:
    work.panel("review")
    work.page.fill("#snapshot-name", "before")
    work.page.click("#snapshot")
    work.until("() => [...document.querySelector('#against').options].some(o => o.value === 'before')")
    work.choose("bladder")
    work.tool("margin")
    work.page.fill("#margin-mm", "4")
    before, after = work.edit("bladder", lambda: work.page.click("#margin-apply"), "Margin: Bladder")
    added_cc = (after.part("bladder").sum() - before.part("bladder").sum()) * 2 * 2 * 3 / 1000
    work.panel("review")
    work.page.select_option("#against", "before")
    work.page.click("#diff")
    work.page.wait_for_selector("#diff-text")
    text = work.page.locator("#diff-text").inner_text()
    assert f"Bladder: {added_cc:.2f} cm³ added, 0.00 cm³ removed" in text


def test_a_filling_covers_what_the_line_surrounds_and_goes_again(work: WorkPage) -> None:
    work.panel("components")
    work.page.locator("#fill").focus()
    for _ in range(4):
        work.page.keyboard.press("ArrowRight")
    work.page.wait_for_selector("#view-Axial path.filled", state="attached")
    share = work.page.locator("#view-Axial path.filled").first.get_attribute("fill-opacity")
    assert 0 < float(share) <= 0.6
    work.page.locator("#fill").focus()
    work.page.keyboard.press("Home")
    work.until("() => !document.querySelector('#view-Axial path.filled')")


def test_an_unedited_structure_says_so_and_an_edited_one_has_a_figure(work: WorkPage) -> None:
    work.panel("effort")
    work.page.wait_for_selector("#measured-cervix")
    assert work.page.locator("#measured-cervix").inner_text() == "unedited"
    assert work.page.locator("#measured-bladder").inner_text().endswith("%")


def test_contours_that_come_in_a_blind_first_look_stay_hidden_until_revealed(work: WorkPage) -> None:
    work.open("LIST-B")
    work.panel("review")
    work.page.click("#blind-first")
    work.page.wait_for_selector(".blind-note")
    work.panel("contouring")
    work.page.select_option("#engine", "tiles-plain")
    work.page.click("#contour")
    work.page.wait_for_selector("#notice:has-text('stay hidden')")
    hidden = work.station.scene().masks
    assert not any(mask.any() for mask in hidden.values())
    assert all(name.startswith("composites/") for name in hidden)
    work.panel("review")
    work.page.click("#reveal")
    work.page.wait_for_selector("#phase.READY")
    assert {"working/bladder", "original/bladder"} <= set(work.station.scene().masks)


def test_the_list_is_contoured_in_the_background_while_a_patient_is_edited(work: WorkPage) -> None:
    work.open("LIST-A")
    work.panel("worklist")
    work.page.click("#queue-start")
    work.choose("cervix")
    work.tool("draw")
    _, after = work.edit("cervix", lambda: work.drag((*SQUARE, SQUARE[0])), "Draw: Cervix")
    work.until("() => document.querySelector('#queue-state').textContent.includes('1 of 1 contoured')")
    assert np.array_equal(work.station.scene().part("cervix"), after.part("cervix"))
    work.panel("worklist")
    work.page.wait_for_selector(".patient-row:has-text('LIST-C') .chip.READY")
    work.open("LIST-C")
    assert "working/bladder" in work.station.scene().masks


def test_sorting_by_state_puts_patients_at_work_last(work: WorkPage) -> None:
    work.panel("worklist")
    work.page.select_option("#worklist-sort", "phase")
    work.until("() => document.querySelectorAll('.patient-row b')[2].textContent === 'LIST-A'")
    work.page.select_option("#worklist-sort", "name")


def test_a_second_tab_is_told_and_can_go_on_instead_of_the_first(work: WorkPage) -> None:
    name = work.page.inner_text("#patient-name")
    second = work.page.context.new_page()
    second.set_default_timeout(120_000)
    second.goto(work.station.url)
    assert "another tab" in second.inner_text("body")
    assert work.page.locator("#patient-name").is_visible()
    second.click("button")
    second.wait_for_selector("#patient-name")
    assert second.inner_text("#patient-name") == name
    work.page.wait_for_selector("#amlart-sheet")
    assert "another tab" in work.page.inner_text("#amlart-sheet")
    work.page.click("#amlart-sheet button")
    work.page.wait_for_selector("#patient-name")
    second.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_both_themes_fit_the_screen_and_are_legible(work: WorkPage, width: int, height: int) -> None:
    page = work.page
    page.set_viewport_size({"width": width, "height": height})
    page.keyboard.press("Escape")
    for theme in ("light", "dark"):
        page.click("#theme")
        page.wait_for_selector(f"#workstation.{theme}")
        for panel in PANELS:
            work.panel(panel)
            page.wait_for_timeout(200)
            assert page.evaluate(TOO_WIDE) == [], (theme, panel)
            assert page.evaluate(TOO_FAINT) == [], (theme, panel)
    views = page.locator("#views").bounding_box()
    assert views["width"] * views["height"] > 0.6 * width * height


TOO_WIDE = """() => [...document.querySelectorAll('.head, .rail, .panel, .foot')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""

TOO_FAINT = """() => {
  const whole = text => text.startsWith('color(') ? 255 : 1;
  const rgb = text => (text.match(/[\\d.]+/g) || []).map((v, n) => n < 3 ? v * whole(text) : Number(v));
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, n) => sum + w * linear(c[n] / 255), 0);
  const under = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [0, 0, 0];
  };
  const words = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const shown = e => e.offsetParent && !e.disabled && !e.closest('.off') && words(e);
  return [...document.querySelectorAll('.panel *')].filter(shown).map(e => {
    const a = light(rgb(getComputedStyle(e).color)), b = light(under(e));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 30)];
  }).filter(([contrast]) => contrast < 4.5);
}"""
"""Texts whose contrast with what is below them is under 4.5, as WCAG 2 counts it."""
