"""Who may come in. Each user has a token, which the link carries once; from then on a cookie stands
for it.

The cookie is made from the token by a one-way function, so it holds across restarts of the door,
whoever reads it cannot learn the token, and taking a user's line out of the tokens' file ends it. Both
are compared in constant time and never logged.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

COOKIE = "amlart_workstation"
PURPOSE = b"cookie of the AmlartContour workstation"

Tokens = Callable[[], Mapping[str, str]]
"""Gives the tokens by user name as they are now."""


@dataclass(frozen=True)
class Users:
    """The users of one door."""

    tokens: Tokens

    def of_token(self, given: str) -> str | None:
        """The user whose token this is, or None. Takes equally long for any."""
        return self._owner(given, lambda token: token)

    def of_cookie(self, given: str) -> str | None:
        """The user whose cookie this is, or None. Takes equally long for any."""
        return self._owner(given, cookie_value)

    def cookie_of(self, user: str) -> str:
        """The value that a user's browser keeps. KeyError where there is no such user."""
        return cookie_value(self.tokens()[user])

    def _owner(self, given: str, form: Callable[[str], str]) -> str | None:
        found = None
        for user, token in self.tokens().items():
            if hmac.compare_digest(form(token).encode(), given.encode()):
                found = user
        return found


def cookie_value(token: str) -> str:
    """What a browser keeps instead of the token."""
    return hmac.new(token.encode(), PURPOSE, hashlib.sha256).hexdigest()
