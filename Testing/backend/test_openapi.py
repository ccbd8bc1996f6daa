"""The interface as it is described: whatever a caller sends, the answer is one that the description lists,
and never a fault of the server's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from AmlartContourLib.contract.messages import FRAME_TYPE, PurgeRequest
from support.backend_process import BackendProcess, ended, frame, submit

BODIES = f"import schemathesis; schemathesis.serializer.alias({FRAME_TYPE!r}, 'application/octet-stream')"
schemathesis.serializer.alias(FRAME_TYPE, "application/octet-stream")
schemathesis.checks.load_all_checks()
CHECKS = schemathesis.checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)
ROUTES = {
    ("GET", "/v1/health"),
    ("GET", "/v1/version"),
    ("GET", "/v1/capabilities"),
    ("GET", "/v1/scans/{sha256}"),
    ("PUT", "/v1/scans/{sha256}"),
    ("GET", "/v1/contours/{sha256}"),
    ("PUT", "/v1/contours/{sha256}"),
    ("POST", "/v1/estimate"),
    ("GET", "/v1/jobs"),
    ("PUT", "/v1/jobs/{job}"),
    ("GET", "/v1/jobs/{job}"),
    ("GET", "/v1/jobs/{job}/events"),
    ("POST", "/v1/jobs/{job}/cancel"),
    ("POST", "/v1/jobs/{job}/resume"),
    ("GET", "/v1/jobs/{job}/result"),
    ("POST", "/v1/purge"),
    ("POST", "/v1/shutdown"),
}

EXAMPLES = 12
PHASE_CHECKS = ",".join(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "unsupported_method",
        "allow_header_conformance",
        "ignored_auth",
        "use_after_free",
    ]
)
WITHOUT_INPUT = {"/v1/health", "/v1/version", "/v1/capabilities", "/v1/shutdown"}  # nothing to get wrong
ASKED = [
    pytest.param(method, path, mode, id=f"{method} {path}, {mode.value}")
    for method, path in sorted(ROUTES)
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in WITHOUT_INPUT
]


@dataclass(frozen=True)
class Known:
    """What a backend has: the hash of a scan, and ids of jobs that ended in different ways."""

    scan: str
    jobs: tuple[str, ...]


def _bearer(shared: BackendProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {shared.token}"}


@pytest.fixture(scope="module")
def interface(shared: BackendProcess) -> Any:
    """The description that the running backend gives of itself."""
    return schemathesis.openapi.from_url(f"{shared.url}/v1/openapi.json", headers=_bearer(shared))


@pytest.mark.parametrize(("method", "path", "mode"), ASKED)
def test_no_request_makes_the_backend_fail(
    interface: Any, shared: BackendProcess, method: str, path: str, mode: GenerationMode
) -> None:
    requests_of = interface[path][method].as_strategy(generation_mode=mode)

    @given(requests_of)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask(case: Any) -> None:
        case.call_and_validate(headers=_bearer(shared), checks=CHECKS, timeout=20)

    ask()


@pytest.fixture(scope="module")
def known(shared: BackendProcess) -> Known:
    """A scan that is there, and a job in each state in which a job can rest."""
    client = shared.client()
    done, failed, cancelled, expired = (submit(client, engine=e) for e in ("tiles-plain", "tiles-wrong") * 2)
    for job in (done, failed, expired):
        ended(client, job)
    client.cancel(cancelled)
    ended(client, cancelled)
    client.purge(PurgeRequest(jobs=(expired,)))
    client.close()
    return Known(frame().sha256, (done, failed, cancelled, expired))


ON_JOBS = [pytest.param(*way, id=" ".join(way)) for way in sorted(ROUTES) if "{job}" in way[1]]
ON_SCANS = [
    pytest.param(*way, id=" ".join(way)) for way in (("POST", "/v1/estimate"), ("PUT", "/v1/jobs/{job}"))
]


@pytest.mark.parametrize(("method", "path"), ON_JOBS)
def test_no_request_on_a_job_that_is_there_makes_the_backend_fail(
    interface: Any, shared: BackendProcess, known: Known, method: str, path: str
) -> None:
    @given(interface[path][method].as_strategy(), st.sampled_from(known.jobs))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask_about(case: Any, job: str) -> None:
        case.path_parameters["job"] = job
        case.call_and_validate(headers=_bearer(shared), checks=CHECKS, timeout=20)

    ask_about()


@pytest.mark.parametrize(("method", "path"), ON_SCANS)
def test_no_request_on_a_scan_that_is_there_makes_the_backend_fail(
    interface: Any, shared: BackendProcess, known: Known, method: str, path: str
) -> None:
    engines = st.sampled_from(["tiles-plain", "tiles-needs", "tiles-gone", "guideline-pgi", "echo"])

    @given(interface[path][method].as_strategy(), engines)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask_for(case: Any, engine: str) -> None:
        case.body = {**case.body, "scan": known.scan, "engine": engine}
        case.call_and_validate(headers=_bearer(shared), checks=CHECKS, timeout=20)

    ask_for()


@pytest.mark.slow
@pytest.mark.parametrize("with_token", [True, False], ids=["with the token", "without the token"])
def test_every_phase_of_schemathesis_finds_nothing(
    new_backend: Callable[..., BackendProcess], tmp_path: Path, *, with_token: bool
) -> None:
    backend = new_backend()
    description = requests.get(f"{backend.url}/v1/openapi.json", headers=_bearer(backend), timeout=30)
    (tmp_path / "openapi.json").write_bytes(description.content)
    told = ["-H", f"Authorization: Bearer {backend.token}"] if with_token else []
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", backend.url, *told]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--checks", PHASE_CHECKS]
    command += ["--max-examples", str(EXAMPLES), "--request-timeout", "60", "--continue-on-failure"]
    (tmp_path / "bodies.py").write_text(BODIES)
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "bodies", "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
    assert backend.answers()


def test_the_description_lists_every_route(shared: BackendProcess) -> None:
    found = requests.get(f"{shared.url}/v1/openapi.json", headers=_bearer(shared), timeout=10).json()
    listed = {(method.upper(), path) for path, ways in found["paths"].items() for method in ways}
    assert listed == ROUTES
    for message in ("JobRequest", "JobStatus", "Capabilities", "Problem", "PurgeRequest"):
        assert found["components"]["schemas"][message]["additionalProperties"] is False
