"""The newcomer's path: `amlart demo` at a terminal ends in the workstation, and two clicks later a part of
the CTV is toggled."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.workstation_process import LINK, browser

pytestmark = pytest.mark.slow
PATIENCE_S = 600.0
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


def test_the_demo_ends_in_the_workstation_and_two_clicks_toggle_a_part(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "inference_backend.cli", "demo", "--out", str(tmp_path / "demo")]
    environment = {**os.environ, "COLUMNS": "400", "BROWSER": "true", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--engine", "none"], stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    try:
        link = _until_link(ours)
        with browser() as chromium:
            page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.set_default_timeout(180_000)
            page.goto(link)
            page.click(".patient-row")  # the first click
            page.wait_for_selector("#include-ln_common_iliac", state="attached")
            ctvn = page.locator(".part:has(#choose-ctvn) .cc")
            before = ctvn.inner_text()
            was_in = page.locator("#include-ln_common_iliac").is_checked()
            page.locator("#include-ln_common_iliac").click(force=True)  # the second
            page.wait_for_function(
                "t => document.querySelector('.part:has(#choose-ctvn) .cc').textContent !== t", arg=before
            )
            volumes_cc = [float(text.split()[0]) for text in (before, ctvn.inner_text())]
            assert (volumes_cc[1] < volumes_cc[0]) == was_in
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert (tmp_path / "demo" / "contours" / "report.html").is_file()
