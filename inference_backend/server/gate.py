"""The gate before every route: who calls, under which name, from where, how much. Nothing passes it unasked.

In this order: Host (a web page that rebinds its name to this machine is refused), Origin (no web page may
call), token, length of the body, requests at once. Every answer names the service, so that a client can tell
it from a proxy's, and no fault goes out as more than a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import PROTOCOL, SERVICE, SERVICE_HEADER
from AmlartContourLib.contract.problems import STATUS, Code, problem_of, refusal
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.server.settings import Settings
from inference_backend.server.tokens import Tokens

LOG = logging.getLogger(__name__)
OPEN_PATH = "/v1/health"
UPLOADS = ("/v1/scans/", "/v1/contours/")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Gate:
    """ASGI middleware. Puts the caller's user name into the scope's state as `owner`."""

    def __init__(self, app: ASGIApp, settings: Settings, tokens: Tokens) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._at_once = 0
        self.last_asked = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _mark(MutableHeaders(scope=message))
            await send(message)

        self._at_once += 1
        try:
            scope.setdefault("state", {})["owner"] = self._admit(scope)
            await self._app(scope, _Patient(receive, self._settings).receive, marked)
        except BackendRefused as error:
            await problem_response(error)(scope, receive, marked)
        except Exception as error:  # the boundary: whatever happened, the caller reads a sentence
            LOG.error("a request failed: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            if not begun:
                await problem_response(refusal(Code.INTERNAL, UNEXPECTED))(scope, receive, marked)
        finally:
            self._at_once -= 1

    def _admit(self, scope: Scope) -> str:
        """The caller's user name, "" for the open path. BackendRefused where the request may not pass."""
        headers = Headers(scope=scope)
        if _host_name(headers.get("host", "")) not in self._settings.allowed_hosts:
            raise refusal(
                Code.FORBIDDEN,
                "This backend does not go by that name.",
                advice="Start it with --allow-host NAME if the name is right.",
            )
        if "origin" in headers:
            raise refusal(Code.FORBIDDEN, "Web pages may not call this backend.")
        owner = ""
        if scope["path"] != OPEN_PATH:
            owner = self._tokens.user_of(headers.get("authorization", "").encode("latin-1")) or ""
            if not owner:
                raise refusal(
                    Code.WRONG_TOKEN,
                    "The token is missing or wrong.",
                    advice="Use the token of this backend.",
                )
            self.last_asked = time.monotonic()
        self._require_length(scope, headers)
        if self._at_once > self._settings.limits.requests_at_once:
            raise refusal(Code.BUSY, "Too many requests at once.", advice="Try again in a moment.")
        return owner

    def _require_length(self, scope: Scope, headers: Headers) -> None:
        limits = self._settings.limits
        length = headers.get("content-length")
        if length is None:
            if "transfer-encoding" in headers or scope["method"] in WITH_BODY - {"POST"}:
                raise refusal(Code.LENGTH_REQUIRED, "The request does not say how long it is.")
            return
        most = limits.upload_bytes if scope["path"].startswith(UPLOADS) else limits.message_bytes
        if int(length) > most:
            raise refusal(Code.TOO_LARGE, f"The request is longer than {most} bytes.")


class _Patient:
    """Waits for a request's body only so long; a caller that falls silent counts as gone."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._silence_s = settings.limits.silence_seconds
        self._until = time.monotonic() + settings.limits.upload_seconds
        self._complete = False

    async def receive(self) -> Message:
        """The next part of the body, or that the caller has gone."""
        if self._complete:
            return await self._receive()
        left = min(self._silence_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.0))
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body", False)
        return message


UNEXPECTED = "Something unexpected happened in the backend."


def problem_response(error: BackendRefused) -> Response:
    """A refusal as an answer."""
    code = Code(error.code)
    headers = {"WWW-Authenticate": "Bearer"} if code is Code.WRONG_TOKEN else {}
    if code in (Code.BUSY, Code.TOO_MANY):
        headers["Retry-After"] = "1"
    body = to_json(problem_of(error, code))
    return Response(body, STATUS[code], headers, media_type="application/json")


def _mark(headers: MutableHeaders) -> None:
    headers[SERVICE_HEADER] = f"{SERVICE}/{PROTOCOL}"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = "default-src 'none'"


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
