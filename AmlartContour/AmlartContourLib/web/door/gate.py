"""The gate before everything the door serves, pages and websockets alike: under which name, from
where, and who.

In this order: Host (a web page that rebinds its name to this machine is refused), Origin (no page of
another site may call or open a websocket), cookie. Only the entry, which turns the token of a link
into the cookie, is open without one. Every answer tells the browser to load nothing from elsewhere and
to stay out of frames.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.web.door.pages import no_entry, sentence
from AmlartContourLib.web.door.users import COOKIE, Users

LOG = logging.getLogger(__name__)
ENTRY = "/enter"
USER = web.RequestKey("user", str)

HEADERS = {
    # Vue compiles the page's templates in the browser, which needs 'unsafe-eval', and sets styles in place.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form of our own would come from "Origin: null"
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def gate(users: Users, hosts: frozenset[str]) -> Middleware:
    """The middleware. `hosts`: names under which the door answers, lower case, without port."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = refusal(request, users, hosts)
        answer = refused if refused is not None else await _answer(request, handler)
        if not answer.prepared:
            protect(answer)
        return answer

    return guarded


def protect(answer: web.StreamResponse) -> None:
    """The headers of every answer, before it is sent."""
    answer.headers.update(HEADERS)
    answer.headers.setdefault("Cache-Control", "no-store")


def refusal(request: web.Request, users: Users, hosts: frozenset[str]) -> web.Response | None:
    """Why a request may not pass, or None. Notes the user on a request that may."""
    if host_name(request.headers.get("Host", "")) not in hosts:
        return sentence(403, "This workstation does not go by that name.")
    origin = request.headers.get("Origin")
    if origin is not None and not same_site(origin, request.headers["Host"]):
        return sentence(403, "Pages of other sites may not call this workstation.")
    if request.path == ENTRY:
        return None
    user = users.of_cookie(request.cookies.get(COOKIE, ""))
    if user is None:
        return no_entry()
    request[USER] = user
    return None


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as known:
        return sentence(known.status, known.reason)
    except AmlartError as error:
        return sentence(503, str(error))
    except Exception as error:  # the boundary: whatever happened, the browser gets a sentence
        LOG.error("a request failed: %s", type(error).__name__)
        LOG.debug("where", exc_info=error)
        return sentence(500, "Something unexpected happened at the door of the workstation. Reload the page.")


def same_site(origin: str, host: str) -> bool:
    """True where an Origin header names the very host and port that the request went to."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
