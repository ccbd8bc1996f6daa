"""A scan to the backend and its contours back, against NIfTI files over plain routes, in one run on loopback.

python Testing/bench/backend.py [--rounds N]

A scan of 512 x 512 x 193 voxels goes from an array to a server that has checked it and put it on its disk;
14 structures, many of which overlap, come back from arrays in the server to arrays in the client. The peer is
FastAPI with SimpleITK on both sides: the scan as .nii and .nii.gz in the body of a request and, where
python-multipart is installed, as .nii.gz in a form, which is MONAI Label's way; the answer as a label map in
.nii.gz. Processor time and memory are those of client and server together; memory is what both took at most
beyond what they had before. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import requests
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.connection import Timeouts
from AmlartContourLib.contract.frame_header import FrameLimits
from AmlartContourLib.contract.messages import JobRequest, PurgeRequest
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.wire import context_frame, contours_frame, ct_frame
from inference_backend.server.frame_files import read_frame_file
from support.backend_process import BackendProcess, ended, environment, wait_for
from support.bench_structures import GRID, edited_structures
from support.measured_run import CLEAR, RESET_PEAK, spent
from support.plain_server import LABELS, has_forms

SLOW = Timeouts(connect_s=60.0, answer_s=600.0, upload_s=600.0, events_s=120.0)
MB = 1e6


@dataclass(frozen=True)
class Way:
    """One way of sending: what it cost, client and server together."""

    seconds: float
    processor_s: float
    memory_mb: float
    sent_mb: float


@dataclass(frozen=True)
class Goal:
    """What was wanted, and what was reached."""

    goal: str
    wanted: str
    reached: float
    met: bool


def at_least(goal: str, least: float, reached: float) -> Goal:
    """A goal that is met from a ratio on."""
    return Goal(goal, f">= {least:g}", reached, reached >= least)


def say(line: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def structures() -> StructureSet:
    """Seven structures of a pelvis, and each as a clinician edited it: 14 contours, of which many overlap."""
    book, found = iter(catalogue()), []
    for edited in edited_structures():
        if edited.name in catalogue():
            found += [Contour(next(book), mask, Source.DRAWN) for mask in (edited.before, edited.after)]
    return StructureSet.of(GRID, found)


def measured(server: psutil.Process, rounds: int, call: Callable[[], int]) -> Way:
    """Calls, which gives the bytes that went over the wire, so often; medians of time, the most memory."""
    ways = [_once(server, call) for _ in range(rounds)]
    middle = (statistics.median(getattr(w, field) for w in ways) for field in ("seconds", "processor_s"))
    return Way(*middle, max(w.memory_mb for w in ways), ways[0].sent_mb)


def _once(server: psutil.Process, call: Callable[[], int]) -> Way:
    both = (psutil.Process(), server)
    before_s, before_bytes = sum(map(_processor_s, both)), sum(map(_peak_anew, both))
    started = time.perf_counter()
    sent = call()
    seconds = time.perf_counter() - started
    processor_s = sum(map(_processor_s, both)) - before_s
    return Way(seconds, processor_s, (sum(map(_peak, both)) - before_bytes) / MB, sent / MB)


def _processor_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _peak_anew(process: psutil.Process) -> int:
    """Lets the peak of a process start at what it takes now, in bytes, which it gives."""
    if CLEAR.exists():
        Path(f"/proc/{process.pid}/clear_refs").write_text(RESET_PEAK)
    return int(process.memory_info().rss)


def _peak(process: psutil.Process) -> int:
    """The most since then; what it takes now where the system does not tell."""
    status = Path(f"/proc/{process.pid}/status")
    if not CLEAR.exists():
        return int(process.memory_info().rss)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@contextmanager
def plain_server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The peer, running on a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "support.plain_server", str(folder), str(port)]
    process = subprocess.Popen(command, env=environment())
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url), 120, "the peer answers")
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/openapi.json", timeout=10).ok
    except requests.ConnectionError:
        return False


def there(client: BackendClient, hu: np.ndarray, geometry: object, server: psutil.Process, n: int) -> Way:
    """Our way of sending the scan, each time anew."""

    def send() -> int:
        client.purge(PurgeRequest())
        hu[0, 0, 0] += 1  # another scan, so it is sent
        frame = ct_frame(hu, geometry)  # type: ignore[arg-type]
        assert client.send(frame)
        return len(frame)

    return measured(server, n, send)


def again(client: BackendClient, hu: np.ndarray, geometry: object, server: psutil.Process, n: int) -> Way:
    """The same scan a second time."""

    def send() -> int:
        return int(client.send(ct_frame(hu, geometry)))  # type: ignore[arg-type]

    return measured(server, n, send)


def back(client: BackendClient, truth: StructureSet, scan: str, server: psutil.Process, n: int) -> Way:
    """Our way of sending contours back, packing included; checks that every voxel is the same."""
    context = context_frame(truth)
    client.send(context)
    job = secrets.token_hex(16)
    client.submit(job, JobRequest("echo", scan, wanted=truth.ids, context=context.sha256))
    assert ended(client, job, 600).result_bytes
    packed = [spent(lambda: len(contours_frame(Contours(truth)).to_bytes())) for _ in range(n)]
    found: list[Contours] = []
    way = measured(server, n, lambda: found.append(client.result(job)) or packed[0].answer)
    assert all(c.mask.same_voxels(found[0].masks.mask(c.structure_id)) for c in truth)
    pack_s = [statistics.median(getattr(p, name) for p in packed) / 1000 for name in ("wall_ms", "cpu_ms")]
    return Way(way.seconds + pack_s[0], way.processor_s + pack_s[1], way.memory_mb, way.sent_mb)


def peers_there(url: str, image: sitk.Image, folder: Path, server: psutil.Process, n: int) -> dict[str, Way]:
    """The peer's ways of sending the scan."""

    def body(name: str) -> Callable[[], int]:
        def send() -> int:
            sitk.WriteImage(image, str(folder / name), useCompression=name.endswith(".gz"))
            with (folder / name).open("rb") as file:
                requests.put(f"{url}/body/{name}", data=file, timeout=600).raise_for_status()
            return (folder / name).stat().st_size

        return send

    def form() -> int:
        path = folder / "form.nii.gz"
        sitk.WriteImage(image, str(path), useCompression=True)
        with path.open("rb") as file:
            requests.put(f"{url}/form", files={"file": (path.name, file)}, timeout=600).raise_for_status()
        return path.stat().st_size

    ways = {".nii, body": body("scan.nii"), ".nii.gz, body": body("scan.nii.gz")}
    if has_forms():
        ways[".nii.gz, form"] = form
    else:
        say("python-multipart is not installed: the form, MONAI Label's way, is left out")
    return {name: measured(server, n, call) for name, call in ways.items()}


