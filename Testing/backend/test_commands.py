"""`amlart serve` and `amlart jobs`, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from AmlartContourLib.client.local_backend import LocalBackend, serve_command
from AmlartContourLib.contract.home import read_running
from AmlartContourLib.contract.messages import JobState
from support.amlart import amlart
from support.backend_process import BackendProcess, ended, environment, running, submit, wait_for


@pytest.fixture
def idle_home(tmp_path: Path) -> Path:
    """A folder where no backend runs."""
    return tmp_path / "idle"


def test_jobs_are_listed_cancelled_resumed_and_removed(shared: BackendProcess) -> None:
    home = ("--home", str(shared.home))
    client = shared.client()
    job = submit(client, engine="tiles-pause.1")
    running(client, job)
    listed = json.loads(amlart("jobs", "list", "--json", *home).out)["jobs"][0]
    assert (listed["job"], listed["state"]) == (job, "running")
    assert job[:8] in amlart("jobs", "list", *home).out
    stopped = amlart("jobs", "cancel", job[:8], *home)
    assert stopped.code == 0, stopped.err
    assert ended(client, job).state is JobState.CANCELLED
    assert amlart("jobs", "resume", job, *home).code == 0
    assert client.status(job).state in (JobState.QUEUED, JobState.RUNNING)
    client.cancel(job)
    ended(client, job)
    removed = amlart("jobs", "purge", job[:8], "--json", *home)
    assert json.loads(removed.out)["jobs"] == 1
    assert job not in {status.job for status in client.jobs(1000)}
    unknown = amlart("jobs", "cancel", job[:8], *home)
    assert unknown.code == 2
    assert "No job's id begins" in unknown.err
    client.close()


def test_without_a_backend_the_user_reads_what_to_do(idle_home: Path) -> None:
    done = amlart("jobs", "list", "--home", str(idle_home))
    assert done.code == 6
    assert "amlart serve" in done.err
    assert "Traceback" not in done.err


def test_a_backend_elsewhere_needs_a_token(idle_home: Path, shared: BackendProcess) -> None:
    assert amlart("jobs", "list", "--url", shared.url).code == 2
    wrong = idle_home.with_name("wrong")
    wrong.write_text("wrong\n")
    refused = amlart("jobs", "list", "--url", shared.url, "--token-file", str(wrong))
    assert refused.code == 6
    assert "token" in refused.err
    right = idle_home.with_name("right")
    right.write_text(shared.token + "\n")
    assert amlart("jobs", "list", "--url", shared.url, "--token-file", str(right)).code == 0


@pytest.fixture
def served(idle_home: Path) -> Iterator[subprocess.Popen[str]]:
    """`amlart serve` in the foreground."""
    command = [
        sys.executable,
        "-m",
        "inference_backend.cli",
        "serve",
        "--port",
        "0",
        "--home",
        str(idle_home),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_serve_says_where_it_listens_and_ends_with_ctrl_c(
    served: subprocess.Popen[str], idle_home: Path
) -> None:
    assert served.stderr is not None
    assert "listening at http://127.0.0.1:" in served.stderr.readline()
    found = wait_for(LocalBackend((), idle_home).find, 20, "it answers")
    told = amlart("serve", "--new-token", "colleague", "--home", str(idle_home)).out.strip()
    token = idle_home.with_name("token")
    token.write_text(told)
    assert amlart("jobs", "list", "--url", found.url, "--token-file", str(token)).code == 0
    os.kill(served.pid, signal.SIGINT)
    assert served.wait(20) == 0
    assert read_running(idle_home) is None
    rest = served.stderr.read()
    assert "Traceback" not in rest
    assert told not in rest


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--host", "0.0.0.0"), "Give --tls-cert"),
        (("--tls-cert", "x.pem"), "both"),
        (("--port", "99999"), "no port"),
        (("--device", "cpu", "--device", "cpu"), "each once"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(idle_home: Path, words: tuple[str, ...], told: str) -> None:
    done = amlart("serve", "--home", str(idle_home), *words)
    assert done.code == 2
    assert told in done.err.replace("\n", " ")
    assert "Traceback" not in done.err


def test_a_client_starts_the_product_s_own_backend(idle_home: Path) -> None:
    local = LocalBackend(serve_command(Path(sys.executable)), idle_home)
    client = local.connect()
    assert {engine.id for engine in client.capabilities().engines} == {
        "guideline-taylor-2005",
        "guideline-pgi",
        "amlart-demo",
    }
    client.close()
    assert local.stop() is True


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    settings = {"tls_cert": str(tmp_path / "x.pem"), "tls_key": str(tmp_path / "y.pem")}
    with pytest.raises(AssertionError, match="certificate or its key cannot be used"):
        BackendProcess(tmp_path / "home", settings).start()
