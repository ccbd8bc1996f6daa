"""One tab per user. A page that is loaded takes the user's seat; a websocket is let in only for an empty one.

The seat's number tells a tab that it was moved: each page carries the number it was loaded with.
"""

from __future__ import annotations

import asyncio
import secrets

from aiohttp import web

MOVED = 4002
"""The websocket's close code when the user went on in another tab."""

LETTING_GO_S = 2.0
"""How long a reload may take to close the old page's websocket before a new page counts as a second tab."""


class Seat:
    """One user's seat. Belongs to the door's event loop."""

    def __init__(self) -> None:
        self.number = ""
        self._open: web.WebSocketResponse | None = None
        self._free = asyncio.Event()
        self._free.set()

    @property
    def taken(self) -> bool:
        """True while a tab holds it."""
        return self._open is not None

    def is_of(self, number: str) -> bool:
        """True for the tab that holds it, and for any while no page was loaded since the door started: a tab
        from before then loads anew by itself."""
        return not self.number or self.number == number

    async def becomes_free(self, wait_s: float = LETTING_GO_S) -> bool:
        """True once no tab holds it; False where one still does after the wait."""
        try:
            await asyncio.wait_for(self._free.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    def renumber(self) -> str:
        """A new number: whoever holds the old one has been moved."""
        self.number = secrets.token_hex(8)
        return self.number

    def sit(self, socket: web.WebSocketResponse) -> bool:
        """Takes the seat for a websocket; False where another holds it."""
        if self._open is not None:
            return False
        self._open = socket
        self._free.clear()
        return True

    def stand(self, socket: web.WebSocketResponse) -> None:
        """Leaves the seat."""
        if self._open is socket:
            self._open = None
            self._free.set()

    async def move(self) -> None:
        """Sends the tab that holds it away."""
        self.renumber()
        if self._open is not None:
            await self._open.close(code=MOVED, message=b"opened in another tab")
            await self.becomes_free()
