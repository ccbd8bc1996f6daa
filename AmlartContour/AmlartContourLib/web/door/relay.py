"""Passing on what came through the gate: pages to and from a station, and its one websocket both ways."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
from aiohttp import web

from AmlartContourLib.contract.errors import BackendUnreachable
from AmlartContourLib.contract.problems import Cause
from AmlartContourLib.web.door.gate import protect
from AmlartContourLib.web.door.pages import sentence
from AmlartContourLib.web.door.seats import Seat
from AmlartContourLib.web.door.station import Station
from AmlartContourLib.web.key_guard import KEY_HEADER

MESSAGE_BYTES = 16 << 20
PASSED_ON = ("Content-Type", "Content-Encoding", "ETag", "Last-Modified")
ASKED = ("If-None-Match", "If-Modified-Since", "Accept-Encoding")
DOWNLOADED = ("Content-Type", "Content-Length", "Content-Disposition")
PIECE_BYTES = 1 << 18
PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)  # it is packed first
ASSETS = ("/assets/", "/__trame")


class Relay:
    """The door's way to the stations."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Before the first request."""
        self._session = aiohttp.ClientSession(auto_decompress=False, trust_env=False)

    async def close(self) -> None:
        """After the last."""
        if self._session:
            await self._session.close()

    async def page(self, request: web.Request, station: Station) -> web.Response:
        """One file of a station. Only reading is passed on."""
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        status, answered, body = await self.fetch(station, request.path, headers)
        kept = {name: answered[name] for name in PASSED_ON if name in answered}
        if status == 200 and request.path.startswith(ASSETS):
            kept["Cache-Control"] = "private, max-age=3600"
        return web.Response(status=status, headers=kept, body=body)

    async def download(self, request: web.Request, station: Station, path: str) -> web.StreamResponse:
        """A station's file that may be large, passed on piece by piece; its refusal as a page. Where the
        station dies, the browser is cut off too: half a file is never taken for a whole one."""
        outer = web.StreamResponse()
        try:
            async with self._to(station).get(
                f"http://127.0.0.1:{station.port}{path}", headers={KEY_HEADER: station.key}, timeout=PATIENCE
            ) as inner:
                if inner.status != 200:
                    return sentence(inner.status, await inner.text())
                outer.headers.update({n: inner.headers[n] for n in DOWNLOADED if n in inner.headers})
                protect(outer)
                await outer.prepare(request)
                async for piece in inner.content.iter_chunked(PIECE_BYTES):
                    await outer.write(piece)
        except aiohttp.ClientError as error:
            if not outer.prepared:
                raise _gone() from error
            if request.transport is not None:
                request.transport.abort()
        return outer

    async def fetch(
        self, station: Station, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a station's file. BackendUnreachable where the station is gone."""
        try:
            async with self._to(station).get(
                f"http://127.0.0.1:{station.port}{path}",
                headers={**(headers or {}), KEY_HEADER: station.key},
                allow_redirects=False,
            ) as answer:
                return answer.status, dict(answer.headers), await answer.read()
        except aiohttp.ClientError as error:
            raise _gone() from error

    async def websocket(self, request: web.Request, station: Station, seat: Seat) -> web.StreamResponse:
        """Joins the browser's websocket to the station's, until either ends. 409 for a second one."""
        outer = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES, heartbeat=30, compress=False)
        if not seat.sit(outer):
            raise web.HTTPConflict(reason="The workstation is open in another tab.")
        try:
            async with self._to(station).ws_connect(
                f"http://127.0.0.1:{station.port}/ws",
                headers={KEY_HEADER: station.key},
                max_msg_size=MESSAGE_BYTES,
                compress=0,
            ) as inner:
                await outer.prepare(request)
                await _join(outer, inner)
        except aiohttp.ClientError as error:
            raise _gone() from error
        finally:
            with suppress(ConnectionError):
                await outer.close()
            seat.stand(outer)
        return outer

    def _to(self, station: Station) -> aiohttp.ClientSession:
        if self._session is None or not station.ready:
            raise _gone()
        return self._session


async def _join(outer: web.WebSocketResponse, inner: aiohttp.ClientWebSocketResponse) -> None:
    ways = [asyncio.create_task(_pass(outer, inner)), asyncio.create_task(_pass(inner, outer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)


def _gone() -> BackendUnreachable:
    return BackendUnreachable(
        "The workstation does not answer just now.", Cause.LOST.value, advice="Wait a moment."
    )
