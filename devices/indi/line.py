"""The wire: one connection to an INDI server, and what it has said of its properties.

Source: INDI protocol 1.7. TCP only: over a Unix socket images come as descriptors. The connection is opened at the
first question, and again after it was lost. A question that is not answered closes it. So no late answer is taken for
that of the next one.

A server passes messages of a device, its errors among them, only to clients that have asked for all of that device. So
the first question to a device is preceded by one for all of it.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import ParseError, XMLPullParser

from safelight.devices.indi.properties import (
    ERROR,
    Blob,
    Vector,
    blobs_in,
    changed,
    defined,
    get_properties,
    new_vector,
)
from safelight.devices.unreachable import why_unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from safelight.devices.command_context import CommandContext
    from safelight.devices.protocols import Timekeeper

__all__ = ["IndiLine"]

T = TypeVar("T")

_PIECE = 65_536
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Signs that no XML may have, and that some drivers send."""


class IndiLine:
    """One connection.

    Args:
        host: of the server.
        port: the same.
        clock: all waiting goes through it.
        deadline_s: how long one question may take, s.
    """

    def __init__(self, host: str, port: int, clock: Timekeeper, deadline_s: float) -> None:
        self.where = f"{host.casefold()}:{port}"
        self.deadline_s = deadline_s
        self._host, self._port, self._clock = host, port, clock
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opens = asyncio.Lock()
        self._news = asyncio.Event()
        self._vectors: dict[tuple[str, str], Vector] = {}
        self._errors: dict[str, tuple[int, str]] = {}
        self._serial = 0
        self._heeded: set[str] = set()
        self._listeners: list[tuple[str, Callable[[Vector | Blob | None], None]]] = []
        self._opening = 0

    # ---- what is known

    def known(self, device: str, name: str) -> Vector | None:
        """Return a vector as last heard, by its name or `label:...`. It may be old."""
        if not name.startswith("label:"):
            return self._vectors.get((device, name))
        label = name.removeprefix("label:")
        found = [each for (owner, _), each in self._vectors.items() if owner == device and each.label == label]
        # A label that is there twice leads nowhere; a vector that was renamed leaves its old name behind.
        return max(found, key=lambda each: each.serial) if found else None

    def vectors(self) -> tuple[Vector, ...]:
        """Return everything that is known, in the order in which it was first heard."""
        return tuple(self._vectors.values())

    def error_of(self, device: str, since: int) -> str | None:
        """Return the last error that a device has reported after that serial, or None if there is none."""
        serial, words = self._errors.get(device, (0, ""))
        return words if serial > since else None

    @property
    def serial(self) -> int:
        """Number of the last thing that was heard."""
        return self._serial

    @property
    def opening(self) -> int:
        """Number of the present connection, or of the last one."""
        return self._opening

    # ---- asking

    async def read(self, device: str, name: str, context: CommandContext) -> Vector:
        """Ask for a vector, and return it as it is defined then.

        Raises:
            DeviceError: no server, or no answer: neither device nor vector may be there, and INDI says nothing of that.
        """
        async with self._asked(context, f"of {device} {name}"):
            await self._open(context)
            before = self._serial
            # A label says nothing to a server: everything of the device is asked for.
            named = "" if name.startswith("label:") else name
            await self._write(self._heed(device) + get_properties(device, named), context)
            return await self._heard(device, name, lambda vector: vector.serial > before, context)

    async def write(
        self, vector: Vector, values: Mapping[str, object], context: CommandContext, done: Callable[[Vector], bool]
    ) -> Vector:
        """Write elements, ask for the vector, and wait until what is heard of it is as wanted.

        Raises:
            DeviceError: the device reports an error, or is not as wanted in time.
        """
        async with self._asked(context, f"of {vector.device} {vector.name}"):
            await self._open(context)
            before = self._serial
            command = new_vector(vector.kind, vector.device, vector.name, values)
            await self._write(self._heed(vector.device) + command + get_properties(vector.device, vector.name), context)

            def ended(heard: Vector) -> bool:
                error = self.error_of(vector.device, before)
                if error is not None:
                    raise context.unknown(f"{vector.device} reports: {error}")
                if heard.serial > before and heard.state == "Alert":
                    raise context.unknown(f"{vector.device} {vector.name} is in state Alert")
                return heard.serial > before and heard.state != "Busy" and done(heard)

            return await self._heard(vector.device, vector.name, ended, context)

    async def tell(self, text: str, context: CommandContext) -> None:
        """Send something that has no answer of its own.

        Raises:
            DeviceError: no server, or the connection is lost.
        """
        async with self._asked(context, "when it is written to"):
            await self._open(context)
            await self._write(text, context)

    def listen(self, device: str, hear: Callable[[Vector | Blob | None], None]) -> None:
        """Pass on everything that is heard of a device from now on, as `heard_of` does."""
        self._listeners.append((device, hear))

    @contextmanager
    def heard_of(self, device: str, hear: Callable[[Vector | Blob | None], None]) -> Iterator[None]:
        """Pass on everything that is heard of a device, in its order, or None when vectors of it have vanished."""
        entry = (device, hear)
        self._listeners.append(entry)
        try:
            yield
        finally:
            self._listeners.remove(entry)

    async def until(self, met: Callable[[], T | None], seconds: float, context: CommandContext) -> T | None:
        """Wait until something is so, asked anew after all that is heard. The connection stays open.

        Args:
            met: returns what is waited for, or None as long as it isn't so.
            seconds: how long to wait, s; None is returned afterwards.
            context: for errors.

        Raises:
            DeviceDisconnected: the connection was lost meanwhile.
        """
        try:
            async with self._clock.timeout(seconds):
                while True:
                    news, reading = self._news, self._reading
                    found = met()
                    if found is not None:
                        return found
                    if reading is None or reading.done():
                        raise context.lost(f"the connection to {self.where} was lost")
                    await news.wait()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Release the connection without switching anything."""
        reading, self._reading = self._reading, None
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])
        self._vectors.clear()
        self._heeded.clear()

    # ---- inside

    def _heed(self, device: str) -> str:
        """Return the question by which the server passes messages of a device to this connection, or nothing."""
        if device in self._heeded:
            return ""
        self._heeded.add(device)
        return get_properties(device)

    @asynccontextmanager
    async def _asked(self, context: CommandContext, what: str) -> AsyncIterator[None]:
        """Bound a question in time. Without an answer the connection is closed.

        Raises:
            DeviceUnknown: no answer in time.
        """
        try:
            async with self._clock.timeout(self.deadline_s):
                yield
        except TimeoutError:
            await self.close()
            words = f"{self.where} says nothing {what} in {self.deadline_s:g} s; is there such a device and property?"
            raise context.unknown(words) from None

    async def _open(self, context: CommandContext) -> None:
        async with self._opens:
            if self._writer is not None and self._reading is not None and not self._reading.done():
                return
            await self.close()
            try:
                reader, self._writer = await asyncio.open_connection(self._host, self._port)
            except (OSError, ValueError) as error:  # a name that no host can have is a ValueError
                raise context.failed(f"no INDI server answers at {self.where}: {why_unreachable(error)}") from error
            self._opening += 1
            self._reading = asyncio.get_running_loop().create_task(self._listen(reader))

    async def _write(self, text: str, context: CommandContext) -> None:
        if self._writer is None:
            raise context.lost(f"the connection to {self.where} was lost")
        self._writer.write(text.encode())
        try:
            await self._writer.drain()
        except OSError as error:
            raise context.lost(f"the connection to {self.where} was lost: {error}") from error

    async def _heard(self, device: str, name: str, met: Callable[[Vector], bool], context: CommandContext) -> Vector:
        """Wait until what was heard of a vector is as wanted.

        Raises:
            DeviceDisconnected: the connection was lost meanwhile.
        """
        while True:
            news, reading = self._news, self._reading
            vector = self.known(device, name)
            if vector is not None and met(vector):
                return vector
            if reading is None or reading.done():
                raise context.lost(f"the connection to {self.where} was lost")
            await news.wait()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Read what the server sends until the connection ends, then wake all waiters."""
        parser = _parser()
        try:
            with suppress(OSError, ParseError):
                while piece := await reader.read(_PIECE):
                    parser.feed(_CONTROL.sub(b"", piece).decode("utf-8", "replace"))
                    self._take(parser)
        finally:
            if self._writer is not None:
                self._writer.close()
            asyncio.get_running_loop().call_soon(self._wake)

    def _take(self, parser: XMLPullParser[Any]) -> None:
        depth = getattr(parser, "depth", 0)
        events: Iterator[Any] = parser.read_events()
        for event, node in events:
            depth += 1 if event == "start" else -1
            if event == "start" and depth == 1:
                parser.root = node  # type: ignore[attr-defined]
            if event == "end" and depth == 1:
                self._hear(node)
                parser.root.clear()  # type: ignore[attr-defined]
        parser.depth = depth  # type: ignore[attr-defined]

    def _hear(self, node: Node) -> None:
        self._serial += 1
        device, name = node.get("device", ""), node.get("name", "")
        said = node.get("message", "")
        if ERROR in said:
            self._errors[device] = (self._serial, said)
        if node.tag == "delProperty":
            for key in [key for key in self._vectors if key[0] == device and name in {"", key[1]}]:
                del self._vectors[key]
            self._pass_on(device, None)
        elif node.tag.startswith("def"):
            vector = defined(node, self._serial, self._vectors.get((device, name)))
            if vector is not None:
                self._vectors[device, name] = vector
                self._pass_on(device, vector)
        elif node.tag == "setBLOBVector":
            for blob in blobs_in(node):
                self._pass_on(device, blob)
        elif node.tag.startswith("set") and (device, name) in self._vectors:
            before = self._vectors[device, name]
            troubled = self.error_of(device, before.report_serial) is not None
            self._vectors[device, name] = changed(before, node, self._serial, troubled=troubled)
            self._pass_on(device, self._vectors[device, name])
        self._wake()

    def _pass_on(self, device: str, news: Vector | Blob | None) -> None:
        for of, hear in self._listeners:
            if of == device:
                hear(news)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _parser() -> XMLPullParser[Any]:
    """Return a parser that is inside of a root: a stream of INDI has none."""
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    parser.feed("<indi>")
    return parser
