"""A client starts, finds and ends a backend on its own machine, and gets its contours whatever happens."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.heartbeat import Heartbeat
from AmlartContourLib.client.job_run import ContourTask, JobRun, Patience, Phase
from AmlartContourLib.client.local_backend import LocalBackend
from AmlartContourLib.client.worker import Failed, Finished, Progressed, Stopped, Worker
from AmlartContourLib.contract.errors import BackendRefused, BackendUnreachable, Cancelled, JobFailed
from AmlartContourLib.contract.home import RUNNING_FILE, read_running
from AmlartContourLib.contract.messages import Accepted
from AmlartContourLib.contract.problems import Cause
from support.backend_process import BackendProcess, ended, environment, is_gone, scan, submit, wait_for

COMMAND = (sys.executable, "-m", "support.tile_server")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalBackend]:
    """A backend of this test's own, not started yet."""
    backend = LocalBackend(COMMAND, tmp_path / "höme", environment())
    yield backend
    backend.stop()


def task(engine: str = "tiles-plain", **other: object) -> ContourTask:
    """The usual scan for an engine."""
    hu, geometry = scan()
    return ContourTask(hu, geometry, engine, **{"wanted": ("bladder",), **other})


def pid(home: Path) -> int:
    """The process of the backend that runs in a folder."""
    running = read_running(home)
    assert running is not None
    return running.pid


def test_it_is_started_found_and_ended(local: LocalBackend, tmp_path: Path) -> None:
    assert local.find() is None
    address = local.ensure()
    assert address.is_loopback
    assert LocalBackend(COMMAND, tmp_path / "höme").find() == address, "another program finds the same"
    assert local.ensure() == address, "it is not started twice"
    file = tmp_path / "höme" / RUNNING_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    process = psutil.Process(pid(tmp_path / "höme"))
    assert local.stop() is True
    assert is_gone(process)
    assert local.find() is None


def test_stopping_ends_a_backend_that_does_not_listen(local: LocalBackend, tmp_path: Path) -> None:
    client = local.connect()
    run = JobRun(task("tiles-pause.0.2-deaf"), local.connect)
    threading.Thread(target=_swallow, args=(run.run,)).start()
    wait_for(lambda: any(s.fraction > 0.05 for s in client.jobs()), 20, "the job runs")
    client.close()
    process = psutil.Process(pid(tmp_path / "höme"))
    tree = [process, *process.children(recursive=True)]
    run.cancel()
    assert local.stop(wait_s=3.0) is True
    wait_for(lambda: all(is_gone(p) for p in tree), 3, "the whole tree has gone")


def test_a_backend_that_says_yes_and_stays_is_ended_with_its_workers(
    local: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = local.connect()
    ended(client, submit(client))
    client.close()
    process = psutil.Process(pid(tmp_path / "höme"))
    tree = [process, *process.children(recursive=True)]
    assert len(tree) > 1
    monkeypatch.setattr(BackendClient, "shutdown", lambda _: Accepted())
    another_program = LocalBackend(COMMAND, tmp_path / "höme")
    assert another_program.stop(wait_s=0.3) is True
    wait_for(lambda: all(is_gone(p) for p in tree), 3, "the whole tree has gone")


def test_a_backend_that_hangs_is_ended(local: LocalBackend, tmp_path: Path) -> None:
    local.ensure()
    process = psutil.Process(pid(tmp_path / "höme"))
    process.suspend()
    assert local.stop(wait_s=0.3) is True
    assert is_gone(process)


def test_a_file_that_others_could_have_written_is_not_trusted(local: LocalBackend, tmp_path: Path) -> None:
    local.ensure()
    file = tmp_path / "höme" / RUNNING_FILE
    file.chmod(0o666)
    assert local.find() is None
    file.chmod(0o600)
    assert local.find() is not None


def test_a_port_that_another_program_took_over_is_not_mistaken(local: LocalBackend, tmp_path: Path) -> None:
    local.ensure()
    file = tmp_path / "höme" / RUNNING_FILE
    good = file.read_text()
    file.write_text(json.dumps({**json.loads(good), "instance": "another"}))
    assert local.find() is None
    file.write_text(good)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/no/such/python", "serve"), "No such file"),
        ((sys.executable, "-c", "raise SystemExit('Refused: no disk.')"), "Refused: no disk."),
        ((sys.executable, "-c", "pass"), "said nothing"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "no answer within 1 s"),
    ],
)
def test_a_backend_that_does_not_start_says_why(tmp_path: Path, command: tuple[str, ...], words: str) -> None:
    backend = LocalBackend(command, tmp_path / "home", environment(), start_s=1.0)
    with pytest.raises(BackendUnreachable, match=words) as failed:
        backend.ensure()
    assert failed.value.cause == Cause.NOT_STARTED.value
    assert failed.value.advice


