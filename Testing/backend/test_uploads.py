"""What cannot be taken in is refused with its reason, and nothing of it stays."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frame_header import Codec, Kind
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.wire import context_frame, contours_frame, ct_frame
from support.backend_process import BackendProcess, ended, frame, scan, submit, wait_for
from support.shapes import ball, centre


def put(
    backend: BackendProcess, room: str, sha256: str, body: bytes, length: int | None = None
) -> tuple[int, dict]:
    """Sends raw bytes as an upload; status and message of the answer."""
    connection = http.client.HTTPConnection(urlsplit(backend.url).netloc, timeout=20)
    headers = {"Authorization": f"Bearer {backend.token}", "Content-Length": str(length or len(body))}
    try:
        connection.request("PUT", f"/v1/{room}/{sha256}", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def edited(good: Frame, **changes: object) -> bytes:
    """The bytes of a frame whose header was changed after the fact."""
    data = good.to_bytes()
    length = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + length])
    for path, value in changes.items():
        *way, last = path.split("__")
        inner = header
        for step in way:
            inner = inner[int(step) if step.isdigit() else step]
        inner[last] = value
    text = json.dumps(header).encode()
    return data[:8] + len(text).to_bytes(4, "little") + text + data[12 + length :]


@pytest.fixture(autouse=True)
def nothing_stays(shared: BackendProcess) -> Iterator[None]:
    """No test may leave a half file."""
    yield
    wait_for(lambda: not list(shared.home.glob("uploads/*.part")), 5, "half uploads are removed")


def test_a_wrong_hash(shared: BackendProcess) -> None:
    status, problem = put(shared, "scans", "0" * 64, frame(21).to_bytes())
    assert (status, problem["code"]) == (422, "refused_input")
    assert "hash" in problem["what"]


def test_a_frame_that_ends_early(shared: BackendProcess) -> None:
    good = frame(22)
    status, problem = put(shared, "scans", good.sha256, good.to_bytes()[:-100])
    assert status == 422
    assert "cut short" in problem["what"]


def test_a_connection_that_is_cut_in_the_middle(shared: BackendProcess) -> None:
    good = frame(23)
    parts = urlsplit(shared.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
        head = (
            f"PUT /v1/scans/{good.sha256} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(good)}\r\n"
        )
        raw.sendall(f"{head}Authorization: Bearer {shared.token}\r\n\r\n".encode() + good.to_bytes()[:50_000])
    client = shared.client()
    assert client.send(good) is True, "it can be sent again"
    client.close()


def test_a_compressed_array_that_grows_beyond_its_shape(shared: BackendProcess) -> None:
    bomb = zlib.compress(b"\0" * (200 << 20), 9)
    good = ct_frame(*scan(), Codec.ZLIB)
    data = edited(good, arrays__0__stored_bytes=len(bomb))
    head = data[: 12 + int.from_bytes(data[8:12], "little")]
    memory = max(_peak_kib(shared), 1)
    status, problem = put(shared, "scans", good.sha256, head + bomb)
    assert status == 422
    assert "more than its header says" in problem["what"]
    assert _peak_kib(shared) - memory < 50 << 10, "the bomb was never unpacked"


def _peak_kib(backend: BackendProcess) -> int:
    assert backend.process is not None
    text = Path(f"/proc/{backend.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"grid__size_ijk": [4000, 4000, 4000]}, 422, "fill its grid"),
        (
            {"grid__size_ijk": [4000, 4000, 4000], "arrays__0__shape_kji": [4000, 4000, 4000]}
            | {"arrays__0__stored_bytes": 128 * 10**9},
            413,
            "more voxels",
        ),
        ({"arrays__0__dtype": "float64"}, 422, "int16"),
        ({"arrays__0__dtype": "object"}, 422, "int16"),
        ({"arrays__0__order": "F"}, 422, "C order"),
        ({"arrays__0__codec": "pickle"}, 422, "codec"),
        ({"arrays__0__structure": "../../etc/passwd"}, 422, "names"),
        ({"grid__spacing_mm": [1.0, 1.0, 0.0]}, 422, "spacing"),
        ({"grid__direction": [-1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0]}, 422, "left-handed"),
        ({"grid__direction": [1.0, 1.0, 0, 0, 1.0, 0, 0, 0, 1.0]}, 422, "right angles"),
        ({"patient": "Jane"}, 422, "does not know"),
        ({"kind": "contours"}, 422, "holds no CT"),
    ],
)
def test_a_header_that_lies(
    shared: BackendProcess, changes: dict[str, object], status: int, words: str
) -> None:
    good = frame(24)
    found, problem = put(shared, "scans", good.sha256, edited(good, **changes))
    assert (found, words in problem["what"]) == (status, True), problem
    assert "Jane" not in str(problem)


def test_what_is_no_frame(shared: BackendProcess) -> None:
    for body in (b"", b"x", b"PK\x03\x04" * 1000, b"AMLFRM1\n\xff\xff\xff\xff", b"AMLFRM1\n\x02\0\0\0[]"):
        status, _ = put(shared, "scans", hashlib.sha256(body).hexdigest(), body)
        assert status in (413, 422)


def test_more_than_the_header_says(shared: BackendProcess) -> None:
    good = frame(25)
    status, problem = put(shared, "scans", good.sha256, good.to_bytes() + b"more")
    assert status == 422
    assert "more than its header says" in problem["what"]


def test_an_upload_longer_than_the_limit_is_refused_before_it_is_read(
    new_backend: Callable[..., BackendProcess],
) -> None:
    backend = new_backend(limits={"upload_bytes": 10_000})
    client = backend.client()
    with pytest.raises(BackendRefused) as refused:
        client.send(frame(26))
    assert refused.value.code == "too_large"
    client.close()


def test_contours_of_unknown_structures(shared: BackendProcess) -> None:
    _, geometry = scan()
    odd = StructureSet.of(geometry, [Contour("spleen", ball(geometry, centre(geometry), 8), Source.DRAWN)])
    sent = contours_frame(Contours(odd))
    status, problem = put(shared, "contours", sent.sha256, sent.to_bytes())
    assert status == 422
    assert "spleen" in problem["what"]


def test_notes_of_contours_stay_at_home() -> None:
    _, geometry = scan()
    noted = Contour(
        "bladder", ball(geometry, centre(geometry), 8), Source.DRAWN, "drawn by Dr N. for Jane D."
    )
    assert b"Jane" not in context_frame(StructureSet.of(geometry, [noted])).to_bytes()


def test_contours_on_another_grid_than_the_scan(shared: BackendProcess) -> None:
    _, geometry = scan((30, 30, 30))
    sacrum = Contour("sacrum", ball(geometry, centre(geometry), 8), Source.DRAWN)
    context = context_frame(StructureSet.of(geometry, [sacrum]))
    client = shared.client()
    client.send(context)
    with pytest.raises(BackendRefused, match="another grid"):
        submit(client, engine="tiles-needs", context=context.sha256)
    client.close()


def test_what_a_backend_may_store_is_limited_and_what_nobody_needs_goes_first(
    new_backend: Callable[..., BackendProcess],
) -> None:
    backend = new_backend(limits={"stored_bytes": 3 * len(frame())})
    client = backend.client()
    used = submit(client, seed=1)
    ended(client, used)
    needed = submit(client, engine="tiles-pause.1", seed=2)
    assert client.send(frame(3)) is True
    assert not client.has(Kind.CT, frame(1).sha256), "the scan of the job that is done made room"
    with pytest.raises(BackendRefused) as refused:
        client.send(frame(4))
    assert refused.value.code == "disk_full"
    assert client.result(used).masks.ids
    client.cancel(needed)
    client.close()


def test_some_of_the_disk_is_left_to_others(new_backend: Callable[..., BackendProcess]) -> None:
    backend = new_backend(limits={"free_disk_bytes": 1 << 60})
    client = backend.client()
    with pytest.raises(BackendRefused) as refused:
        client.send(frame(5))
    assert refused.value.code == "disk_full"
    client.close()
