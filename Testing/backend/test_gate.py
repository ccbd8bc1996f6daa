"""Who may ask, under which name, from where, and how much: each refusal on a real backend."""

from __future__ import annotations

import http.client
import json
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import SERVICE_HEADER
from inference_backend.server.http_protocol import FIRST_REQUEST_S
from inference_backend.server.settings import Settings
from support.backend_process import BackendProcess, environment

JOB = "/v1/jobs/" + "0" * 32


def ask(
    backend: BackendProcess, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict, http.client.HTTPMessage]:
    """One request with exactly these headers beside the token; a header given as "" is left out."""
    sent = {"Authorization": f"Bearer {backend.token}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(urlsplit(backend.url).netloc, timeout=20)
    try:
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null"), answer.headers
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("", "/v1/version"),
        ("Bearer ", "/v1/version"),
        ("Bearer wrong", "/v1/jobs"),
        ("Basic bG9jYWw6eA==", "/v1/capabilities"),
        ("Bearer wrong", "/v1/openapi.json"),
        ("Bearer wrong", "/v1/no-such-route"),
        ("Bearer \xff\xfe", "/v1/jobs"),
    ],
)
def test_no_route_but_health_answers_without_the_token(
    shared: BackendProcess, header: str, path: str
) -> None:
    status, problem, headers = ask(shared, "GET", path, Authorization=header)
    assert (status, problem["code"]) == (401, "wrong_token")
    assert headers["WWW-Authenticate"] == "Bearer"


def test_health_needs_no_token_and_tells_little(shared: BackendProcess) -> None:
    status, health, headers = ask(shared, "GET", "/v1/health", Authorization="")
    assert status == 200
    assert set(health) == {"service", "protocol", "instance"}
    assert headers[SERVICE_HEADER] == "amlart-contour-backend/1"
    assert "server" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", "10.0.0.1"]
)
def test_a_name_that_a_web_page_rebound_is_refused(shared: BackendProcess, host: str) -> None:
    status, problem, _ = ask(shared, "GET", "/v1/version", Host=host)
    assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:99"])
def test_its_own_names_are_taken(shared: BackendProcess, host: str) -> None:
    assert ask(shared, "GET", "/v1/version", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1"])
def test_no_web_page_may_call(shared: BackendProcess, origin: str) -> None:
    status, problem, headers = ask(shared, "POST", "/v1/purge", b"{}", Origin=origin)
    assert (status, problem["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in headers


def test_a_preflight_is_refused(shared: BackendProcess) -> None:
    assert ask(shared, "OPTIONS", "/v1/jobs", Origin="http://evil.example")[0] == 403


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"engine": "tiles-plain", "scan": "%s", "patient": "Jane"}' % (b"0" * 64), "patient"),
        (b'{"engine": "tiles-plain"}', "scan"),
        (b'{"engine": "tiles-plain", "scan": "/etc/passwd"}', "hash"),
        (b'{"engine": "../engine", "scan": "%s"}' % (b"0" * 64), "name"),
        (b'{"engine": "x", "scan": "%s", "wanted": ["a", "a"]}' % (b"0" * 64), "once"),
        (b"[]", "request"),
        (b"not json", "request"),
        (b"\xff\xfe", "request"),
        (b"[" * 20_000, "request"),
    ],
)
def test_a_message_that_is_not_as_it_should_be(shared: BackendProcess, body: bytes, words: str) -> None:
    status, problem, _ = ask(shared, "PUT", JOB, body)
    assert status in (400, 422), problem
    assert words in problem["what"]
    assert "Jane" not in str(problem)
    assert "passwd" not in str(problem)


def test_a_message_longer_than_any_should_be_is_refused_unread(shared: BackendProcess) -> None:
    status, problem, _ = ask(shared, "PUT", JOB, b" " * 70_000)
    assert (status, problem["code"]) == (413, "too_large")


def test_a_body_of_unknown_length_is_refused(shared: BackendProcess) -> None:
    connection = http.client.HTTPConnection(urlsplit(shared.url).netloc, timeout=20)
    headers = {"Authorization": f"Bearer {shared.token}"}
    connection.request("PUT", "/v1/scans/" + "0" * 64, iter([b"x"]), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (411, "length_required")
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/no-such-route", 404),
        ("GET", "/v1/jobs/../../etc/passwd", 404),
        ("GET", "/v1/jobs/%2e%2e%2f%2e%2e", 404),
        ("GET", "/v1/jobs/" + "0" * 31, 422),
        ("GET", JOB, 404),
        ("GET", JOB + "/events", 404),
        ("GET", JOB + "/result", 404),
        ("POST", JOB + "/cancel", 404),
        ("POST", JOB + "/resume", 404),
        ("DELETE", JOB, 405),
        ("GET", "/v1/scans/" + "0" * 64, 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/jobs?most=0", 422),
    ],
)
def test_every_refusal_has_the_same_form(shared: BackendProcess, method: str, path: str, status: int) -> None:
    found, problem, headers = ask(shared, method, path)
    assert found == status
    assert set(problem) == {"code", "what", "kept", "advice"}
    assert headers[SERVICE_HEADER].startswith("amlart-contour-backend")


