"""Who may ask. Each user has a token; there always is one. Tokens are never logged and compared in constant
time."""

from __future__ import annotations

import hmac
import re
import secrets
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import LOCAL_NAME, TOKENS_FILE, parse_tokens, require_private
from AmlartContourLib.contract.messages import NAME
from inference_backend.server.private_files import write_private

TOKEN_BYTES = 32


class Tokens:
    """The tokens of one backend's folder, by user name. A line added while it runs counts at once."""

    def __init__(self, home: Path) -> None:
        self._path = home / TOKENS_FILE
        if LOCAL_NAME not in (_read(self._path) if self._path.exists() else {}):
            add_token(home, LOCAL_NAME)
        self._changed_at = 0
        self._tokens: dict[str, bytes] = {}
        self._read_again()

    def user_of(self, authorization: bytes) -> str | None:
        """The user whose token an Authorization header carries, or None."""
        scheme, _, given = authorization.partition(b" ")
        token = given.strip() if scheme.lower() == b"bearer" else b""
        found = self._owner(token)
        if found is None and self._path.stat().st_mtime_ns != self._changed_at:
            self._read_again()
            found = self._owner(token)
        return found

    def _owner(self, given: bytes) -> str | None:
        """Takes equally long for any token, whichever user's, and for none."""
        found = None
        for name, token in self._tokens.items():
            if hmac.compare_digest(token, given):
                found = name
        return found

    def _read_again(self) -> None:
        self._changed_at = self._path.stat().st_mtime_ns
        self._tokens = {name: token.encode() for name, token in _read(self._path).items()}


def add_token(home: Path, name: str) -> str:
    """A new token for a user, written to the folder's private file. BadSetting where the name is taken."""
    path = home / TOKENS_FILE
    tokens = _read(path) if path.exists() else {}
    if not re.fullmatch(NAME, name):
        raise BadSetting(f"{name!r} is no user name: letters, digits, dots, dashes, underscores; 64 at most.")
    if name in tokens:
        raise BadSetting(
            f"There is a token for {name!r} already.", advice="Remove its line from the file first."
        )
    tokens[name] = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(path, "".join(f"{user} {token}\n" for user, token in tokens.items()).encode())
    return tokens[name]


def _read(path: Path) -> dict[str, str]:
    require_private(path.stat(), f"The file {path.name}")
    return parse_tokens(path.read_text(encoding="utf-8"))
