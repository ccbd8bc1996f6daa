"""The interface as it is described: whatever a caller sends, the answer is one that the description lists,
and never a fault of the server's."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from AmlartContourLib.contract.messages import FRAME_TYPE
from support.backend_process import BackendProcess

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
WITHOUT_INPUT = {"/v1/health", "/v1/version", "/v1/capabilities", "/v1/shutdown"}  # nothing to get wrong
ASKED = [
    pytest.param(method, path, mode, id=f"{method} {path}, {mode.value}")
    for method, path in sorted(ROUTES)
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in WITHOUT_INPUT
]


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


def test_the_description_lists_every_route(shared: BackendProcess) -> None:
    found = requests.get(f"{shared.url}/v1/openapi.json", headers=_bearer(shared), timeout=10).json()
    listed = {(method.upper(), path) for path, ways in found["paths"].items() for method in ways}
    assert listed == ROUTES
    for message in ("JobRequest", "JobStatus", "Capabilities", "Problem", "PurgeRequest"):
        assert found["components"]["schemas"][message]["additionalProperties"] is False