def peers_back(url: str, folder: Path, server: psutil.Process, n: int) -> Way:
    """The peer's label map, written, sent and read."""

    def fetch() -> int:
        answer = requests.get(f"{url}/labels", timeout=600)
        path = folder / "got.nii.gz"
        path.write_bytes(answer.content)
        sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        return len(answer.content)

    return measured(server, n, fetch)


def table(title: str, raw_mb: float, ways: dict[str, Way]) -> None:
    """One line for each way."""
    say(
        f"\n{title}\n{'way':<24}{'s':>8}{'MB/s':>8}{'processor s':>13}{'memory MB':>11}{'on the wire MB':>16}"
    )
    for name, w in ways.items():
        speed = f"{raw_mb / w.seconds:.0f}"
        cost = f"{w.processor_s:>13.2f}{w.memory_mb:>11.0f}{w.sent_mb:>16.1f}"
        say(f"{name:<24}{w.seconds:>8.2f}{speed:>8}{cost}")


def goals(sent: dict[str, Way], fetched: dict[str, Way], differ: int) -> tuple[Goal, ...]:
    """What is wanted of the way there and back."""
    ours, plain, zipped = sent["ours"], sent[".nii, body"], sent[".nii.gz, body"]
    back_s, labels_s = fetched["ours"].processor_s, fetched["label map"].processor_s
    again_mb = sent["ours, again"].sent_mb
    return (
        Goal("voxels that differ on the backend's disk", "0", differ, differ == 0),
        at_least("processor time of .nii.gz in ours", 2.5, zipped.processor_s / ours.processor_s),
        at_least("processor time of .nii in ours", 0.5, plain.processor_s / ours.processor_s),
        at_least("memory of .nii in ours", 1.0, plain.memory_mb / max(ours.memory_mb, 1.0)),
        Goal("MB sent when the scan is there", "0", again_mb, again_mb == 0),
        at_least("processor time of a label map in ours", 2.0, labels_s / back_s),
    )


def print_goals(found: tuple[Goal, ...]) -> None:
    """Goal, wanted, reached."""
    say(f"\n{'goal':<44}{'wanted':>8}{'reached':>9}")
    for one in found:
        verdict = "met" if one.met else "missed"
        say(f"{one.goal:<44}{one.wanted:>8}{one.reached:>9.1f}  {verdict}")


def main() -> int:
    """1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    hu = np.random.default_rng(0).normal(40, 25, GRID.shape_kji).astype(np.int16)
    truth = structures()
    n, started = parser.parse_args().rounds, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        differ, sent, fetched = _ours(folder, hu, truth, n)
        image = sitk.GetImageFromArray(hu)
        image.SetSpacing(truth.geometry.spacing_mm)
        labels = np.zeros(hu.shape, dtype=np.uint8)
        for number, contour in enumerate(truth, 1):
            labels[contour.mask.box.slices][contour.mask.block_kji] = number
        np.save(folder / LABELS, labels)
        mine = folder / "client"
        mine.mkdir()
        with plain_server(folder) as (url, server):
            sent |= peers_there(url, image, mine, server, n)
            fetched["label map"] = peers_back(url, mine, server, n)
    table(f"A scan of {hu.nbytes / MB:.0f} MB there", hu.nbytes / MB, sent)
    table(f"{len(truth.ids)} structures back (MB of a label map)", labels.nbytes / MB, fetched)
    found = goals(sent, fetched, differ)
    print_goals(found)
    load = f"processes that wanted a processor: {os.getloadavg()[0]:.1f}"
    say(f"\n{time.monotonic() - started:.0f} s in all; {load}")
    return 0 if all(goal.met for goal in found) else 1


def _ours(
    folder: Path, hu: np.ndarray, truth: StructureSet, n: int
) -> tuple[int, dict[str, Way], dict[str, Way]]:
    """Voxels that differ on the disk, our ways there, our way back."""
    backend = BackendProcess(folder / "home").start()
    client = backend.client(SLOW)
    try:
        assert backend.process is not None
        server = psutil.Process(backend.process.pid)
        sent = {"ours": there(client, hu, truth.geometry, server, n)}
        frame = ct_frame(hu, truth.geometry)
        stored = backend.home / "uploads" / f"{frame.sha256}.frame"
        _, (found,) = read_frame_file(stored, frame.sha256, FrameLimits())
        differ = int(np.count_nonzero(found != hu))
        sent["ours, again"] = again(client, hu, truth.geometry, server, n)
        return differ, sent, {"ours": back(client, truth, frame.sha256, server, n)}
    finally:
        client.close()
        backend.stop()


if __name__ == "__main__":
    sys.exit(main())
