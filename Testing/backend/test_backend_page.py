"""The page on the backend tells of every route, option, engine, code and cause, and of no other."""

from __future__ import annotations

import inspect
import re

import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.messages import PROTOCOL, SERVICE, SERVICE_HEADER, JobState
from AmlartContourLib.contract.problems import STATUS, Cause, Code
from inference_backend.commands.jobs import commands
from inference_backend.commands.serve import serve
from inference_backend.engines.registry import BUILT_IN
from inference_backend.server import job_problems
from inference_backend.server.routes import open_routes, routes
from inference_backend.server.settings import DEFAULT_PORT, Settings
from support.source_tree import ROOT

PAGE = (ROOT / "docs" / "backend.md").read_text(encoding="utf-8")


def _routes() -> set[str]:
    listed = {
        (method, route.path)
        for room in (open_routes, routes)
        for route in room.routes
        for method in route.methods
    }
    return {f"{method} {path}" for method, path in listed if not path.endswith("openapi.json")}


def test_every_route_is_told_of_and_no_other() -> None:
    told = {
        f"{m} {p.partition('?')[0]}" for m, p in re.findall(r"^\| `(GET|PUT|POST) (/v1/[^`]+)`", PAGE, re.M)
    }
    assert told == _routes()


def test_every_option_of_serve_is_told_of() -> None:
    options = {f"--{name.replace('_', '-')}" for name in inspect.signature(serve).parameters}
    section = PAGE.partition("Options of `amlart serve`")[2].partition("\n\nThe folder")[0]
    assert set(re.findall(r"`(--[a-z-]+)`", section)) == options


def test_every_command_on_jobs_is_told_of() -> None:
    for command in commands.registered_commands:
        assert f"`amlart jobs {command.name}" in PAGE


@pytest.mark.parametrize("code", list(Code))
def test_every_code_stands_beside_its_status(code: Code) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{code.value}`" in line]
    assert any(str(STATUS[code]) in row for row in rows)


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_told_of(cause: Cause) -> None:
    assert f"`{cause.value}`" in PAGE.partition("### Out of reach")[2]


def test_every_way_a_job_can_end_is_told_of() -> None:
    codes = {
        job_problems.INTERRUPTED.code,
        job_problems.RESULT_GONE.code,
        job_problems.TOO_LONG.code,
        job_problems.out_of_memory().code,
        job_problems.no_sign_of_life(1, 1).code,
    }
    assert all(f"`{code}`" in PAGE for code in codes)
    assert all(state.value in PAGE for state in JobState)


def test_every_engine_is_told_of() -> None:
    told = set(re.findall(r"^\| `((?:guideline|amlart)-[^`]+)`", PAGE, re.M))
    assert told == {entry.id for entry in BUILT_IN}


def test_numbers_and_names_are_those_of_the_code() -> None:
    settings = Settings(home=ROOT)
    assert f"`{SERVICE_HEADER}: {SERVICE}/{PROTOCOL}`" in PAGE
    assert f"127.0.0.1:{DEFAULT_PORT}" in PAGE
    assert f"${HOME_VARIABLE}" in PAGE
    assert f"after {settings.cancel_grace_s} s" in PAGE
    assert f"silent for {settings.sign_of_life_s / 60:.0f} minutes" in PAGE
    assert f"gone by itself {settings.idle_stop_s / 60:.0f} minutes" in PAGE.replace("\n", " ")
    assert f"| `--retention-hours` | {settings.retention_s / 3600:.0f} |" in PAGE
