"""HTTP connections that send nothing, or a header byte by byte, are closed; uvicorn alone would keep them."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

FIRST_REQUEST_S = 20.0


class TimedProtocol(H11Protocol):
    """A connection that must have sent a whole request header in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(FIRST_REQUEST_S, self._close_unless_asked)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._deadline.cancel()
        super().connection_lost(exc)

    def _close_unless_asked(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()
