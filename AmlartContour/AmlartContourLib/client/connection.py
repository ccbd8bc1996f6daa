"""HTTP to one backend: every call with timeouts, one at a time, and every failure as one of the known causes.

On this machine no proxy is asked, whatever the system says. Redirects are never followed: the token goes to
the address that the user gave, or nowhere.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.causes import explained
from AmlartContourLib.contract.errors import BackendUnreachable, DamagedFile
from AmlartContourLib.contract.messages import PROTOCOL, SERVICE, SERVICE_HEADER
from AmlartContourLib.contract.problems import Cause, Problem
from AmlartContourLib.contract.strict_json import from_json, to_json

PROXY_STATUS = frozenset({407, 502, 503, 504})
PROXY_HEADERS = ("Via", "Proxy-Authenticate", "Proxy-Connection", "X-Cache", "X-Squid-Error")
NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})
MESSAGE_BYTES = 1 << 24


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection and for each answer; `upload_s` for the answer to an upload."""

    connect_s: float = 5.0
    answer_s: float = 30.0
    upload_s: float = 120.0
    events_s: float = 15.0


class _Bearer(AuthBase):
    """Puts the token on a request; also keeps `requests` from looking for passwords in files."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Calls to one backend, one at a time."""

    def __init__(self, address: BackendAddress, timeouts: Timeouts | None = None) -> None:
        self.address = address
        self.timeouts = timeouts or Timeouts()
        self._one_at_a_time = threading.Lock()
        self._session = requests.Session()
        self._session.trust_env = not address.is_loopback
        self._session.verify = str(address.ca_file) if address.ca_file else True

    def close(self) -> None:
        """Closes open connections."""
        self._session.close()

    def call(self, method: str, path: str, message: Any = None, *, with_token: bool = True) -> bytes:
        """Sends a message, if any, and gives the body of the answer.

        BackendUnreachable where no answer came that can be used, BackendRefused where the backend said no.
        """
        data = to_json(message).encode() if message is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        with self._answer(
            method, path, data, headers, self.timeouts.answer_s, with_token=with_token
        ) as answer:
            return self._whole(answer)

    def send(self, path: str, body: Iterable[Any], content_type: str) -> bytes:
        """Sends a body of known length in pieces."""
        headers = {"Content-Type": content_type}
        with self._answer("PUT", path, body, headers, self.timeouts.upload_s) as answer:
            return self._whole(answer)

    @contextmanager
    def stream(self, path: str, silence_s: float) -> Iterator[Iterator[bytes]]:
        """The body of an answer in pieces as they come; no piece for `silence_s` counts as lost."""
        with self._answer("GET", path, None, {}, silence_s) as answer:
            yield self._pieces(answer)

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(1 << 20)
        except requests.RequestException as error:
            raise unreachable(error, self.address) from error

    def _whole(self, answer: requests.Response) -> bytes:
        """A whole message, which is short and comes quickly."""
        body = bytearray()
        until = time.monotonic() + self.timeouts.answer_s
        for piece in self._pieces(answer):
            body += piece
            if len(body) > MESSAGE_BYTES:
                raise explained(Cause.WRONG_SERVICE, self.address.name)
            if time.monotonic() > until:
                raise explained(Cause.TIMEOUT, self.address.name)
        return bytes(body)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        data: Any,
        headers: dict[str, str],
        answer_s: float,
        *,
        with_token: bool = True,
    ) -> Iterator[requests.Response]:
        with self._one_at_a_time:
            try:
                answer = self._session.request(
                    method,
                    self.address.path(path),
                    data=data,
                    headers=headers,
                    auth=_Bearer(self.address.token if with_token else None),
                    timeout=(self.timeouts.connect_s, answer_s),
                    allow_redirects=False,
                    stream=True,
                )
            except requests.RequestException as error:
                raise unreachable(error, self.address) from error
            with answer:
                _require_ours(answer, self.address)
                if answer.status_code >= 400:
                    raise _problem(self._whole(answer)).to_error()
                yield answer


def unreachable(error: requests.RequestException, address: BackendAddress) -> BackendUnreachable:
    """A failure of the network as the cause a person would mend."""
    return explained(_cause(error), address.name)


def _cause(error: requests.RequestException) -> Cause:
    if isinstance(error, requests.exceptions.ProxyError):
        return Cause.PROXY
    if isinstance(error, requests.exceptions.SSLError):
        return Cause.TLS
    if isinstance(error, requests.exceptions.Timeout):
        return Cause.TIMEOUT
    for inner in _chain(error):
        if isinstance(inner, socket.gaierror) or type(inner).__name__ == "NameResolutionError":
            return Cause.NAME_NOT_FOUND
        if isinstance(inner, ConnectionRefusedError):
            return Cause.REFUSED
        if isinstance(inner, OSError) and inner.errno in NO_ROUTE:
            return Cause.NO_ROUTE
        if isinstance(inner, TimeoutError):
            return Cause.TIMEOUT
    return Cause.LOST


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was made from; `requests` wraps the real reason several times."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        inner = waiting.pop()
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        reasons = (inner.__cause__, inner.__context__, getattr(inner, "reason", None), *inner.args)
        waiting.extend(reason for reason in reasons if isinstance(reason, BaseException))


def _require_ours(answer: requests.Response, address: BackendAddress) -> None:
    service, _, protocol = answer.headers.get(SERVICE_HEADER, "").partition("/")
    if service == SERVICE:
        if protocol != str(PROTOCOL):
            raise explained(Cause.WRONG_VERSION, address.name, f"{protocol[:9]} (this program: {PROTOCOL})")
        return
    by_proxy = answer.status_code in PROXY_STATUS or any(name in answer.headers for name in PROXY_HEADERS)
    raise explained(Cause.PROXY if by_proxy else Cause.WRONG_SERVICE, address.name)


def _problem(body: bytes) -> Problem:
    try:
        return from_json(Problem, body)
    except DamagedFile:
        return Problem("internal", "The backend refused without saying why.")
