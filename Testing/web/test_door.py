"""Who gets through the door of the workstation, and what happens when its process dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from inference_backend.server.tokens import add_token
from support.workstation_process import RunningWorkstation, running_workstation

FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorkstation]:
    base = tmp_path_factory.mktemp("door")
    (base / "patients").mkdir()
    with running_workstation(base / "patients", base / "home") as running:
        yield running


def _session(station: RunningWorkstation, token: str | None = None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    answer = session.get(f"{station.url}/enter", params={"token": token or station.token}, timeout=30)
    assert answer.status_code == 200
    return session


def _websocket(station: RunningWorkstation, session: requests.Session, **headers: str) -> int:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with session.get(f"{station.url}/ws", headers={**upgrade, **headers}, timeout=60, stream=True) as answer:
        return answer.status_code


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/ws", "/door/events", "/assets/x.js", "/vue.global.js", "/export.zip"]
)
def test_nothing_is_served_without_the_cookie(station: RunningWorkstation, path: str) -> None:
    assert requests.get(f"{station.url}{path}", timeout=30).status_code == 401


def test_a_wrong_token_lets_nobody_in(station: RunningWorkstation) -> None:
    answer = requests.get(f"{station.url}/enter", params={"token": "wslink-secret"}, timeout=30)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_no_token_and_no_script_can_read_it(station: RunningWorkstation) -> None:
    answer = requests.get(station.link, timeout=30)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert station.token not in cookie


def test_pages_of_other_sites_and_other_names_are_refused(station: RunningWorkstation) -> None:
    session = _session(station)
    for headers in ({"Origin": FOREIGN}, {"Host": "evil.example"}, {"Origin": "null"}):
        assert session.get(f"{station.url}/", headers=headers, timeout=30).status_code == 403
        assert _websocket(station, session, **headers) == 403


def test_no_request_writes_to_a_station_or_leaves_its_folders(station: RunningWorkstation) -> None:
    session = _session(station)
    assert session.post(f"{station.url}/index.html", timeout=30).status_code in (404, 405)
    assert session.get(f"{station.url}/door/..%2F..%2Fplain.html", timeout=30).status_code == 404


def test_there_is_no_zip_before_an_export(station: RunningWorkstation) -> None:
    session, until = _session(station), time.monotonic() + 300
    while (answer := session.get(f"{station.url}/export.zip", timeout=120)).status_code == 503:
        assert time.monotonic() < until, "the station does not start"
    assert answer.status_code == 404
    assert "Export first" in answer.text


def test_a_reload_needs_no_link_and_a_second_tab_is_told(station: RunningWorkstation) -> None:
    session = _session(station)
    assert session.get(f"{station.url}/", timeout=120).status_code == 200
    assert session.get(f"{station.url}/", timeout=60).status_code == 200
    assert _websocket(station, session) == 101


def test_two_users_have_processes_of_their_own_and_a_stranger_none(station: RunningWorkstation) -> None:
    other = add_token(station.home / "workstation", "second")
    for token in (station.token, other):
        assert _session(station, token).get(f"{station.url}/", timeout=120).status_code == 200
    assert len(station.stations()) == 2


def test_a_killed_station_is_started_again_by_itself(station: RunningWorkstation) -> None:
    session = _session(station)
    session.get(f"{station.url}/", timeout=120)
    before = station.stations()
    os.kill(before[0], signal.SIGKILL)
    until = time.monotonic() + 300
    while (code := session.get(f"{station.url}/", timeout=120).status_code) != 200:
        assert code == 503, "the page says that the station starts"
        assert time.monotonic() < until
        time.sleep(0.5)
    assert before[0] not in station.stations()


@pytest.mark.slow
def test_a_station_that_hangs_is_told_to_its_page_until_it_goes_on(station: RunningWorkstation) -> None:
    session, until = _session(station), time.monotonic() + 300
    while (page := session.get(f"{station.url}/", timeout=120)).status_code != 200:
        assert time.monotonic() < until, "the station does not start"
    (seat,) = re.findall('data-seat="([0-9a-f]+)"', page.text)
    pids = station.stations()
    with session.get(f"{station.url}/door/events?seat={seat}", timeout=60, stream=True) as events:
        told = (json.loads(line[5:])["silent"] for line in events.iter_lines() if line.startswith(b"data:"))
        assert next(told) is False
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert next(told) is True
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert next(told) is False
    assert station.stations() == pids


def test_a_station_takes_nothing_without_the_door(station: RunningWorkstation) -> None:
    ports = [_port(pid) for pid in station.stations()]
    assert ports
    for port in ports:
        assert requests.get(f"http://127.0.0.1:{port}/index.html", timeout=30).status_code == 401


def _port(pid: int) -> int:
    psutil = pytest.importorskip("psutil")
    listening = [c for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
    return int(listening[0].laddr.port)


@pytest.mark.slow
def test_over_tls_the_page_is_verified_and_the_cookie_is_for_encrypted_connections_only(
    tmp_path: Path,
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    (tmp_path / "patients").mkdir()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=door"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with running_workstation(tmp_path / "patients", tmp_path / "home", options=options) as running:
        assert running.link.startswith("https://")
        session = requests.Session()
        session.trust_env, session.verify = False, str(cert)
        answer = session.get(running.link, timeout=60)
        assert "Secure" in answer.headers["Set-Cookie"]
        assert session.get(f"{running.url}/", timeout=120).status_code == 200
        told = session.post(f"{running.url}/paraview/", timeout=120).json()
        assert told["sessionURL"].startswith("wss://")
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(running.url, timeout=60)


@pytest.mark.slow
def test_the_station_ends_with_its_door(tmp_path: Path) -> None:
    (tmp_path / "patients").mkdir()
    with running_workstation(tmp_path / "patients", tmp_path / "home") as running:
        _session(running).get(f"{running.url}/", timeout=120)
        (pid,) = running.stations()
        running.process.kill()
        until = time.monotonic() + 20
        while time.monotonic() < until and Path(f"/proc/{pid}").exists():
            time.sleep(0.2)
        assert not Path(f"/proc/{pid}").exists()
