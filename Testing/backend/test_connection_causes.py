"""Test connection: one message for each cause, and no token for a wrong service."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.causes import WORDS
from AmlartContourLib.client.connection import Timeouts
from AmlartContourLib.client.diagnosis import check_connection
from AmlartContourLib.contract.errors import BackendUnreachable, BadSetting
from AmlartContourLib.contract.messages import SERVICE, SERVICE_HEADER, JobRequest
from AmlartContourLib.contract.problems import Cause
from support.backend_process import BackendProcess, environment, frame

SHORT = Timeouts(connect_s=1.0, answer_s=1.0)
OURS = {SERVICE_HEADER: f"{SERVICE}/1", "Content-Type": "application/json"}
HEALTH = {"service": SERVICE, "protocol": 1, "instance": "x"}


@contextmanager
def server(status: int, headers: dict[str, str], body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """A server that gives one answer to everything; its URL, and the tokens that it was shown."""
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    answering = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=answering.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{answering.server_port}", shown
    finally:
        answering.shutdown()
        thread.join()
        answering.server_close()


@contextmanager
def listener(on_connect: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port that does something odd with whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(listening.accept()[0])
                    on_connect(held[-1])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


def cause_at(url: str, token: str = "t") -> Cause | None:
    report = check_connection(BackendAddress(url, token), SHORT)
    assert report.message
    return report.cause


def test_all_is_well(shared: BackendProcess) -> None:
    report = check_connection(shared.address())
    assert report.ok
    assert report.version is not None
    assert report.version.software in report.message


def test_a_wrong_token(shared: BackendProcess) -> None:
    assert cause_at(shared.url, "wrong") is Cause.WRONG_TOKEN


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert cause_at(f"http://127.0.0.1:{port}") is Cause.REFUSED


def test_a_name_that_does_not_exist() -> None:
    assert cause_at("https://no-such-machine.invalid:8642") is Cause.NAME_NOT_FOUND


def test_there_is_no_way_to_the_machine() -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not on this machine")
    program = (
        "from AmlartContourLib.client.address import BackendAddress as A;"
        "from AmlartContourLib.client.diagnosis import check_connection as check;"
        "print(check(A('https://192.0.2.1:8642', 't')).cause.value)"
    )
    apart = [
        "unshare",
        "--map-root-user",
        "--net",
        sys.executable,
        "-c",
        program,
    ]  # in a net without any route
    ran = subprocess.run(apart, capture_output=True, text=True, env=environment())
    if ran.stderr.startswith("unshare"):
        pytest.skip("this machine does not let a test make a net of its own")
    assert ran.stdout.strip() == Cause.NO_ROUTE.value, ran.stderr


def test_somebody_listens_but_never_answers() -> None:
    with listener(lambda _: None) as port:
        assert cause_at(f"http://127.0.0.1:{port}") is Cause.TIMEOUT


def test_the_connection_is_cut() -> None:
    with listener(lambda connection: connection.close()) as port:
        assert cause_at(f"http://127.0.0.1:{port}") is Cause.LOST


def test_tls_where_there_is_none(shared: BackendProcess) -> None:
    assert cause_at(shared.url.replace("http://", "https://")) is Cause.TLS


@pytest.mark.parametrize(
    ("status", "headers", "body", "cause"),
    [
        (200, {}, b"<html>hello</html>", Cause.WRONG_SERVICE),
        (404, {}, b"", Cause.WRONG_SERVICE),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", Cause.WRONG_SERVICE),
        (502, {}, b"Bad gateway", Cause.PROXY),
        (407, {"Proxy-Authenticate": "Basic"}, b"", Cause.PROXY),
        (403, {"Via": "1.1 squid"}, b"", Cause.PROXY),
        (200, {**OURS, SERVICE_HEADER: f"{SERVICE}/2"}, b"{}", Cause.WRONG_VERSION),
        (200, OURS, json.dumps({**HEALTH, "protocol": 7}).encode(), Cause.WRONG_VERSION),
        (200, OURS, json.dumps({**HEALTH, "service": "other"}).encode(), Cause.WRONG_SERVICE),
        (200, OURS, json.dumps({**HEALTH, "more": 1}).encode(), Cause.WRONG_SERVICE),
        (503, OURS, b'{"code": "busy", "what": "Too much."}', Cause.BUSY),
    ],
)
def test_somebody_else_answers(status: int, headers: dict[str, str], body: bytes, cause: Cause) -> None:
    with server(status, headers, body) as (url, shown):
        assert cause_at(url, "secret") is cause
        assert shown == [None], "the token was not shown"


def test_every_cause_has_words_of_its_own() -> None:
    assert set(WORDS) == set(Cause)
    assert len({what for what, _ in WORDS.values()}) == len(Cause)
    assert all(advice for _, advice in WORDS.values())


def test_proxies_are_not_asked_for_this_machine(
    shared: BackendProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert check_connection(shared.address()).ok


def test_a_proxy_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert cause_at("https://gpu.hospital.invalid:8642") is Cause.PROXY


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8642",
        "ftp://x",
        "http://",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1?x=1",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(BadSetting, match="not of the form"):
        BackendAddress(url, "t")


def test_no_scan_leaves_this_machine_in_the_clear() -> None:
    with pytest.raises(BadSetting, match="readable by others"):
        BackendAddress("http://gpu.hospital.example:8642", "t")


def test_the_token_is_in_no_text(shared: BackendProcess) -> None:
    address = shared.address()
    assert shared.token not in repr(address)
    with pytest.raises(BackendUnreachable) as lost:
        BackendClient(BackendAddress("http://127.0.0.1:9", shared.token), SHORT).version()
    assert shared.token not in str(lost.value)


def test_an_answer_that_never_ends_is_given_up() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        head = f"HTTP/1.1 200 OK\r\n{SERVICE_HEADER}: {SERVICE}/1\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"{")

    with listener(drip) as port:
        assert cause_at(f"http://127.0.0.1:{port}") is Cause.TIMEOUT


@pytest.fixture(scope="module")
def tls_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """A backend with a certificate that signs itself, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gpu"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    settings = {"tls_cert": str(cert), "tls_key": str(key), "host": "0.0.0.0"}
    backend = BackendProcess(folder / "home", settings)
    backend.verify = cert
    backend.start()
    yield backend
    backend.stop()


def test_tls_is_verified_with_the_sites_own_certificate(tls_backend: BackendProcess) -> None:
    assert tls_backend.url.startswith("https://")
    assert check_connection(tls_backend.address()).ok
    client = tls_backend.client()
    assert client.send(frame(31)) is True
    client.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_backend: BackendProcess) -> None:
    report = check_connection(tls_backend.address(ca_file=None))
    assert report.cause is Cause.TLS
    assert "CA file" in report.message


def test_a_certificate_for_another_name_is_refused(tls_backend: BackendProcess) -> None:
    url = tls_backend.url.replace("127.0.0.1", "localhost")
    assert check_connection(tls_backend.address(url=url)).cause is Cause.TLS


def test_old_tls_is_refused(tls_backend: BackendProcess) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(tls_backend.verify)
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    port = int(tls_backend.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw, server_hostname="127.0.0.1")


def test_a_request_that_is_not_understood_names_no_value() -> None:
    with pytest.raises(ValueError, match="hash"):
        JobRequest("x", "Jane Doe")