def test_the_whole_way_from_scan_to_contours(local: LocalBackend) -> None:
    hu, _ = scan()
    worker = Worker(local.connect)
    job = worker.start(task("tiles-pause.0.01"))
    with pytest.raises(BackendRefused):
        worker.start(task())
    events = []
    wait_for(lambda: events.extend(worker.poll()) or not worker.busy, 30, "the job ends")
    events += worker.poll()
    assert {event.job for event in events} == {job}
    assert isinstance(events[-1], Finished)
    np.testing.assert_array_equal(events[-1].contours.masks.mask("bladder").to_array(), hu > 0)
    phases = [event.progress.phase for event in events if isinstance(event, Progressed)]
    assert list(dict.fromkeys(phases))[:2] == [Phase.PREPARING, Phase.SENDING]
    assert {Phase.CONTOURING, Phase.FETCHING} <= set(phases)
    assert worker.close()


def test_cancel_from_the_drawing_thread_takes_effect_within_a_second(local: LocalBackend) -> None:
    worker = Worker(local.connect)
    worker.start(task("tiles-pause.0.2-deaf"))
    events = []
    wait_for(lambda: events.extend(worker.poll()) or _contouring(events), 30, "the job runs")
    start = time.monotonic()
    worker.cancel()
    assert time.monotonic() - start < 0.1, "the drawing thread does not wait"
    wait_for(lambda: events.extend(worker.poll()) or isinstance(events[-1], Stopped), 5, "it stops")
    assert time.monotonic() - start < 1.5
    assert worker.close()


def test_the_backend_is_killed_in_the_middle_and_the_job_is_done_all_the_same(
    local: LocalBackend, tmp_path: Path
) -> None:
    worker = Worker(local.connect)
    job = worker.start(task("tiles-pause.0.05"))
    events = []
    wait_for(lambda: events.extend(worker.poll()) or _contouring(events), 30, "the job runs")
    os.kill(pid(tmp_path / "höme"), signal.SIGKILL)
    wait_for(lambda: events.extend(worker.poll()) or not worker.busy, 40, "the job ends")
    events += worker.poll()
    assert isinstance(events[-1], Finished), events[-1]
    assert any(isinstance(e, Progressed) and e.progress.phase is Phase.RECONNECTING for e in events)
    client = local.connect()
    assert client.status(job).attempts == 2
    client.close()


def test_a_job_that_fails_says_why(local: LocalBackend) -> None:
    worker = Worker(local.connect)
    worker.start(task("tiles-wrong"))
    wait_for(lambda: not worker.busy, 30, "the job ends")
    last = worker.poll()[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, JobFailed)
    assert "ZeroDivisionError" in last.error.what
    worker.start(task("unheard-of"))
    wait_for(lambda: not worker.busy, 30, "the job ends")
    last = worker.poll()[-1]
    assert isinstance(last, Failed)
    assert "no engine" in str(last.error)


