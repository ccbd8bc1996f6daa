"""Nothing is kept longer than it should be, and what is gone says so."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frame_header import Kind
from AmlartContourLib.contract.messages import JobRequest, JobState, PurgeRequest
from support.backend_process import BackendProcess, ended, frame, running, submit, wait_for


def _files(backend: BackendProcess) -> list[str]:
    return [path.name for room in ("uploads", "results") for path in (backend.home / room).iterdir()]


def _asks(client: BackendClient) -> list[Callable[[str], object]]:
    return [client.status, client.result, client.cancel, client.resume, lambda job: list(client.follow(job))]


def test_after_the_retention_time_everything_is_gone(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(retention_s=1.0, housekeeping_s=0.2)
    client = backend.client()
    job = submit(client, seed=5)
    assert ended(client, job).state is JobState.DONE
    wait_for(lambda: not client.jobs(), 10, "the job expires")
    for ask in _asks(client):
        with pytest.raises(BackendRefused) as refused:
            ask(job)
        assert refused.value.code == "expired"
    with pytest.raises(BackendRefused) as refused:
        client.submit(job, JobRequest("tiles-plain", frame(5).sha256))
    assert refused.value.code == "expired"
    client.close()


def test_a_purge_leaves_nothing_on_the_disk(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    jobs = [submit(client, seed=seed) for seed in (1, 2)]
    for job in jobs:
        ended(client, job)
    assert len(_files(backend)) == 4
    report = client.purge(PurgeRequest())
    assert (report.jobs, report.uploads) == (2, 2)
    assert report.freed_bytes > 0
    assert _files(backend) == []
    assert client.jobs() == ()
    client.close()
    backend.stop()
    database = (backend.home / "backend.sqlite").read_bytes()
    assert frame(1).sha256.encode() not in database
    assert frame(2).sha256.encode() not in database


def test_a_purge_spares_what_is_still_needed(client: BackendClient) -> None:
    client.purge(PurgeRequest())
    runs = submit(client, engine="tiles-pause.0.05", seed=11)
    waits = submit(client, seed=12)
    running(client, runs)
    sent_only = frame(13)
    client.send(sent_only)
    stopped = submit(client, seed=14)
    client.cancel(stopped)
    report = client.purge(PurgeRequest(older_than_seconds=60))
    assert (report.jobs, report.uploads) == (0, 0)
    assert client.has(Kind.CT, sent_only.sha256)
    assert client.resume(stopped).state is JobState.QUEUED
    assert ended(client, runs).state is JobState.DONE
    assert ended(client, waits).state is JobState.DONE


def test_a_purge_between_sending_and_submitting_takes_nothing_away(client: BackendClient) -> None:
    sent = frame(20)
    client.send(sent)
    client.purge(PurgeRequest())
    assert client.has(Kind.CT, sent.sha256)
    ended(client, submit(client, seed=20))
    client.purge(PurgeRequest())
    assert not client.has(Kind.CT, sent.sha256), "once it was used, it is held no longer"


def test_only_the_named_jobs_are_removed(client: BackendClient) -> None:
    keep, drop = submit(client, seed=15), submit(client, seed=16)
    ended(client, keep)
    ended(client, drop)
    report = client.purge(PurgeRequest(jobs=(drop,)))
    assert report.jobs == 1
    assert client.status(keep).state is JobState.DONE


def test_an_interrupted_job_keeps_its_upload_until_it_expires(
    new_backend: Callable[..., BackendProcess],
) -> None:
    backend = new_backend()
    client = backend.client()
    job = submit(client, engine="tiles-pause.0.05", seed=17)
    running(client, job)
    client.close()
    backend.kill()
    backend.start()
    client = backend.client()
    other = secrets.token_hex(16)
    assert client.purge(PurgeRequest(jobs=(other,))).uploads == 0
    client.resume(job)
    assert ended(client, job).state is JobState.DONE
    client.close()


def test_a_managed_backend_ends_when_nobody_asks(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(managed=True, idle_stop_s=1.0, housekeeping_s=0.2)
    client = backend.client()
    job = submit(client, engine="tiles-pause.0.05")
    client.close()
    assert backend.process is not None
    time.sleep(1.0)
    assert backend.process.poll() is None, "it does not end while a job runs"
    wait_for(lambda: backend.process.poll() is not None, 15, "it ends by itself")
    backend.start()
    client = backend.client()
    assert client.status(job).state is JobState.DONE, "the job whose client died is done"
    client.close()


def test_an_estimate_is_unknown_until_a_run_was_measured(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend()
    client = backend.client()
    sent = frame(18)
    client.send(sent)
    request = JobRequest("tiles-pause.0.05", sent.sha256)
    unknown = client.estimate(request)
    assert (unknown.seconds, unknown.memory_bytes, unknown.measured_runs) == (None, None, 0)
    assert unknown.waits_seconds == 0.0
    assert "No run" in unknown.note
    job = submit(client, engine="tiles-pause.0.05", seed=18)
    status = ended(client, job)
    assert status.started_at is not None
    assert status.ended_at is not None
    known = client.estimate(request)
    assert known.measured_runs == 1
    assert known.seconds == pytest.approx(status.ended_at - status.started_at, abs=0.5)
    assert known.memory_bytes is not None
    assert known.memory_bytes > 10 << 20
    twice = frame(19, (80, 36, 28))
    client.send(twice)
    doubled = client.estimate(JobRequest("tiles-pause.0.05", twice.sha256)).seconds
    assert doubled == pytest.approx(2 * known.seconds)
    later = submit(client, engine="tiles-pause.0.05", seed=18)
    running(client, later)
    waits = client.estimate(request).waits_seconds
    assert waits is not None
    assert 0 < waits <= known.seconds + 0.5
    client.close()
