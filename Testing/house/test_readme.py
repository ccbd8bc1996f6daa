"""The page a newcomer reads first says nothing that does not work, and the command's page misses nothing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from inference_backend.cli import app
from support.amlart import amlart
from support.source_tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _lines(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert named >= {"demo", "test"}
    assert named <= targets


def test_the_commands_of_the_readme_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in _lines(README) if line.startswith("amlart ")]
    assert len(commands) >= 7
    for _, *words in commands:
        ran = amlart(*words)
        assert ran.code == 0, f"amlart {' '.join(words)}: {ran.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_command_and_option_of_contour_is_on_the_command_page() -> None:
    for command in app.registered_commands:
        assert f"`amlart {command.name}" in COMMAND_PAGE, command.name
    shown = amlart("contour", "--help").out
    for option in set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help", "--no-resample-tilt"}:
        assert option in COMMAND_PAGE, option