def test_an_upload_that_was_purged_before_the_job_is_sent_again(
    new_backend: Callable[..., BackendProcess],
) -> None:
    backend = new_backend()

    class Forgetful(BackendClient):
        """Loses the upload once, between sending and submitting."""

        lost = 0

        def submit(self, job, request):
            if not Forgetful.lost:
                Forgetful.lost = 1
                raise BackendRefused("The scan is not here.", "upload_missing")
            return super().submit(job, request)

    run = JobRun(task(), lambda: Forgetful(backend.address()))
    assert run.run().masks.has("bladder")


def test_patience_ends(tmp_path: Path) -> None:
    def nowhere() -> BackendClient:
        raise BackendUnreachable("gone", Cause.REFUSED.value)

    start = time.monotonic()
    with pytest.raises(BackendUnreachable):
        JobRun(task(), nowhere, patience=Patience(lost_s=0.5)).run()
    assert 0.4 < time.monotonic() - start < 5


def test_a_cause_that_does_not_pass_is_told_at_once(shared: BackendProcess) -> None:
    run = JobRun(task(), lambda: BackendClient(shared.address(token="wrong")))
    with pytest.raises(BackendRefused, match="token"):
        run.run()


def test_a_job_cancelled_before_it_began_is_never_sent(shared: BackendProcess, client: BackendClient) -> None:
    run = JobRun(task(), shared.client)
    run.cancel()
    with pytest.raises(Cancelled):
        run.run()
    assert run.job not in {status.job for status in client.jobs()}


def test_the_client_is_killed_and_its_job_is_done_all_the_same(
    shared: BackendProcess, client: BackendClient
) -> None:
    program = f"""
        from support.backend_process import scan
        from AmlartContourLib.client.backend import BackendClient
        from AmlartContourLib.client.address import BackendAddress
        from AmlartContourLib.client.job_run import ContourTask, JobRun
        hu, geometry = scan()
        run = JobRun(ContourTask(hu, geometry, "tiles-pause.0.05"), lambda: BackendClient(
            BackendAddress({shared.url!r}, {shared.token!r})))
        print(run.job, flush=True)
        run.run()
    """
    doomed = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, env=environment()
    )
    assert doomed.stdout is not None
    job = doomed.stdout.readline().decode().strip()
    wait_for(lambda: _fraction(client, job) > 0.2, 20, "the job runs")
    doomed.kill()
    doomed.wait()
    doomed.stdout.close()
    wait_for(lambda: client.status(job).state.value == "done", 20, "the job is done")
    assert client.result(job).masks.has("bladder")


def test_the_heartbeat_tells_when_the_backend_goes_and_comes(local: LocalBackend, tmp_path: Path) -> None:
    local.ensure()
    heartbeat = Heartbeat(local.find, every_s=0.1)
    heard: list[bool] = []
    wait_for(lambda: heard.extend(heartbeat.poll()) or heard == [True], 5, "it is there")
    os.kill(pid(tmp_path / "höme"), signal.SIGKILL)
    wait_for(lambda: heard.extend(heartbeat.poll()) or heard == [True, False], 5, "it is gone")
    local.ensure()
    wait_for(lambda: heard.extend(heartbeat.poll()) or heard == [True, False, True], 10, "it is back")
    heartbeat.stop()


def test_a_backend_started_by_hand_is_left_running(shared: BackendProcess) -> None:
    assert LocalBackend(COMMAND, shared.home).stop() is False
    assert shared.answers()


def _fraction(client: BackendClient, job: str) -> float:
    try:
        return client.status(job).fraction
    except BackendRefused:
        return 0.0


def _contouring(events: list) -> bool:
    seen = [e.progress for e in events if isinstance(e, Progressed)]
    return any(p.phase is Phase.CONTOURING and p.fraction > 0.1 for p in seen)


def _swallow(run: Callable[[], object]) -> None:
    """What a thread of a test does with a job that will not end well."""
    try:
        run()
    except (Cancelled, BackendUnreachable, BackendRefused, JobFailed):
        return
