"""Who holds a connection has to ask for something: otherwise idle ones would keep the buttons out."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Prompt"]

_HEAD_S = 5.0
"""How long the head of a request may take; a browser's is there in milliseconds."""


class Prompt(H11Protocol):
    """HTTP as uvicorn speaks it, but a connection is closed where no request has become whole in time.

    uvicorn's own limit counts from an answer on, and stops with the first byte of the next request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Somebody says something."""
        super().data_received(data)
        if self._idle:
            self._expect()

    @property
    def _idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def _expect(self) -> None:
        self.loop.call_later(_HEAD_S, self._hang_up, self.cycle)

    def _hang_up(self, before: Any) -> None:
        """Nothing has been asked for since."""
        if self.cycle is before and self._idle and not self.transport.is_closing():
            self.transport.close()
