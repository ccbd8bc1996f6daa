"""The HTTP application: gate, routes, and every refusal in the same form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp

from AmlartContourLib.contract.errors import AmlartError, BackendRefused
from AmlartContourLib.contract.problems import Code, refusal
from inference_backend.server.backend import Backend
from inference_backend.server.gate import UNEXPECTED, Gate, problem_response
from inference_backend.server.routes import open_routes, routes
from inference_backend.server.tokens import Tokens

STATUS_CODES = {404: Code.NOT_FOUND, 405: Code.WRONG_METHOD, 400: Code.BAD_REQUEST, 413: Code.TOO_LARGE}


def create_app(backend: Backend, tokens: Tokens) -> ASGIApp:
    """The application over a backend. Starting and ending it starts and ends the backend."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        backend.start()
        yield
        backend.end()

    app = FastAPI(
        title="AmlartContour backend",
        version="1",
        description="Contours for cervical-cancer radiotherapy. Research use only.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.include_router(open_routes)
    app.include_router(routes)
    app.add_exception_handler(BackendRefused, _on_refusal)
    app.add_exception_handler(AmlartError, _on_refusal)
    app.add_exception_handler(Exception, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.state.backend = backend
    app.state.openapi_json = json.dumps(app.openapi())
    gate = Gate(app, backend.shop.settings, tokens)
    backend.idle_since = lambda: gate.last_asked
    return gate


async def _on_refusal(_: Request, error: Exception) -> Response:
    if isinstance(error, BackendRefused):
        return problem_response(error)
    if isinstance(error, AmlartError):
        return problem_response(refusal(Code.REFUSED_INPUT, error.what, kept=error.kept, advice=error.advice))
    raise error


async def _on_fault(_: Request, _error: Exception) -> Response:
    """The gate logs it."""
    return problem_response(refusal(Code.INTERNAL, UNEXPECTED))


async def _on_invalid(_: Request, error: Exception) -> Response:
    """Names the fields that are wrong, never what was in them."""
    fields = []
    if isinstance(error, RequestValidationError):
        fields = [".".join(str(part) for part in e["loc"]) + f": {e['msg']}" for e in error.errors()]
    what = "The request is not as the interface says: " + "; ".join(fields[:5])
    return problem_response(refusal(Code.REFUSED_INPUT, what[:1000], advice="See /v1/openapi.json."))


async def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = STATUS_CODES.get(status, Code.BAD_REQUEST)
    what = {404: "There is no such route.", 405: "The route does not take this method."}
    response = problem_response(refusal(code, what.get(status, "The request cannot be read.")))
    if status == 405:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """What the path of a request may be asked with: each method is a route of its own, so no route knows."""
    paths: dict[str, dict[str, object]] = json.loads(request.app.state.openapi_json)["paths"]
    for path, ways in paths.items():
        if compile_path(path)[0].match(request.url.path):
            return ", ".join(sorted(method.upper() for method in ways))
    return "GET"  # the description itself, which it does not describe
