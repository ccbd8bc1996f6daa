"""Who is next: priorities, turns between clients, limits, and nobody forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import JobState, Priority
from support.backend_process import BackendProcess, ended, running, submit, wait_for


def _started(client: BackendClient, jobs: list[str]) -> list[str]:
    """The jobs in the order in which they started."""
    by_start = sorted((client.status(job) for job in jobs), key=lambda status: status.started_at or 0.0)
    return [status.client for status in by_start]


def test_fifty_jobs_of_five_clients_take_turns_and_all_end(
    new_backend: Callable[..., BackendProcess],
) -> None:
    backend = new_backend()
    mine = backend.client()
    first = submit(mine, engine="tiles-pause.0.2-deaf", client="before")
    running(mine, first)
    jobs: dict[str, list[str]] = {}

    def queue_ten(name: str) -> None:
        client = backend.client()
        jobs[name] = [submit(client, client=name, wanted=("bladder",)) for _ in range(10)]
        client.close()

    threads = [threading.Thread(target=queue_ten, args=(f"station-{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = sorted(mine.status(job).position or 0 for group in jobs.values() for job in group)
    assert places == list(range(1, 51)), "each knows its own place in the queue"
    mine.cancel(first)
    every = [job for group in jobs.values() for job in group]
    assert {ended(mine, job, 60).state for job in every} == {JobState.DONE}
    order = _started(mine, every)
    rounds = [set(order[n : n + 5]) for n in range(0, 50, 5)]
    assert all(len(names) == 5 for names in rounds), order
    assert len(mine.jobs(1000)) == 51
    mine.close()


def test_urgent_goes_first_and_background_last(client: BackendClient) -> None:
    blocker = submit(client, engine="tiles-pause.0.05")
    running(client, blocker)
    asked = (Priority.BACKGROUND, Priority.NORMAL, Priority.URGENT)
    jobs = [submit(client, priority=priority, client=priority.value) for priority in asked]
    client.cancel(blocker)
    for job in jobs:
        ended(client, job)
    assert _started(client, jobs) == ["urgent", "normal", "background"]


def test_two_devices_work_at_once(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(devices=["cpu:0", "cpu:1"])
    client = backend.client()
    jobs = [submit(client, engine="tiles-pause.0.05") for _ in range(2)]
    for job in jobs:
        running(client, job)
    devices = client.capabilities().devices
    assert {device.job for device in devices} == set(jobs)
    assert all(device.busy for device in devices)
    assert {ended(client, job).state for job in jobs} == {JobState.DONE}
    client.close()


def test_too_many_jobs_of_one_client_are_refused(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(limits={"jobs_waiting_of_one_client": 2, "jobs_waiting": 3})
    client = backend.client()
    running(client, submit(client, engine="tiles-pause.0.2-deaf"))
    for _ in range(2):
        submit(client, client="greedy")
    with pytest.raises(BackendRefused) as refused:
        submit(client, client="greedy")
    assert refused.value.code == "too_many"
    submit(client, client="modest")
    with pytest.raises(BackendRefused):
        submit(client, client="late")
    client.close()


def test_too_many_watchers_are_told_so(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(limits={"streams_at_once": 1})
    client, other = backend.client(), backend.client()
    job = submit(client, engine="tiles-pause.0.05")
    watching = client.follow(job)
    next(watching)
    with pytest.raises(BackendRefused) as refused:
        list(other.follow(job))
    assert refused.value.code == "busy"
    watching.close()
    assert wait_for(lambda: _watched(other, job), 10, "the place is free again")
    client.close()
    other.close()


def _watched(client: BackendClient, job: str) -> bool:
    try:
        return bool(list(client.follow(job)))
    except BackendRefused:
        return False
