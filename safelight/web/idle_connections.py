"""Connections of the page. An idle one is closed after some time, and the newest one is always accepted."""

import asyncio
from itertools import count
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["IdleHangUp"]

_HEAD_S = 5.0
"""Time limit for the head of a request, s. A browser's arrives in milliseconds."""

_OPEN = 250
"""Largest number of connections. A browser opens six, and at most 100 pages are connected."""


class IdleHangUp(H11Protocol):
    """HTTP of uvicorn, with connections closed if no request is complete in time.

    uvicorn's own time limit counts from an answer to the first byte of the next request. Its own limit of connections
    refuses the newest one, which may be the button that switches lamps off. Here an old one is closed instead.
    """

    _numbers: ClassVar[Any] = count()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, and close an old one where there are too many."""
        super().connection_made(transport)
        self.number = next(self._numbers)
        self._make_room()
        self._expect()

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, IdleHangUp) and one is not self]
        others = [one for one in others if not one.transport.is_closing()]
        if len(others) < _OPEN:
            return
        # First connections without a request, then those that only read. A change is executed to its end.
        old = min(others, key=lambda one: (not one._idle, one._changes, one.number))  # noqa: SLF001 - its own kind
        if not old._changes:  # noqa: SLF001
            old.transport.abort()

    @property
    def _changes(self) -> bool:
        return not self._idle and self.scope["method"] == "POST"

    def data_received(self, data: bytes) -> None:
        """Take received data, and restart the time limit."""
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
        """Close the connection if no request has arrived since."""
        if self.cycle is before and self._idle and not self.transport.is_closing():
            self.transport.close()
