"""Cancel takes effect within a second at every stage, and the device is free for the next job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.contract.messages import JobState
from support.backend_process import BackendProcess, ended, frame, is_gone, running, submit, wait_for

EFFECTIVE_S = 1.0
TRIES = 3  # on a machine that others keep busy, the clock runs on while this process waits for its turn


def _cancel(client: BackendClient, job: str) -> float:
    """Cancels a job and gives the seconds until it had ended."""
    start = time.monotonic()
    client.cancel(job)
    assert ended(client, job, 5).state is JobState.CANCELLED
    return time.monotonic() - start


@pytest.mark.parametrize(
    ("engine", "fraction"),
    [("tiles-pause.0.05", 0.2), ("tiles-pause.0.2-deaf", 0.1), ("tiles-load.5", 0.01)],
    ids=["between tiles", "an engine that does not listen", "while an engine loads"],
)
def test_a_running_job_stops_within_a_second(client: BackendClient, engine: str, fraction: float) -> None:
    taken = []
    while not taken or (min(taken) >= EFFECTIVE_S and len(taken) < TRIES):
        job = submit(client, engine=engine)
        running(client, job, fraction)
        taken.append(_cancel(client, job))
    assert min(taken) < EFFECTIVE_S
    after = submit(client)
    assert ended(client, after).state is JobState.DONE


def test_a_job_is_cancelled_right_after_it_was_submitted(client: BackendClient) -> None:
    job = submit(client, engine="tiles-pause.0.05")
    assert _cancel(client, job) < EFFECTIVE_S


def test_a_waiting_job_never_starts(client: BackendClient) -> None:
    first = submit(client, engine="tiles-pause.0.05")
    second = submit(client)
    running(client, first)
    assert _cancel(client, second) < EFFECTIVE_S
    assert client.status(second).attempts == 0
    _cancel(client, first)


def test_a_job_that_is_done_stays_done(client: BackendClient) -> None:
    job = submit(client)
    ended(client, job)
    assert client.cancel(job).state is JobState.DONE
    assert client.result(job).masks.ids


def test_a_cancelled_job_can_be_resumed(client: BackendClient) -> None:
    job = submit(client, engine="tiles-pause.0.01")
    running(client, job)
    _cancel(client, job)
    assert client.resume(job).state in (JobState.QUEUED, JobState.RUNNING)
    assert ended(client, job).state is JobState.DONE
    assert client.status(job).attempts == 2


def test_an_upload_can_be_stopped_and_leaves_nothing(client: BackendClient, shared: BackendProcess) -> None:
    def stop(sent: int, _length: int) -> None:
        if sent > 2_000_000:
            raise Cancelled("enough")

    big = frame(seed=7, size_ijk=(128, 128, 128))
    with pytest.raises(Cancelled):
        client.send(big, stop)
    assert client.has(big.header.kind, big.sha256) is False
    wait_for(lambda: not list(shared.home.glob("uploads/*.part")), 5, "the half upload is removed")


def test_a_worker_that_had_to_be_ended_is_gone(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, engine="tiles-pause.0.2-deaf")
    running(client, job, 0.1)
    (worker,) = backend.workers()
    _cancel(client, job)
    wait_for(lambda: is_gone(worker), 1, "the worker has gone")
    client.close()


def test_cancelling_many_at_once_stops_them_all(client: BackendClient, shared: BackendProcess) -> None:
    jobs = [submit(client, engine="tiles-pause.0.05") for _ in range(6)]
    running(client, jobs[0])
    clients = [shared.client() for _ in jobs]
    threads = [threading.Thread(target=c.cancel, args=(job,)) for c, job in zip(clients, jobs, strict=True)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {ended(client, job).state for job in jobs} == {JobState.CANCELLED}
    assert time.monotonic() - start < 2 * EFFECTIVE_S
    for other in clients:
        other.close()
