"""nnInteractive on a server of its own: the library's server in a real process, asked by its client; and
where a scan may be sent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting, JobFailed
from AmlartContourLib.contract.home import HOME_VARIABLE
from inference_backend.engines.nninteractive import NnInteractiveEngine
from inference_backend.interactive.adding import add_server
from inference_backend.interactive.description import CLIENT, KEY_VARIABLE, LIBRARY, require_server
from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import Wish
from support.box_cohort import box_patient
from support.interactive_models import add_model, prompts, skip_without, write_folder

WISH = Wish("nn", "", "nnInteractive")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def quiet(_fraction: float, _stage: str) -> None:
    """Nobody listens."""


@pytest.mark.slow
def test_a_server_of_the_library_answers_by_its_own_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(LIBRARY)
    skip_without(CLIENT)
    source = write_folder(tmp_path / "trained")
    port = free_port()
    url, key = f"http://127.0.0.1:{port}", "a key of the test"
    command = ["nnInteractive.inference.server.main", "--model-dir", str(source), "--fold", "0"]
    command += ["--port", str(port), "--device", "cpu", "--no-autozoom", "--torch-n-threads", "1"]
    environment = {**os.environ, KEY_VARIABLE: key}
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(port, server)
            monkeypatch.setenv(KEY_VARIABLE, "another")
            with pytest.raises(BadSetting, match="refuses the key"):
                add_server(url, ("bladder",), WISH)
            monkeypatch.setenv(KEY_VARIABLE, key)
            model = add_server(url, ("bladder",), WISH)
            assert (model.licence, model.research_only) == ("CC BY-NC-SA 4.0", True)
            accept(bundle_folder("nn"), model.licence, "a test")
            scan, truth = box_patient(3)
            remote = NnInteractiveEngine("nn")
            remote.load("cpu")
            add_model(tmp_path, "here")
            here = NnInteractiveEngine("here")
            here.load("cpu")
            for prompt in prompts():
                asked = (scan, prompt, quiet, lambda: False, truth.only(["bladder"]))
                theirs, ours = remote.fix(*asked), here.fix(*asked)
                assert theirs.masks.mask("bladder").same_voxels(ours.masks.mask("bladder"))
                assert f"Asked of the nnInteractive server {url}." in theirs.findings
            here.unload()
        finally:
            server.terminate()
            server.wait()
    with pytest.raises(JobFailed, match="does not answer"):
        remote.fix(*asked)
    remote.unload()


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.7:1527", "http://hospital", "ftp://127.0.0.1", "127.0.0.1:1527", "http://a:b@localhost"],
)
def test_a_scan_goes_to_another_machine_by_tls_only(url: str) -> None:
    with pytest.raises(BadSetting, match="server cannot be used"):
        add_server(url, ("bladder",), WISH)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1527", "http://localhost:1", "https://gpu.hospital", "http://[::1]:9"]
)
def test_this_machine_and_tls_are_taken(url: str) -> None:
    require_server(url)


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server listens; fails where it ends."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert server.poll() is None, "the server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise AssertionError("the server does not listen")
