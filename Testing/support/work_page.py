"""The workstation's page in a real browser, driven as a clinician does: by mouse and keyboard."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from support.seen_scene import SeenScene
from support.workstation_process import RunningWorkstation, browser

PATIENCE_MS = 120_000.0
STEP_PX = 10.0  # of a drag in one frame: a quick hand
NEXT_FRAME = "() => new Promise(requestAnimationFrame)"
SQUARE = ((-0.2, -0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, 0.2))


@dataclass(frozen=True)
class WorkPage:
    """One tab of one workstation, whose scene can be looked into where it is watched."""

    page: Any
    station: RunningWorkstation

    def open(self, name: str) -> None:
        """Opens a patient of the worklist and waits until her CT is there."""
        self.panel("worklist")
        self.page.click(f".patient-row:has-text('{name}')")
        self.until("n => document.querySelector('#patient-name')?.textContent === n", name)
        self.until("() => document.querySelector('#place-Axial')?.textContent.includes('/')")
        self.until("() => !document.querySelector('.busy')")

    def panel(self, name: str) -> None:
        """Shows a panel."""
        self.page.click(f"#rail-{name}")

    def choose(self, structure_id: str) -> None:
        """Chooses the structure to edit."""
        self.panel("editing")
        self.page.select_option("#edit-structure", structure_id)

    def tool(self, name: str) -> None:
        """Takes a tool up."""
        self.page.click(f"#tool-{name}")
        self.page.wait_for_selector(f"#tool-{name}.on")

    def drag(self, points: Any, view: str = "Axial") -> None:
        """A drag of the left button through points, given from the view's middle as shares of its height."""
        box = self.page.locator(f"#view-{view}").bounding_box()
        x, y, scale = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"]
        places = [(x + across * scale, y + down * scale) for across, down in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for start, end in pairwise(places):
            steps = math.ceil(math.dist(start, end) / STEP_PX)
            for step in range(1, steps + 1):
                self.page.mouse.move(*(a + (b - a) * step / steps for a, b in zip(start, end, strict=True)))
                self.page.evaluate(NEXT_FRAME)
        self.page.mouse.up()

    def until(self, script: str, argument: Any = None) -> None:
        """Waits until something is so in the page."""
        self.page.wait_for_function(script, arg=argument)

    def until_undo(self, label: str) -> None:
        """Waits until a step can be taken back."""
        self.until("l => document.querySelector('#undo').title.includes(l)", label)

    def undo(self, label: str) -> None:
        """Takes a step back with the keyboard."""
        self.page.keyboard.press("Control+z")
        self.until("l => document.querySelector('#redo').title.includes(l)", label)

    def undo_all(self) -> None:
        """Takes every step back, to tidy up."""
        while self.page.is_enabled("#undo"):
            self.page.evaluate("() => window.trame.trigger('undo', [])")
            self.page.evaluate(NEXT_FRAME)

    def axial_k(self) -> int:
        """The axial slice that is shown, from 0."""
        return int(self.page.locator("#place-Axial").inner_text().split("/")[0]) - 1

    def go_to_slice(self, axial_k: int) -> None:
        """Scrolls the axial view with the arrow keys."""
        while (now := self.axial_k()) != axial_k:
            self.page.keyboard.press("ArrowRight" if axial_k > now else "ArrowLeft")
            self.until(
                "t => !document.querySelector('#place-Axial').textContent.startsWith(t)", f"{now + 1} /"
            )

    def notice(self, words: str) -> str:
        """Waits for a sentence that holds these words, dismisses it and gives it."""
        shown = self.page.locator(f"#notice:has-text({words!r})")
        shown.wait_for()
        text = str(shown.inner_text())
        shown.locator("button").click()
        return text

    def edit(self, structure_id: str, act: Callable[[], None], label: str) -> tuple[SeenScene, SeenScene]:
        """The scene before and after one edit, in which no other part and no contour as it came changed."""
        before = self.station.scene()
        act()
        self.until_undo(label)
        after = self._changed_from(before)
        changed = {n for n in after.differs_from(before) if not n.startswith("composites/")}
        assert changed == {f"working/{structure_id}"}, changed
        return before, after

    def _changed_from(self, before: SeenScene) -> SeenScene:
        """The scene once it is another: the step before may have had the same label."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while not (after := self.station.scene()).differs_from(before):
            assert time.monotonic() < until, "nothing changed in the scene"
        return after

    def take_back(self, label: str, before: SeenScene) -> None:
        """Undoes an edit; the scene is then as it was, to the voxel."""
        self.undo(label)
        assert self.station.scene().differs_from(before) == set()


def entered(chromium: Any, station: RunningWorkstation, link: str, size: tuple[int, int]) -> WorkPage:
    """The page of the user whose link it is, in a browser that shares no cookie with any other."""
    width, height = size
    page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(link)
    page.wait_for_selector("#rail-worklist")
    return WorkPage(page, station)


@contextlib.contextmanager
def work_page(station: RunningWorkstation, width: int = 1280, height: int = 800) -> Iterator[WorkPage]:
    """A browser with the workstation's page."""
    with browser() as chromium:
        yield entered(chromium, station, station.link, (width, height))
