"""Nothing leaks: after many jobs of every end the backend holds what it held after a few."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.contract.messages import JobRequest, JobState, PurgeRequest
from AmlartContourLib.exchange.wire import ct_frame
from support.backend_process import BackendProcess, ended, frame, running, submit, wait_for
from support.bundles import threshold_network, write_bundle
from support.rising_scans import rising_scan

pytestmark = pytest.mark.slow

WARM, MORE = 2, 6
GROWTH_BYTES = 12 << 20
PATIENT_S = 400.0
MB_6 = (192, 160, 96)


@dataclass(frozen=True)
class Burden:
    """What a backend and its workers hold."""

    server_bytes: int
    worker_bytes: int
    descriptors: int
    threads: int
    processes: int
    files: int


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """A backend with a bundle."""
    home = tmp_path_factory.mktemp("leaks") / "home"
    home.mkdir(mode=0o700)
    write_bundle(home / "models" / "ward", ("bladder",), [threshold_network((0.5,), 20.0)] * 2)
    shared = BackendProcess(home).start()
    yield shared
    shared.stop()


def burden(shared: BackendProcess) -> Burden:
    """What is held now."""
    assert shared.process is not None
    server, workers = psutil.Process(shared.process.pid), shared.workers()
    scratch = Path(tempfile.gettempdir()).glob(f"*{server.pid}*")
    return Burden(
        server_bytes=server.memory_info().rss,
        worker_bytes=sum(worker.memory_info().rss for worker in workers),
        descriptors=sum(process.num_fds() for process in (server, *workers)),
        threads=sum(process.num_threads() for process in (server, *workers)),
        processes=len(workers),
        files=len(list(shared.home.rglob("*"))) + len(list(scratch)),
    )


def _round(client: BackendClient, sent: Frame, number: int) -> None:
    """A bundle's job, a cancelled one, a refused result, half an upload, a watched job; all removed again."""
    jobs = []
    for engine in ("ward", "ward"):
        client.send(sent)
        jobs.append(secrets.token_hex(16))
        client.submit(jobs[-1], JobRequest(engine, sent.sha256))
    assert {ended(client, job, PATIENT_S).state for job in jobs} == {JobState.DONE}
    assert client.result(jobs[0]).masks.ids
    stopped = submit(client, engine="tiles-pause.0.05")
    running(client, stopped)
    client.cancel(stopped)
    ended(client, stopped, PATIENT_S)
    list(client.follow(submit(client, engine="tiles-wrong")))

    def stop(done: int, _length: int) -> None:
        if done > 1 << 21:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        client.send(frame(1000 + number, MB_6), stop)
    client.send(frame(2000 + number, MB_6))
    client.submit(done := secrets.token_hex(16), JobRequest("tiles-plain", frame(2000 + number, MB_6).sha256))
    client.cancel(done)
    ended(client, done, PATIENT_S)
    client.purge(PurgeRequest())


def test_many_jobs_of_every_end_leave_no_memory_file_process_or_descriptor(
    shared: BackendProcess, client: BackendClient
) -> None:
    scan = rising_scan("oblique")
    sent = ct_frame(scan.hu_kji, scan.geometry)
    for number in range(WARM):
        _round(client, sent, number)
    before = burden(shared)
    for number in range(WARM, WARM + MORE):
        _round(client, sent, number)

    def settled() -> bool:
        now = burden(shared)
        counts = ("descriptors", "threads", "processes", "files")
        return all(getattr(now, name) <= getattr(before, name) for name in counts)

    wait_for(settled, 10, f"{burden(shared)} is no more than {before}")
    after = burden(shared)
    assert after.server_bytes - before.server_bytes < GROWTH_BYTES, (before, after)
    assert after.worker_bytes - before.worker_bytes < GROWTH_BYTES, (before, after)
    wait_for(lambda: not list(shared.home.glob("*/*.part")), 5, "no half file is left")
    assert not list((shared.home / "results").iterdir())
