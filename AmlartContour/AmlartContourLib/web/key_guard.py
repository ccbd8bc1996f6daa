"""What a station asks of every request, pages and websocket alike: the key that only its door knows.

So nobody else on the machine can drive it, although it listens on the machine's own address.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

KEY_HEADER = "X-Amlart-Key"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def key_guard(key: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """The middleware."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get(KEY_HEADER, "").encode(), key.encode()):
            return web.Response(status=401, text="This port is for the door of the workstation only.\n")
        return await handler(request)

    return guarded
