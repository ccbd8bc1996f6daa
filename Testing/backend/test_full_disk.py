"""A disk that takes no more: refused in words, nothing lost, and the backend goes on once there is room."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.contract.messages import JobState, PurgeRequest
from support.backend_process import BackendProcess, ended, frame, running, submit, wait_for

SIZE = "20m"
HALF = 1 << 20


@pytest.fixture(scope="module")
def whole_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can make a small file system")
    disk = tmp_path_factory.mktemp("small") / "disk"
    disk.mkdir()
    make = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    if subprocess.run(make, capture_output=True).returncode:
        pytest.skip("this machine does not let a test make a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_disk(whole_disk: Path) -> Iterator[Path]:
    """That disk, with room again when the test is over."""
    yield whole_disk
    (whole_disk / "hog").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def backend(whole_disk: Path) -> Iterator[BackendProcess]:
    """A backend whose folder is on that disk, and which may fill it to the last byte."""
    backend = BackendProcess(whole_disk / "home", {"limits": {"free_disk_bytes": 0}}).start()
    yield backend
    backend.stop()


@pytest.fixture
def client(backend: BackendProcess) -> Iterator[BackendClient]:
    """Its client, and no job or upload of another test."""
    client = backend.client()
    client.purge(PurgeRequest())
    yield client
    client.close()


def fill(disk: Path) -> Path:
    """Takes all room that is left; the file that does."""
    hog = disk / "hog"
    with suppress(OSError), hog.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return hog


def code_of(refused: pytest.ExceptionInfo[BackendRefused]) -> str:
    return refused.value.code


def test_uploads_and_jobs_are_refused_and_what_is_there_stays(
    small_disk: Path, client: BackendClient
) -> None:
    done = submit(client)
    ended(client, done)
    with pytest.raises(BackendRefused) as refused:
        client.send(frame(1, (256, 256, 256)))
    assert code_of(refused) == "disk_full"
    assert "amlart jobs purge" in refused.value.advice
    hog = fill(small_disk)
    with pytest.raises(BackendRefused) as refused:
        submit(client)
    assert code_of(refused) == "disk_full"
    assert client.result(done).masks.ids
    hog.unlink()
    assert ended(client, submit(client, seed=3)).state is JobState.DONE


def test_a_result_that_finds_no_room_fails_its_job_which_can_be_resumed(
    small_disk: Path, backend: BackendProcess, client: BackendClient
) -> None:
    job = submit(client, engine="tiles-pause.0.05", seed=2)
    running(client, job)
    hog = fill(small_disk)
    wait_for(lambda: client.status(job).state.has_ended or "written down" in backend.log(), 20, "it ends")
    hog.unlink()
    status = ended(client, job)
    assert status.problem is not None
    assert status.problem.code == "disk_full"
    client.resume(job)
    assert ended(client, job).state is JobState.DONE
    assert client.result(job).masks.ids


def test_old_results_can_be_removed_from_a_disk_that_is_full_to_the_last_byte(
    small_disk: Path, backend: BackendProcess, client: BackendClient
) -> None:
    for seed in range(3):
        ended(client, submit(client, seed=seed))
    fill(small_disk)
    report = client.purge(PurgeRequest())
    assert report.jobs == 3
    assert not list((backend.home / "results").iterdir())
    assert ended(client, submit(client, seed=4)).state is JobState.DONE, "there is room again"


def test_an_upload_that_fills_the_disk_on_its_way_leaves_nothing(
    small_disk: Path, backend: BackendProcess, client: BackendClient
) -> None:
    sent = frame(5, (128, 128, 128))
    status, problem, hog = _sent_while_the_disk_fills(backend, sent, small_disk)
    assert (status, problem["code"]) == (507, "disk_full")
    assert not list((backend.home / "uploads").glob("*.part"))
    hog.unlink()
    assert client.send(sent) is True


def _sent_while_the_disk_fills(backend: BackendProcess, sent: Frame, disk: Path) -> tuple[int, dict, Path]:
    """Sends the first half, fills the disk, sends the rest."""
    body = sent.to_bytes()
    connection = http.client.HTTPConnection(urlsplit(backend.url).netloc, timeout=30)
    connection.putrequest("PUT", f"/v1/scans/{sent.sha256}")
    connection.putheader("Authorization", f"Bearer {backend.token}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[: 2 * HALF])
    uploads = backend.home / "uploads"
    wait_for(lambda: any(path.stat().st_size for path in uploads.iterdir()), 10, "half of it is there")
    hog = fill(disk)
    connection.send(body[2 * HALF :])
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()
    return answer.status, problem, hog


def test_a_backend_does_not_start_on_a_full_disk_and_has_lost_nothing_when_it_does(
    small_disk: Path, backend: BackendProcess, client: BackendClient
) -> None:
    done, cut = submit(client), submit(client, engine="tiles-pause.0.05", seed=1)
    running(client, cut)
    backend.kill()
    hog = fill(small_disk)
    (backend.home / "spare").unlink()
    fill(small_disk)
    with pytest.raises(AssertionError, match=r"disk is full|No space left"):
        backend.start()
    hog.unlink()
    backend.start()
    again = backend.client()
    assert again.result(done).masks.ids
    assert again.status(cut).state is JobState.INTERRUPTED
    again.resume(cut)
    assert ended(again, cut).state is JobState.DONE
    again.close()


def test_a_database_that_is_none_is_told_and_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    file = home / "backend.sqlite"
    file.write_bytes(b"this is no database\n" * 100)
    with pytest.raises(AssertionError, match="cannot be used: file is not a database"):
        BackendProcess(home).start()
    assert file.read_bytes().startswith(b"this is no database")
