"""A proxy in front of an INDI server that lets the answer to one message go wrong, and passes all others."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, get_args
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import tostring

from safelight.engine.clock import Clock
from tests.devices.dli.hosting import Listener
from tests.devices.indi.indi_server import messages
from tests.matrix.wall import now

__all__ = ["INDI_FAULTS", "IndiFault", "IndiProxy", "MessageSpot"]

IndiFault = Literal["lost", "deaf", "cut", "late", "garbled", "frozen", "restarted", "killed"]
INDI_FAULTS: tuple[IndiFault, ...] = get_args(IndiFault)
"""How a message goes wrong.

- lost: it does not arrive.
- deaf: it is obeyed, and nothing that the server says after it is heard for a while.
- cut: it is obeyed, and the connection is closed.
- late: the answers to it come after the deadline.
- garbled: the next thing that is heard is no XML.
- frozen: the server freezes for a while, and obeys then.
- restarted: the server is killed before it obeys, and started anew without its memory.
- killed: the same, and it is not started again.
"""

MessageSpot = tuple[str, int]
"""A message, as its tag, device and vector, and how often it has come before in this run."""


@dataclass
class IndiProxy(Listener):
    """The proxy.

    Attributes:
        to: port of the server.
        late_s: how late a late answer is, and how long a server is frozen or not heard, s.
        restart: lets the drivers forget everything, as at a restart.
        spot: the message that goes wrong.
        fault: how.
        struck: whether it has come.
        seen: every message, in order.
    """

    to: int
    late_s: float
    restart: Callable[[], Awaitable[None]]
    spot: MessageSpot | None = None
    fault: IndiFault = "lost"
    struck: bool = False
    seen: list[MessageSpot] = field(default_factory=list)
    _times: Counter[str] = field(default_factory=Counter)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: bool = False
    _pairs: set["_Pair"] = field(default_factory=set)
    _waking: "asyncio.Task[None] | None" = None

    def begin(self, spot: MessageSpot | None, fault: IndiFault = "lost") -> None:
        """Begin a new run."""
        self.spot, self.fault, self.struck = spot, fault, False
        self.seen, self._times = [], Counter()
        self._gone = False
        self._awake.set()

    async def calm(self) -> None:
        """Wait until a frozen server has woken, and has obeyed all that waited."""
        await self._awake.wait()
        await Clock().sleep(0.05)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass messages on, in both directions."""
        if self._gone:
            return
        inner, to = await asyncio.open_connection("127.0.0.1", self.to)
        pair = _Pair(writer, to)
        self._pairs.add(pair)
        answering = asyncio.create_task(self._answers(inner, pair))
        try:
            async for node in messages(reader):
                await self._awake.wait()
                await self._heard(node, pair)
        finally:
            self._pairs.discard(pair)
            answering.cancel()
            to.close()
            await asyncio.wait([answering])

    async def _heard(self, node: Node, pair: "_Pair") -> None:
        address = " ".join(filter(None, (node.tag, node.get("device"), node.get("name"))))
        here = (address, self._times[address])
        self._times[address] += 1
        self.seen.append(here)
        if here == self.spot:
            self.struck = True
            await self._strike(pair)
            if self.fault in {"lost", "restarted", "killed"}:
                return
        pair.inwards.write(tostring(node))
        await pair.inwards.drain()
        if here == self.spot and self.fault == "cut":
            # The server has to read it before it sees the end.
            await Clock().sleep(0.02)
            pair.close()

    async def _strike(self, pair: "_Pair") -> None:
        if self.fault in {"restarted", "killed"}:
            self._gone = self.fault == "killed"
            await self.restart()
            for each in self._pairs:
                each.close()
        elif self.fault == "frozen":
            self._awake.clear()
            self._waking = asyncio.create_task(self._wake())
            await self._awake.wait()
        else:
            pair.fault, pair.struck_s = self.fault, now()

    async def _wake(self) -> None:
        await Clock().sleep(self.late_s)
        self._awake.set()

    async def _answers(self, reader: asyncio.StreamReader, pair: "_Pair") -> None:
        async for node in messages(reader):
            await self._awake.wait()
            if pair.fault == "deaf" and now() < pair.struck_s + self.late_s:
                continue
            if pair.fault == "late":
                pair.fault = None
                await Clock().sleep(self.late_s)
            text = tostring(node)
            if pair.fault == "garbled":
                pair.fault, text = None, text[: len(text) // 2] + b"<<<"
            pair.outwards.write(text + b"\n")
        pair.close()


@dataclass(eq=False)
class _Pair:
    """Both ends of one connection, and what goes wrong with its next answer."""

    outwards: asyncio.StreamWriter
    inwards: asyncio.StreamWriter
    fault: IndiFault | None = None
    struck_s: float = 0.0

    def close(self) -> None:
        """Close both."""
        self.outwards.close()
        self.inwards.close()
