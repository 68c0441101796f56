"""A thread with an event loop of its own, in which simulated hardware lives beside the test."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from safelight.testing.wire import close_server

T = TypeVar("T")


class Host:
    """The thread. What is in it is reached by `call`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated hardware", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def close(self) -> None:
        """Cancel what is left, end the loop and the thread."""
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()


class Listener:
    """Hardware that listens on the loopback. A subclass says in `serve` what it does with a connection."""

    port: int = 0
    _server: asyncio.Server | None = None
    _open: set["asyncio.Task[None]"]

    async def start(self) -> None:
        """Listen. On the same port again after a stop."""
        self._open = set()
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go off the network, in mid-sentence."""
        if self._server is not None:
            await close_server(self._server)
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            self._server = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side has gone."""
        raise NotImplementedError

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.serve(reader, writer)
        finally:
            writer.close()
            self._open.discard(task)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # A connection whose task was cancelled before its first step has nobody who closes it.
    for transport in list(getattr(asyncio.get_running_loop(), "_transports", {}).values()):
        transport.abort()
    loop = asyncio.get_running_loop()
    closed = loop.create_future()
    loop.call_later(0.01, closed.set_result, None)
    await closed


@dataclass
class HttpRequest:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


async def http_request(reader: asyncio.StreamReader) -> HttpRequest:
    """Return the next request of a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *rest = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in rest if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return HttpRequest(method, path, headers, body.decode())
