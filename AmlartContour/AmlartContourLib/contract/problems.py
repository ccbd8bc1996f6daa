"""Why something was refused, as codes that both sides know, and as the one message that carries them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.errors import AmlartError, BackendRefused
from AmlartContourLib.contract.strict_json import Message


class Code(Enum):
    """Why the backend refused. Values are on the wire: never rename one."""

    BAD_REQUEST = "bad_request"
    WRONG_TOKEN = "wrong_token"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UPLOAD_MISSING = "upload_missing"
    WRONG_METHOD = "wrong_method"
    CONFLICT = "conflict"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    NOT_READY = "not_ready"
    EXPIRED = "expired"
    LENGTH_REQUIRED = "length_required"
    TOO_LARGE = "too_large"
    REFUSED_INPUT = "refused_input"
    NOTHING_TO_CONTOUR = "nothing_to_contour"
    TOO_MANY = "too_many"
    INTERNAL = "internal"
    BUSY = "busy"
    DISK_FULL = "disk_full"


STATUS = {
    Code.BAD_REQUEST: 400,
    Code.WRONG_TOKEN: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.UPLOAD_MISSING: 404,
    Code.WRONG_METHOD: 405,
    Code.CONFLICT: 409,
    Code.ENGINE_UNAVAILABLE: 409,
    Code.NOT_READY: 409,
    Code.EXPIRED: 410,
    Code.LENGTH_REQUIRED: 411,
    Code.TOO_LARGE: 413,
    Code.REFUSED_INPUT: 422,
    Code.NOTHING_TO_CONTOUR: 422,
    Code.TOO_MANY: 429,
    Code.INTERNAL: 500,
    Code.BUSY: 503,
    Code.DISK_FULL: 507,
}


class Cause(Enum):
    """Why the backend could not be reached, one for each thing a person would mend differently."""

    NAME_NOT_FOUND = "name_not_found"
    NO_ROUTE = "no_route"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    PROXY = "proxy"
    WRONG_SERVICE = "wrong_service"
    WRONG_TOKEN = "wrong_token"
    WRONG_VERSION = "wrong_version"
    BUSY = "busy"
    LOST = "lost"
    NOT_STARTED = "not_started"


@dataclass(frozen=True)
class Problem(Message):
    """The body of every refusal, and what a failed job carries: code, what happened, what was kept, what to
    do."""

    code: str
    what: str
    kept: str = ""
    advice: str = ""

    def to_error(self) -> BackendRefused:
        """The same as an error to raise."""
        return BackendRefused(self.what, self.code, kept=self.kept, advice=self.advice)


def problem_of(error: AmlartError, code: Code) -> Problem:
    """The message of an error; a BackendRefused keeps its own code."""
    own = error.code if isinstance(error, BackendRefused) else code.value
    return Problem(own, error.what, error.kept, error.advice)


def refusal(code: Code, what: str, *, kept: str = "", advice: str = "") -> BackendRefused:
    """A refusal to raise on the backend's side."""
    return BackendRefused(what, code.value, kept=kept, advice=advice)
