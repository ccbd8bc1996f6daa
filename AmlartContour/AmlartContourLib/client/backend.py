"""A backend as a client sees it: each route as a method, messages and contours instead of JSON and bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.causes import explained
from AmlartContourLib.client.connection import Connection, Timeouts
from AmlartContourLib.client.events import statuses
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.frame_header import Kind
from AmlartContourLib.contract.frames import Frame, decode
from AmlartContourLib.contract.messages import (
    FRAME_TYPE,
    PROTOCOL,
    SERVICE,
    Accepted,
    Capabilities,
    Estimate,
    Health,
    JobList,
    JobRequest,
    JobStatus,
    PurgeReport,
    PurgeRequest,
    Version,
)
from AmlartContourLib.contract.problems import Cause, Code
from AmlartContourLib.contract.strict_json import from_json
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.exchange.wire import contours_of

ROOMS = {Kind.CT: "scans", Kind.CONTOURS: "contours"}
Sent = Callable[[int, int], None]
"""Takes the bytes sent so far and the bytes to send. May raise to stop sending."""


class BackendClient:
    """One backend. Methods raise BackendUnreachable, or BackendRefused with the backend's reason; each takes
    at most its timeouts. Calls from several threads take turns."""

    def __init__(self, address: BackendAddress, timeouts: Timeouts | None = None) -> None:
        self.address = address
        self._connection = Connection(address, timeouts)

    def close(self) -> None:
        """Closes open connections."""
        self._connection.close()

    def health(self) -> Health:
        """Who answers, asked without the token. BackendUnreachable with WRONG_SERVICE or WRONG_VERSION."""
        found = from_json(Health, self._connection.call("GET", "/v1/health", with_token=False))
        if found.service != SERVICE:
            raise explained(Cause.WRONG_SERVICE, self.address.name)
        if found.protocol != PROTOCOL:
            detail = f"{found.protocol} (this program: {PROTOCOL})"
            raise explained(Cause.WRONG_VERSION, self.address.name, detail)
        return found

    def version(self) -> Version:
        """Which version answers."""
        return from_json(Version, self._connection.call("GET", "/v1/version"))

    def capabilities(self) -> Capabilities:
        """Engines, devices and limits."""
        return from_json(Capabilities, self._connection.call("GET", "/v1/capabilities"))

    def has(self, kind: Kind, sha256: str) -> bool:
        """Whether an upload is there already."""
        try:
            self._connection.call("GET", f"/v1/{ROOMS[kind]}/{sha256}")
        except BackendRefused as error:
            if error.code == Code.UPLOAD_MISSING.value:
                return False
            raise
        return True

    def send(self, frame: Frame, sent: Sent = lambda _sent, _all: None) -> bool:
        """Sends a frame unless it is there already; True when it was sent."""
        kind = frame.header.kind
        if self.has(kind, frame.sha256):
            return False
        self._connection.send(f"/v1/{ROOMS[kind]}/{frame.sha256}", _Counted(frame, sent), FRAME_TYPE)
        return True

    def estimate(self, request: JobRequest) -> Estimate:
        """Time and memory a job will take; its scan must be there."""
        return from_json(Estimate, self._connection.call("POST", "/v1/estimate", request))

    def submit(self, job: str, request: JobRequest) -> JobStatus:
        """Queues a job under a random id; repeating the call changes nothing."""
        return from_json(JobStatus, self._connection.call("PUT", f"/v1/jobs/{job}", request))

    def jobs(self, most: int = 100) -> tuple[JobStatus, ...]:
        """This user's jobs, newest first."""
        return from_json(JobList, self._connection.call("GET", f"/v1/jobs?most={most}")).jobs

    def status(self, job: str) -> JobStatus:
        """A job as it stands."""
        return from_json(JobStatus, self._connection.call("GET", f"/v1/jobs/{job}"))

    def follow(self, job: str) -> Iterator[JobStatus]:
        """A job's status whenever it changes, until it has ended or the backend ends. Other calls wait."""
        silence_s = self._connection.timeouts.events_s
        with self._connection.stream(f"/v1/jobs/{job}/events", silence_s) as pieces:
            yield from statuses(pieces)

    def cancel(self, job: str) -> JobStatus:
        """Stops a job within a second."""
        return from_json(JobStatus, self._connection.call("POST", f"/v1/jobs/{job}/cancel"))

    def resume(self, job: str) -> JobStatus:
        """Puts an interrupted, failed or cancelled job back into the queue."""
        return from_json(JobStatus, self._connection.call("POST", f"/v1/jobs/{job}/resume"))

    def result(self, job: str) -> Contours:
        """The contours of a job that is done."""
        silence_s = self._connection.timeouts.answer_s
        with self._connection.stream(f"/v1/jobs/{job}/result", silence_s) as pieces:
            header, arrays, _ = decode(pieces)
        return contours_of(header, arrays)

    def purge(self, request: PurgeRequest) -> PurgeReport:
        """Removes ended jobs, their results, and uploads that no job needs."""
        return from_json(PurgeReport, self._connection.call("POST", "/v1/purge", request))

    def shutdown(self) -> Accepted:
        """Asks a backend that a program started for itself to end."""
        return from_json(Accepted, self._connection.call("POST", "/v1/shutdown"))


class _Counted:
    """A frame as a body of known length that tells how much of it went."""

    def __init__(self, frame: Frame, sent: Sent) -> None:
        self._frame = frame
        self._sent = sent
        self._length = len(frame)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes | memoryview]:
        done = 0
        for piece in self._frame:
            self._sent(done, self._length)
            yield piece
            done += len(piece)
        self._sent(done, self._length)
