"""Serving the workstation's door: GL looked at first, a free port, and each user's own work folder."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import LOCAL_NAME, TOKENS_FILE, parse_tokens, require_private
from AmlartContourLib.web.door.door import Door, DoorSettings
from AmlartContourLib.web.door.gate import ENTRY
from AmlartContourLib.web.door.station import Orders
from AmlartContourLib.web.door.users import Users
from AmlartContourLib.web.gl_check import require_gl
from inference_backend.server.settings import Settings

END_S = 20.0
USERS = "users"


def serve_workstation(
    settings: Settings, patients: Path | None, home: Path, announce: Callable[[str], None]
) -> None:
    """Serves until a signal ends it. `home`: the folder of this user's backend. BadSetting where it
    cannot start."""
    if patients is not None and not patients.is_dir():
        raise BadSetting(f"{patients.name} is no folder.", advice="Give the folder that holds the patients.")
    require_gl()
    os.umask(0o077)
    users = Users(lambda: tokens_of(settings.home))
    door = Door(
        DoorSettings(
            users=users,
            hosts=settings.allowed_hosts,
            orders_for=lambda user: Orders(
                user, patients.resolve() if patients else None, settings.home / USERS / user, home
            ),
            tls=settings.tls,
        )
    )
    listening = bound(settings)
    token = tokens_of(settings.home)[LOCAL_NAME]
    with suppress(KeyboardInterrupt):
        asyncio.run(
            _serve(door, listening, _tls(settings), lambda: announce(link(settings, listening, token)))
        )


def tokens_of(folder: Path) -> Mapping[str, str]:
    """The tokens by user, read anew, so that a user added while it runs counts at once."""
    path = folder / TOKENS_FILE
    require_private(path.stat(), f"The file {path.name}")
    return parse_tokens(path.read_text(encoding="utf-8"))


def link(settings: Settings, listening: socket.socket, token: str) -> str:
    """The address that lets a user in."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(settings.host, settings.host)
    scheme = "https" if settings.tls else "http"
    return f"{scheme}://{name}:{listening.getsockname()[1]}{ENTRY}?{urlencode({'token': token})}"


def bound(settings: Settings) -> socket.socket:
    """A socket on the wanted port, or on a free one where another program has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for port in (settings.port, 0):
        listening = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, port))
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE or port == 0:
                raise BadSetting(
                    f"Port {port} of {settings.host} cannot be used: {error.strerror}."
                ) from error
        else:
            return listening
    raise BadSetting("No port is free.")


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise BadSetting("The TLS certificate or its key cannot be used.") from error
    return context


async def _serve(
    door: Door, listening: socket.socket, tls: ssl.SSLContext | None, announce: Callable[[], None]
) -> None:
    runner = web.AppRunner(door.app(), access_log=None, shutdown_timeout=END_S)
    await runner.setup()
    await web.SockSite(runner, listening, ssl_context=tls).start()
    announce()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, ended.set)
    try:
        await ended.wait()
    finally:
        await runner.cleanup()
