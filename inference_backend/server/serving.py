"""A backend as a process: its folder, lock, token, socket, and the file that tells where it listens."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.folder_lock import FolderLock
from AmlartContourLib.contract.home import HOME_VARIABLE, RUNNING_FILE, RunningBackend
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.engines.registry import Registry
from inference_backend.server.app import create_app
from inference_backend.server.backend import Backend
from inference_backend.server.http_protocol import TimedProtocol
from inference_backend.server.private_files import private_folder, write_private
from inference_backend.server.settings import Settings
from inference_backend.server.tokens import Tokens

LOG = logging.getLogger(__name__)
END_S = 3
IDLE_CONNECTION_S = 30


def serve(
    settings: Settings, registry: Registry, on_listening: Callable[[RunningBackend], None] = lambda _: None
) -> None:
    """Runs a backend until it is asked to end or a signal ends it. BadSetting where it cannot start.

    The settings' folder becomes that of this process and of those it starts: models come from there too."""
    os.umask(0o077)
    home = private_folder(settings.home)
    os.environ[HOME_VARIABLE] = str(home.absolute())  # engines here and in the workers find its models
    refusal = BadSetting(
        "Another backend already uses this folder.",
        kept="It was left running.",
        advice="Use that one (`amlart jobs list` shows its jobs), or give another --home.",
    )
    lock = FolderLock(home, refusal)
    try:
        tokens = Tokens(home)
        with _bound(settings) as listening:
            backend = Backend(settings, registry)
            running = RunningBackend(os.getpid(), _url(settings, listening), backend.instance, settings.tls)
            server = _Server(_config(settings, create_app(backend, tokens)), backend)

            def end() -> None:
                server.should_exit = True

            backend.ask_to_end = end
            write_private(home / RUNNING_FILE, to_json(running).encode())
            on_listening(running)
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, tidily
            try:
                with suppress(KeyboardInterrupt):
                    server.run(sockets=[listening])
            finally:
                (home / RUNNING_FILE).unlink(missing_ok=True)
    finally:
        lock.release()


class _Server(uvicorn.Server):
    """Sends those who watch jobs away before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, backend: Backend) -> None:
        super().__init__(config)
        self._backend = backend

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._backend.shop.live.close()
        await super().shutdown(sockets)


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once; else each waits 40 ms for others.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option would let a second process take the port over
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise BadSetting(
            f"Port {settings.port} of {settings.host} cannot be used: {error.strerror}.",
            kept="The backend was not started.",
            advice="Give another --port, or 0 for any free one.",
        ) from error
    return listening


def _url(settings: Settings, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(settings.host, settings.host)
    return f"{'https' if settings.tls else 'http'}://{name}:{port}"


def _config(settings: Settings, app: object) -> uvicorn.Config:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=TimedProtocol,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=IDLE_CONNECTION_S,
        timeout_graceful_shutdown=END_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise BadSetting(
            "The TLS certificate or its key cannot be used.", kept="The backend was not started."
        ) from error
    return config
