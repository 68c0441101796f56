"""TCP connection between a driver and its hardware, in which a test can cause trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Self

from safelight.engine.clock import Clock
from safelight.testing.playing import turns
from safelight.testing.standins import StandIn, Trouble

__all__ = ["Wire", "close_server"]

_GARBAGE = b"\x00\xff?garbled?\xfe\n"
_CHUNK_BYTES = 65536


class Wire(StandIn):
    """Forwarder: the driver connects to `wire.port`, and reaches the hardware behind it.

    Usable with a stand-in, with the maker's simulator and with real hardware.

    Args:
        port: port of the hardware.
        host: host of the hardware.
        slow_s: delay of an answer when the trouble is `slow`, s; longer than the driver's own deadline.
    """

    offers: ClassVar[frozenset[Trouble]] = frozenset(
        {"unreachable", "garbled", "slow", "silent", "cut", "read_hangs"},
    )

    def __init__(self, port: int, host: str = "127.0.0.1", *, slow_s: float = 2.0) -> None:
        self.port = 0
        self._to = (host, port)
        self._slow_s = slow_s
        self._clock = Clock()
        self._trouble: Trouble | None = None
        self._changed = asyncio.Event()
        self._hung: _Relayed | None = None
        self._server: asyncio.Server | None = None
        self._open: set[_Relayed] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback."""
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        await self._refuse()
        # Twice: a connection that was being accepted shows itself only after the first turn of the loop.
        for _turn in range(2):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._clock.sleep(0)

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Begin a trouble. None ends it, and held answers arrive late."""
        self._trouble, self._hung = trouble, None
        self._changed.set()
        self._changed = asyncio.Event()
        if trouble == "unreachable":
            await self._refuse()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await close_server(server)
        for connection in list(self._open):
            connection.abort()

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever is cancelled before its first step, or while it connects, closes nothing itself.
        self._spawn(self._forward(reader, writer)).add_done_callback(lambda _: writer.close())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection in both directions until one side has closed it."""
        try:
            behind, ahead = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        connection = _Relayed(writer, ahead)
        self._open.add(connection)
        ways = [self._spawn(self._commands(reader, connection)), self._spawn(self._answers(behind, connection))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._open.discard(connection)
            connection.close()

    async def _commands(self, reader: asyncio.StreamReader, connection: _Relayed) -> None:
        """Carry what the driver sends."""
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self._trouble == "read_hangs" and self._hung is None:
                    self._hung = connection
                connection.ahead.write(chunk)
                await connection.ahead.drain()

    async def _answers(self, behind: asyncio.StreamReader, connection: _Relayed) -> None:
        """Carry the hardware's answers, changed by the trouble."""
        with suppress(ConnectionError):
            while chunk := await behind.read(_CHUNK_BYTES):
                if self._trouble == "slow":
                    await self._clock.sleep(self._slow_s)
                while self._holds(connection):
                    await self._changed.wait()
                cut = self._trouble == "cut"
                kept = chunk[: len(chunk) // 2] if cut else chunk
                connection.writer.write(_GARBAGE if self._trouble == "garbled" else kept)
                await connection.writer.drain()
                if cut:
                    return

    def _holds(self, connection: _Relayed) -> bool:
        return self._trouble == "silent" or (self._trouble == "read_hangs" and self._hung is connection)


async def close_server(server: asyncio.Server) -> None:
    """Close a server once the connections that it is just accepting are there. Otherwise asyncio loses these."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await turns()
    server.close()


class _Relayed:
    """Connection through the wire: the driver's side and the hardware's."""

    def __init__(self, writer: asyncio.StreamWriter, ahead: asyncio.StreamWriter) -> None:
        self.writer, self.ahead = writer, ahead

    def close(self) -> None:
        """Close both sides. Written data still arrives."""
        self.writer.close()
        self.ahead.close()

    def abort(self) -> None:
        """Break both sides off."""
        self.writer.transport.abort()
        self.ahead.transport.abort()
