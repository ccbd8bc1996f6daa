"""The newcomer's path: `amlart demo` at a terminal ends in the workstation, and two clicks later a part of
the CTV is toggled."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.workstation_process import LINK, browser

pytestmark = pytest.mark.slow
PATIENCE_S = 600.0
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "workstation.png"
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _until_link(terminal: int) -> str:
    """Reads what the command says to its terminal until it prints the link."""
    said, until = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if select.select([terminal], [], [], 1.0)[0]:
            said = COLOUR.sub("", said + os.read(terminal, 65536).decode("utf-8", "replace"))
            found = LINK.search(said)
            if found and said[found.end() :].startswith(("\r", "\n")):
                return found.group(0)
    raise AssertionError(said)


@contextlib.contextmanager
def demo_at_a_terminal(out: Path, *options: str) -> Iterator[str]:
    """The demo as typed at a terminal, from its link until Ctrl-C ends it."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "inference_backend.cli", "demo", "--out", str(out), *options]
    environment = {**os.environ, "COLUMNS": "400", "BROWSER": "true", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    try:
        yield _until_link(ours)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@contextlib.contextmanager
def first_click(link: str, width: int, height: int) -> Iterator[Any]:
    """The page with its one patient open."""
    with browser() as chromium:
        page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(180_000)
        page.goto(link)
        page.click(".patient-row")
        page.wait_for_selector("#include-ln_common_iliac", state="attached")
        page.wait_for_selector("#amlart-sheet", state="detached")  # a slow machine covers the page meanwhile
        yield page


def test_the_demo_ends_in_the_workstation_and_two_clicks_toggle_a_part(tmp_path: Path) -> None:
    with (
        demo_at_a_terminal(tmp_path / "demo", "--engine", "none") as link,
        first_click(link, 1280, 800) as page,
    ):
        ctvn = page.locator(".part:has(#choose-ctvn) .cc")
        before = ctvn.inner_text()
        was_in = page.locator("#include-ln_common_iliac").is_checked()
        page.locator("#include-ln_common_iliac").click(force=True)  # the second
        page.wait_for_function(
            "t => document.querySelector('.part:has(#choose-ctvn) .cc').textContent !== t", arg=before
        )
        volumes_cc = [float(text.split()[0]) for text in (before, ctvn.inner_text())]
        assert (volumes_cc[1] < volumes_cc[0]) == was_in
    assert (tmp_path / "demo" / "contours" / "report.html").is_file()
    (log,) = (tmp_path / "demo").rglob("workstation.log")
    assert "Traceback" not in log.read_text(encoding="utf-8"), "it ended tidily, the last choice saved"


def test_the_picture_of_the_readme_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    if not os.environ.get("AMLART_PICTURES"):
        pytest.skip("set AMLART_PICTURES=1 to write docs/images/workstation.png")
    with demo_at_a_terminal(tmp_path / "demo") as link, first_click(link, 1440, 900) as page:
        page.wait_for_selector(".part:has(#choose-ctvp) .cc:not(:empty)")
        page.locator("#fill").evaluate(
            "e => { e.value = 25; e.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
        page.evaluate("() => window.trame.state.set('notice_visible', false)")
        page.evaluate("() => document.querySelector('#panel').scrollTo(0, 0)")
        page.wait_for_timeout(3000)
        page.screenshot(path=str(PICTURE))
