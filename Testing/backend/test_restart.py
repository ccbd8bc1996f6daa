"""The backend is killed, or ended, and started again on the same folder: no job and no result is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused, BackendUnreachable
from AmlartContourLib.contract.messages import JobState, PurgeRequest
from inference_backend.server.tokens import add_token
from support.backend_process import BackendProcess, ended, frame, is_gone, running, submit, wait_for

End = Callable[[BackendProcess], None]


@pytest.mark.parametrize("end", [BackendProcess.kill, BackendProcess.stop], ids=["kill -9", "Ctrl-C"])
def test_a_job_that_ran_is_interrupted_and_one_call_resumes_it(
    new_backend: Callable[..., BackendProcess], end: End
) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, engine="tiles-pause.0.05", wanted=("bladder",))
    waiting = submit(client, wanted=("body",))
    running(client, job, 0.2)
    (worker,) = backend.workers()
    end(backend)
    client.close()
    wait_for(lambda: is_gone(worker), 2, "the worker does not outlive the backend")

    backend.start()
    client = backend.client()
    status = client.status(job)
    assert status.state is JobState.INTERRUPTED
    assert status.problem is not None
    assert "Resume" in status.problem.advice
    assert ended(client, waiting).state is JobState.DONE, (
        "a job that waited is done without being asked again"
    )
    client.resume(job)
    assert ended(client, job).state is JobState.DONE
    assert client.result(job).masks.has("bladder")
    assert client.status(job).attempts == 2
    client.close()


def test_results_and_uploads_survive(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, seed=3)
    ended(client, job)
    before = client.result(job)
    client.close()
    backend.kill()
    backend.start()
    client = backend.client()
    after = client.result(job)
    for contour in before.masks:
        assert contour.mask.same_voxels(after.masks.mask(contour.structure_id))
    again = submit(client, seed=3)
    assert ended(client, again).state is JobState.DONE
    client.close()


def test_half_written_files_are_swept_at_the_start(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    backend.kill()
    for name in ("uploads/half.part", "results/half.part", "uploads/" + "a" * 64 + ".frame"):
        (backend.home / name).write_bytes(b"half")
    backend.start()
    assert not list((backend.home / "uploads").iterdir())
    assert not list((backend.home / "results").iterdir())


def test_an_upload_whose_file_is_gone_is_asked_for_again(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, seed=4)
    ended(client, job)
    client.close()
    backend.stop()
    for file in (backend.home / "uploads").iterdir():
        file.unlink()
    backend.start()
    client = backend.client()
    assert ended(client, submit(client, seed=4)).state is JobState.DONE
    client.close()


@pytest.mark.parametrize("restart", [False, True], ids=["while it runs", "while it did not run"])
def test_a_result_that_somebody_deleted_is_said_to_be_missing_and_can_be_made_again(
    new_backend: Callable[..., BackendProcess], restart: bool
) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, seed=6)
    ended(client, job)
    if restart:
        backend.kill()
    for file in (backend.home / "results").iterdir():
        file.unlink()
    if restart:
        backend.start()
        client.close()
        client = backend.client()
    with pytest.raises(BackendRefused) as refused:
        client.result(job)
    assert refused.value.code == "not_ready"
    status = client.status(job)
    assert status.state is JobState.INTERRUPTED
    assert status.problem is not None
    assert status.problem.code == "result_missing"
    client.resume(job)
    ended(client, job)
    assert client.result(job).masks.ids
    client.close()


def test_an_upload_that_changed_on_the_disk_fails_its_job_until_it_is_sent_again(
    client: BackendClient, shared: BackendProcess
) -> None:
    sent = frame(8)
    client.send(sent)
    stored = shared.home / "uploads" / f"{sent.sha256}.frame"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    status = ended(client, submit(client, seed=8))
    assert status.problem is not None
    assert "The stored upload has changed" in status.problem.what
    assert "purge" in status.problem.advice
    client.purge(PurgeRequest(jobs=(status.job,)))
    assert client.send(sent) is True
    assert ended(client, submit(client, seed=8)).state is JobState.DONE


def test_watching_ends_when_the_backend_does(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, engine="tiles-pause.0.05")
    watching = client.follow(job)
    next(watching)
    backend.kill()
    with pytest.raises(BackendUnreachable) as lost:
        list(watching)
    assert lost.value.cause == "lost"
    client.close()


def test_a_second_backend_on_the_same_folder_is_refused(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    other = BackendProcess(backend.home)
    with pytest.raises(AssertionError, match="Another backend already uses this folder"):
        other.start()
    assert backend.answers()


def test_nothing_of_another_user_can_be_seen(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    token = add_token(backend.home, "colleague")
    mine, theirs = backend.client(), BackendClient(backend.address(token=token))
    job = submit(mine)
    ended(mine, job)
    assert theirs.jobs() == ()
    for ask in (theirs.status, theirs.cancel, theirs.resume, theirs.result):
        with pytest.raises(BackendRefused) as refused:
            ask(job)
        assert refused.value.code == "not_found"
    mine.close()
    theirs.close()
