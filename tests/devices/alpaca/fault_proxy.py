"""A proxy in front of an Alpaca server that lets one request go wrong, and passes all others."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from safelight.engine.clock import Clock
from tests.devices.dli.hosting import Listener, http_request

__all__ = ["FAULTS", "Fault", "FaultProxy", "Spot"]

Fault = Literal["lost", "cut", "late", "broken", "garbled"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""The connection is closed before a request arrives; after it was obeyed; the answer comes after the deadline; 500 is
answered, and nothing is done; the request is obeyed, and its answer is that of another one."""

Spot = tuple[str, int]
"""A request, as method and address, and how often it has come before in this run."""


@dataclass
class FaultProxy(Listener):
    """The proxy.

    Attributes:
        to: port of the server.
        late_s: how late a late answer is, s.
        spot: the request that goes wrong.
        fault: how.
        struck: whether it has come.
        seen: every request, in order.
    """

    to: int
    late_s: float
    spot: Spot | None = None
    fault: Fault = "lost"
    struck: bool = False
    seen: list[Spot] = field(default_factory=list)
    _times: Counter[str] = field(default_factory=Counter)

    def begin(self, spot: Spot | None, fault: Fault = "lost") -> None:
        """Begin a new run."""
        self.spot, self.fault, self.struck = spot, fault, False
        self.seen, self._times = [], Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request after the other on."""
        while True:
            request = await http_request(reader)
            address = f"{request.method} {request.path.partition('?')[0]}"
            place = re.search(r"\bId=\d+", f"{request.path} {request.body}")
            address += f" {place[0]}" if place else ""
            here = (address, self._times[address])
            self._times[address] += 1
            self.seen.append(here)
            strikes = here == self.spot
            self.struck = self.struck or strikes
            if strikes and self.fault == "lost":
                return
            if strikes and self.fault == "broken":
                writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 6\r\n\r\nbroken")
                continue
            head, body = await self._asked(request.method, request.path, request.headers, request.body)
            if strikes and self.fault == "cut":
                writer.write(head[: len(head) // 2])
                return
            if strikes and self.fault == "late":
                await Clock().sleep(self.late_s)
            if strikes and self.fault == "garbled":
                body = b'{"ErrorNumber": 0, "ClientTransactionID": 1, "Value": [[1, 2], [3, 4]]}'
                lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
                head = "\r\n".join(lines).encode()
            writer.write(head + body)
            await writer.drain()

    async def _asked(self, method: str, path: str, headers: dict[str, str], body: str) -> tuple[bytes, bytes]:
        """Ask the server. Return the head of its answer, and the rest."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            kept = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
            writer.write(f"{method} {path} HTTP/1.1\r\n{kept}\r\n{body}".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = (line for line in head.decode().split("\r\n") if line.lower().startswith("content-length"))
            return head, await reader.readexactly(int(length.partition(":")[2]))
        finally:
            writer.close()