@pytest.mark.parametrize(
    ("path", "allowed"), [(JOB, "GET, PUT"), ("/v1/purge", "POST"), ("/v1/openapi.json", "GET")]
)
def test_a_wrong_method_is_told_the_right_ones(shared: BackendProcess, path: str, allowed: str) -> None:
    status, problem, headers = ask(shared, "DELETE", path)
    assert (status, problem["code"], headers["Allow"]) == (405, "wrong_method", allowed)


def test_a_web_socket_is_refused(shared: BackendProcess) -> None:
    found, _, _ = ask(
        shared,
        "GET",
        "/v1/health",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Sec_WebSocket_Version="13",
    )
    assert found in (200, 400, 403)  # never 101: no socket is opened


def test_a_backend_that_a_person_started_is_not_stopped_over_the_wire(shared: BackendProcess) -> None:
    assert ask(shared, "POST", "/v1/shutdown")[0] == 403
    assert shared.answers()


def test_too_many_requests_at_once_are_told_so(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(limits={"requests_at_once": 1, "silence_seconds": 2.0})
    parts = urlsplit(backend.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as slow:
        head = f"PUT {JOB} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
        slow.sendall(f"{head}Authorization: Bearer {backend.token}\r\n\r\n".encode())
        time.sleep(0.3)
        status, problem, headers = ask(backend, "GET", "/v1/version")
        assert (status, problem["code"], headers["Retry-After"]) == (503, "busy", "1")
        time.sleep(2.5)
        assert ask(backend, "GET", "/v1/version")[0] == 200, "who falls silent loses the place"


def test_files_are_closed_to_others_and_no_token_is_logged(shared: BackendProcess) -> None:
    ask(shared, "GET", "/v1/version", Authorization="Bearer hunter2")
    assert shared.token not in shared.log()
    assert "hunter2" not in shared.log()
    for path in (shared.home, *shared.home.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_a_folder_open_to_others_is_not_used(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    with pytest.raises(AssertionError, match="can be read or changed by other users"):
        BackendProcess(home).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gpu.hospital.example"])
def test_no_backend_for_others_without_tls(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSetting, match="would let others read"):
        Settings(home=tmp_path, host=host)
    Settings(home=tmp_path, host=host, tls_cert=tmp_path / "c", tls_key=tmp_path / "k")


def test_tls_needs_certificate_and_key(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="both"):
        Settings(home=tmp_path, tls_cert=tmp_path / "c")


def test_a_port_in_use_is_told(shared: BackendProcess, tmp_path: Path) -> None:
    other = BackendProcess(tmp_path / "home", {"port": urlsplit(shared.url).port})
    with pytest.raises(AssertionError, match="cannot be used"):
        other.start()


def test_small_answers_come_at_once(shared: BackendProcess) -> None:
    """Where small packets wait for others, every answer takes 40 ms, on an idle machine too."""
    client = shared.client()
    taken = []
    for _ in range(12):
        start = time.perf_counter()
        client.version()
        taken.append(time.perf_counter() - start)
    assert median(taken) < 0.035
    client.close()


def test_the_client_imports_nothing_that_slicer_lacks_and_nothing_slow() -> None:
    code = (
        "import sys, AmlartContourLib.client.worker, AmlartContourLib.client.local_backend, "
        "AmlartContourLib.client.heartbeat; "
        "print([m for m in ('scipy', 'SimpleITK', 'pydicom', 'fastapi', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "[]", done.stderr


def test_the_process_that_serves_imports_nothing_heavy() -> None:
    code = (
        "import sys, inference_backend.server.__main__, inference_backend.engines.registry as r; "
        "r.Registry().infos(); "
        "print([m for m in ('torch', 'scipy', 'SimpleITK', 'pydicom', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_connections_that_never_finish_a_request_are_closed(shared: BackendProcess) -> None:
    parts = urlsplit(shared.url)
    silent = socket.create_connection((parts.hostname, parts.port), timeout=60)
    dripping = socket.create_connection((parts.hostname, parts.port), timeout=60)
    start = time.monotonic()
    with silent, dripping:
        dripping.settimeout(1.0)
        while time.monotonic() - start < FIRST_REQUEST_S + 5:
            try:
                dripping.send(b"G")
                if dripping.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - start < FIRST_REQUEST_S + 4
        assert silent.recv(1) == b""
