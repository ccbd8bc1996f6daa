"""Engines that misbehave: the job ends with the reason, the device goes on, the backend stays."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import JobState
from support.backend_process import BackendProcess, ended, running, submit, wait_for


@pytest.mark.parametrize(
    ("engine", "code", "words"),
    [
        ("tiles-dies", "internal", "ended by itself (exit code 3)"),
        ("tiles-eats", "out_of_memory", "ran out of memory"),
        ("tiles-wrong", "internal", "ZeroDivisionError"),
        ("tiles-wrong-grid", "refused_input", "another grid"),
    ],
)
def test_a_fault_ends_its_job_with_the_reason(
    client: BackendClient, engine: str, code: str, words: str
) -> None:
    job = submit(client, engine=engine)
    status = ended(client, job)
    assert status.state is JobState.FAILED
    assert status.problem is not None
    assert status.problem.code == code
    assert words in status.problem.what
    assert status.problem.kept
    assert status.problem.advice
    assert ended(client, submit(client)).state is JobState.DONE, "the device goes on"
    with pytest.raises(BackendRefused) as refused:
        client.result(job)
    assert refused.value.code == "not_ready"


def test_what_an_engine_prints_harms_nothing(client: BackendClient, shared: BackendProcess) -> None:
    assert ended(client, submit(client, engine="tiles-noisy")).state is JobState.DONE
    assert "a library that prints" in shared.log()


def test_a_worker_that_falls_silent_is_ended(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(sign_of_life_s=2.5)
    client = backend.client()
    status = ended(client, submit(client, engine="tiles-silent"))
    assert status.problem is not None
    assert status.problem.code == "no_sign_of_life"
    assert ended(client, submit(client)).state is JobState.DONE
    client.close()


def test_a_job_that_takes_too_long_is_ended(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(limits={"job_seconds": 0.8})
    client = backend.client()
    status = ended(client, submit(client, engine="tiles-load.5"))
    assert status.problem is not None
    assert status.problem.code == "too_long"
    client.close()


def test_a_worker_killed_by_the_system_reads_as_out_of_memory(
    client: BackendClient, shared: BackendProcess
) -> None:
    job = submit(client, engine="tiles-pause.0.2-deaf")
    running(client, job, 0.06)
    (worker,) = shared.workers()
    worker.kill()
    status = ended(client, job)
    assert status.problem is not None
    assert status.problem.code == "out_of_memory"


def test_engines_that_cannot_run_are_listed_with_reason_and_command(client: BackendClient) -> None:
    engines = {engine.id: engine for engine in client.capabilities().engines}
    for name, reason, mend in (
        ("tiles-gone", "weights are missing", "amlart weights import"),
        ("no-such-library", "no_such_library is missing", "pip install no_such_library"),
        ("bad", "broken", "amlart doctor"),
    ):
        assert not engines[name].available
        assert reason in engines[name].reason
        assert mend in engines[name].mend
    assert engines["guideline-taylor-2005"].available


def test_a_broken_engine_is_logged_once_however_often_it_is_listed(
    client: BackendClient, shared: BackendProcess
) -> None:
    for _ in range(3):
        client.capabilities()
    assert shared.log().count("engine bad cannot be described: AttributeError") == 1


@pytest.mark.parametrize(
    ("engine", "wanted", "code", "words"),
    [
        ("tiles-gone", (), "engine_unavailable", "weights are missing"),
        ("tiles-cuda", (), "engine_unavailable", "runs on cuda"),
        ("no-such-library", (), "engine_unavailable", "missing"),
        ("tiles-plain", ("uterus",), "refused_input", "does not give uterus"),
        ("tiles-needs", (), "refused_input", "needs contours of sacrum"),
        ("unheard-of", (), "refused_input", "no engine"),
        ("support.tile_engine", (), "refused_input", "no engine"),
    ],
)
def test_a_job_that_could_not_run_is_refused_at_once(
    client: BackendClient, engine: str, wanted: tuple[str, ...], code: str, words: str
) -> None:
    with pytest.raises(BackendRefused, match=words) as refused:
        submit(client, engine=engine, wanted=wanted)
    assert refused.value.code == code


def test_engines_stay_loaded_until_memory_is_needed(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(memory_bytes=100_000_000)
    client = backend.client()

    def loaded() -> tuple[str, ...]:
        return client.capabilities().devices[0].loaded

    ended(client, submit(client, engine="tiles-memory.50000000"))
    ended(client, submit(client))
    assert loaded() == ("tiles-memory.50000000", "tiles-plain")
    ended(client, submit(client, engine="tiles-memory.60000000"))
    assert loaded() == ("tiles-plain", "tiles-memory.60000000"), "the least recently used went"
    client.close()


def test_many_jobs_leave_no_process_thread_or_open_file(
    client: BackendClient, shared: BackendProcess
) -> None:
    assert shared.process is not None
    server = psutil.Process(shared.process.pid)

    def burden() -> tuple[int, int, int]:
        return server.num_fds(), server.num_threads(), len(shared.workers())

    def work() -> None:
        jobs = [submit(client, engine=engine) for engine in ("tiles-plain", "tiles-dies", "tiles-plain")]
        for job in jobs:
            list(client.follow(job))
        stopped = submit(client, engine="tiles-pause.0.2-deaf")
        running(client, stopped)
        client.cancel(stopped)
        ended(client, stopped)
        ended(client, submit(client))

    for _ in range(2):
        work()
    before = burden()
    for _ in range(3):
        work()
    wait_for(lambda: all(a <= b for a, b in zip(burden(), before, strict=True)), 5, f"{burden()} <= {before}")
