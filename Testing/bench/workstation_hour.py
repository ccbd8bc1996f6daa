"""Whether the workstation's process grows over an hour of work in a real browser.

    python Testing/bench/workstation_hour.py --minutes 60

Two patients, one of 512 x 512 x 193 voxels with 14 structures, one contoured here by the guideline engine, so
that her level borders can be moved. In each round both are opened in turn, and each is scrolled, painted on,
toggled, its steps undone and redone; of the second a border is moved. The rounds follow each other without a
pause until the time is over. Resident memory is read with the first patient open, at the same place of each
round, and compared with that of the first round after a sixth of the time. Ten minutes where none are given.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.variants import VARIANTS
from inference_backend.phantom.write import write_phantom
from support.bench_patient import write_bench_patient
from support.work_page import WorkPage, work_page
from support.workstation_process import running_workstation

MB = 1 << 20
STROKES, SCROLLS, GOAL = 4, 8, 0.10
STEPS_KEPT = 40  # of undo
LARGE, LEVELS = "BENCH", "Demo-A"
BORDER = "#view-Coronal .border-line[data-kind=AORTIC_BIFURCATION] .hit"
LABEL = "l => document.querySelector('#undo').title.includes(l)"


@dataclass
class Work:
    """The script, and how often each thing was done."""

    page: WorkPage
    rng: np.random.Generator
    strokes: int = 0
    toggles: int = 0
    undone: int = 0
    borders: int = 0
    scrolls: int = 0
    opened: int = 0

    def round(self) -> None:
        """Both patients once; the large one is open at the end."""
        for name in (LEVELS, LARGE):
            self.page.open(name)
            self.opened += 1
            self._scroll()
            self._paint()
            self._toggle("ln_paraaortic")
            if name == LEVELS:
                self._move_border()
            self._undo()

    def contour(self) -> None:
        """Makes the second patient's levels and their borders; the first is open afterwards."""
        page = self.page.page
        self.page.open(LEVELS)
        self.page.panel("contouring")
        self.page.until("() => document.querySelector('#engine').value !== ''")
        page.select_option("#engine", "guideline-taylor-2005")
        page.click("#contour")
        page.wait_for_selector("#phase.READY", timeout=600_000)
        self.page.open(LARGE)

    def _paint(self) -> None:
        self.page.choose("bladder")
        for turn in range(STROKES):
            self.page.tool("erase" if turn % 2 else "paint")
            across, down = self.rng.uniform(-0.15, 0.1, 2)
            self.page.drag(((across, down), (across + 0.06, down + 0.03), (across + 0.1, down)))
            self.page.page.wait_for_timeout(400)
            self.strokes += 1
        self.page.page.keyboard.press("Escape")

    def _toggle(self, structure_id: str) -> None:
        self.page.panel("components")
        for _ in range(2):
            volume = self.page.page.locator(".part:has(#choose-ctvn) .cc")
            before = volume.inner_text()
            self.page.page.locator(f"#include-{structure_id}").click(force=True)
            self.page.until(
                "t => document.querySelector('.part:has(#choose-ctvn) .cc').textContent !== t", before
            )
            self.toggles += 1

    def _move_border(self) -> None:
        page = self.page.page
        line = page.locator(BORDER).bounding_box()
        x, y = line["x"] + line["width"] / 3, line["y"] + line["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 14, steps=5)
        page.mouse.up()
        self.page.until(LABEL, "aortic bifurcation")
        self.borders += 1

    def _undo(self) -> None:
        page = self.page.page
        for key in ("Control+z", "Control+y"):
            page.keyboard.press(key)
            page.wait_for_timeout(300)
        for _ in range(STEPS_KEPT):  # two steps may have one label, so that it need not change
            if not page.is_enabled("#undo"):
                break
            page.keyboard.press("Control+z")
            page.wait_for_timeout(300)
        self.undone += 1

    def _scroll(self) -> None:
        for _ in range(SCROLLS):
            self.page.page.keyboard.press("ArrowRight")
            self.page.page.wait_for_timeout(120)
            self.scrolls += 1


def say(line: str = "") -> None:
    """To the user of the bench."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measure(minutes: float) -> tuple[list[tuple[float, float]], Work]:
    """Minutes since the start and resident MB after each round, and what was done."""
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_bench_patient(base / "patients" / LARGE)
        write_phantom(base / "patients" / LEVELS, make_phantom(VARIANTS["standard"]))
        with running_workstation(base / "patients", base / "home") as running, work_page(running) as page:
            work = Work(page, np.random.default_rng(0))
            work.contour()
            (pid,) = running.stations()
            server, start = psutil.Process(pid), time.monotonic()
            while (at := (time.monotonic() - start) / 60) < minutes:
                work.round()
                page.page.wait_for_timeout(1000)
                found.append((at, server.memory_info().rss / MB))
                say(f"{at:6.1f} min {found[-1][1]:8.0f} MB")
    return found, work


def main() -> int:
    """Prints goal, wanted and reached; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    found, work = measure(minutes)
    warm = next((mb for at, mb in found if at >= minutes / 6), found[0][1])
    last = found[-1][1]
    growth = last / warm - 1
    say(
        f"{found[-1][0]:.0f} minutes, {len(found)} rounds: {work.opened} patients opened, {work.strokes} "
        f"strokes, {work.toggles} toggles, {work.borders} borders moved, {work.undone} times undone, "
        f"{work.scrolls} slices scrolled"
    )
    say(f"{'goal':<44}{'wanted':>12}{'reached':>12}")
    say(f"{'growth of memory after a sixth of the time':<44}{'<= 10 %':>12}{growth:>11.1%}")
    say(f"{'resident memory in MB, then and at the end':<44}{'':>12}{f'{warm:.0f}, {last:.0f}':>12}")
    return 0 if growth <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
