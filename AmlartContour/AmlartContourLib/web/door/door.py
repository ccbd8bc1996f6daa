"""The door of the workstation: the one address users know. It lets in, starts each user's own process,
and joins them.

    browser ──► gate (Host, Origin, cookie) ──► door ──► station of that user (127.0.0.1, its own key)

It holds no patient data: pages and frames pass through, and what the stations keep lies in the users'
private folders.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from AmlartContourLib.web.door import pages
from AmlartContourLib.web.door.gate import ENTRY, USER, gate
from AmlartContourLib.web.door.pulse import Pulse
from AmlartContourLib.web.door.relay import Relay
from AmlartContourLib.web.door.seats import Seat
from AmlartContourLib.web.door.station import Orders, Station
from AmlartContourLib.web.door.users import COOKIE, Users
from AmlartContourLib.web.export_zip import ADDRESS as EXPORT_ADDRESS

OWN_FILES = ("fixing.css", "fixing.js", "page.js", "plain.css", "workstation.css", "workstation.js")
COOKIE_S = 30 * 24 * 3600
WAIT_S = 90.0
LOOK_S = 1.0


@dataclass(frozen=True)
class DoorSettings:
    """`hosts`: names it answers to. `tls`: whether the cookie is for encrypted connections only.
    `orders_for` gives what a user's station is told; `start` makes the station."""

    users: Users
    hosts: frozenset[str]
    orders_for: Callable[[str], Orders]
    tls: bool = False
    start: Callable[[Orders], Station] = Station


class Door:
    """Seats and stations by user."""

    def __init__(self, settings: DoorSettings) -> None:
        self._settings = settings
        self._stations: dict[str, Station] = {}
        self._seats: dict[str, Seat] = {}
        self.relay = Relay()

    def app(self) -> web.Application:
        """The door as a web application."""
        app = web.Application(
            middlewares=[gate(self._settings.users, self._settings.hosts)], client_max_size=1 << 16
        )
        app.add_routes(
            [
                web.get(ENTRY, self.enter),
                web.get("/", self.index),
                web.get("/index.html", self.index),
                web.post("/paraview/", self.session),
                web.get("/ws", self.websocket),
                web.get("/door/events", self.events),
                web.post("/door/take", self.take),
                web.get("/door/{name}", own_file),
                web.get(EXPORT_ADDRESS, self.export, allow_head=False),
                web.get("/{path:.+}", self.page),
            ]
        )
        app.cleanup_ctx.append(self._open)
        return app

    async def _open(self, _app: web.Application) -> AsyncIterator[None]:
        await self.relay.open()
        yield
        await asyncio.gather(*(station.close() for station in self._stations.values()))
        await self.relay.close()

    def station_of(self, user: str) -> Station:
        """The user's own station, started if it does not run."""
        station = self._stations.get(user)
        if station is None:
            station = self._settings.start(self._settings.orders_for(user))
            self._stations[user] = station
        if not station.failed:
            station.start()
        return station

    def seat_of(self, user: str) -> Seat:
        """The user's one seat."""
        return self._seats.setdefault(user, Seat())

    async def enter(self, request: web.Request) -> web.Response:
        """Turns the token of a link into the cookie."""
        user = self._settings.users.of_token(request.query.get("token", ""))
        if user is None:
            return pages.no_entry()
        answer = pages.way_in()
        answer.set_cookie(
            COOKIE,
            self._settings.users.cookie_of(user),
            max_age=COOKIE_S,
            httponly=True,
            samesite="Strict",
            secure=self._settings.tls,
            path="/",
        )
        return answer

    async def index(self, request: web.Request) -> web.Response:
        """The workstation's page, for the one tab that holds the seat."""
        user = request[USER]
        station, seat = self.station_of(user), self.seat_of(user)
        if station.failed:
            return pages.sentence(503, station.failed)
        if not await seat.becomes_free():
            return pages.second_tab()
        if not await _ready(station, WAIT_S):
            return pages.starting()
        _, _, html = await self.relay.fetch(station, "/index.html")
        dressed = pages.dressed(html.decode("utf-8"), seat.renumber(), station.instance)
        return web.Response(text=dressed, content_type=pages.HTML)

    async def session(self, request: web.Request) -> web.Response:
        """Where the page's websocket is, and the secret of its first message: asked anew at each load,
        so a reload needs nothing that the page kept."""
        station = self.station_of(request[USER])
        if not await _ready(station, WAIT_S):
            return web.json_response({"error": "The workstation is starting."}, status=503)
        scheme = "wss" if self._settings.tls else "ws"
        return web.json_response({"sessionURL": f"{scheme}://USE_HOST/ws", "secret": station.page_secret})

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """The page's websocket."""
        user = request[USER]
        return await self.relay.websocket(request, self.station_of(user), self.seat_of(user))

    async def page(self, request: web.Request) -> web.Response:
        """A file of the station."""
        return await self.relay.page(request, self.station_of(request[USER]))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The last export of the user's own station."""
        station = self.station_of(request[USER])
        await _ready(station, WAIT_S)
        return await self.relay.download(request, station, EXPORT_ADDRESS)

    async def take(self, request: web.Request) -> web.Response:
        """Frees the seat for the tab that asks."""
        await self.seat_of(request[USER]).move()
        if request.query.get("then") == "/":  # a form without scripts
            return web.Response(status=303, headers={"Location": "/"})
        return web.Response(status=204)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tells a page what the station and its seat are at, whenever either changes."""
        user = request[USER]
        station, seat = self.station_of(user), self.seat_of(user)
        number = request.query.get("seat", "")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await answer.prepare(request)
        told = ""
        pulse = Pulse(lambda: self.relay.fetch(station, "/index.html"))
        try:
            while True:
                now = _state(station, seat.is_of(number), station.ready and pulse.silent())
                await answer.write(f"data: {now}\n\n".encode() if now != told else b": still here\n\n")
                told = now
                if not seat.is_of(number):
                    return answer
                await _change(station, LOOK_S)
        finally:
            pulse.end()


async def own_file(request: web.Request) -> web.StreamResponse:
    """A file of the door itself, from a fixed list."""
    name = request.match_info["name"]
    if name not in OWN_FILES:
        raise web.HTTPNotFound
    return web.FileResponse(pages.FOLDER / name)


def _state(station: Station, yours: bool, silent: bool) -> str:
    seat = "yours" if yours else "moved"
    now = {"ready": station.ready, "instance": station.instance, "failed": station.failed}
    return json.dumps({**now, "silent": silent, "seat": seat})


async def _ready(station: Station, wait_s: float) -> bool:
    async def until() -> None:
        async with station.changed:
            await station.changed.wait_for(lambda: station.ready or bool(station.failed))

    try:
        await asyncio.wait_for(until(), wait_s)
    except TimeoutError:
        return False
    return station.ready


async def _change(station: Station, most_s: float) -> None:
    async def until() -> None:
        async with station.changed:
            await station.changed.wait()

    try:
        await asyncio.wait_for(until(), most_s)
    except TimeoutError:
        return
