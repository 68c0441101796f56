"""An INDI server with drivers that treat their hardware as those of INDI 1.9 and 2.2 do.

Written from what was seen on the wire: which parts of a command reach the hardware depends on how it is written. `lit`
is the hardware: the truth, whatever a property says.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import ClassVar
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import XMLPullParser

from safelight.engine.clock import Clock
from tests.devices.dli.hosting import Listener

Lines = list[str]


class Driver:
    """A device with one switch vector for its lamps.

    Attributes:
        lit: what is on: the truth.
        connected: whether it is connected to its hardware.
        refuses: commands end in Alert, and nothing is done.
        idle_hands: commands are acknowledged, and nothing is done.
        unplugged: the hardware is gone: the driver reports an error, and a command that failed as done.
        sent: what has reached the hardware, in order.
    """

    name: str
    rule: str
    vector: str
    elements: tuple[str, ...]
    polls: bool = True

    def __init__(self) -> None:
        self.lit: set[str] = set()
        self.connected = True
        self.refuses = self.idle_hands = self.unplugged = False
        self.state = "Idle"
        self.believed = self.at_start()
        self.sent: list[str] = []

    def at_start(self) -> dict[str, str]:
        """Return what a driver believes when it starts."""
        return dict.fromkeys(self.elements, "Off")

    def command(self, values: dict[str, str]) -> None:
        """Obey a command in this driver's way."""
        raise NotImplementedError

    def poll(self) -> None:
        """Ask the hardware."""

    def reset(self) -> None:
        """Do to the hardware what a connection does."""

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        wanted = node.get("name")
        if node.tag == "getProperties":
            names = ["CONNECTION", self.vector] if not wanted else [wanted]
            return [line for name in names for line in self.define(name)]
        values = {child.get("name", ""): (child.text or "").strip() for child in node}
        if wanted == "CONNECTION":
            self.connected = values.get("CONNECT") == "On" or values.get("DISCONNECT") == "Off"
            if self.connected:
                self.reset()
            return [self._vector("set", "CONNECTION", "OneOfMany", self._connection(), "Ok")]
        if wanted != self.vector or not self.connected:
            return []
        if self.refuses:
            self.state = "Alert"
            return [f'<message device="{self.name}" message="[ERROR] no"/>', self.set_vector()]
        if self.unplugged:
            lit, sent = set(self.lit), list(self.sent)
            self.command(values)
            self.lit, self.sent = lit, sent
            return [f'<message device="{self.name}" message="[ERROR] Write Error"/>', self.set_vector()]
        if self.idle_hands:
            # The driver believes that it is done, until it asks the hardware.
            self.state = "Ok"
        else:
            self.command(values)
        return [self.set_vector()]

    def set_vector(self) -> str:
        """Return the news of the lamps' vector."""
        if self.polls and self.state != "Alert":
            self.poll()
        return self._vector("set", self.vector, self.rule, self.believed, self.state)

    def define(self, name: str) -> Lines:
        """Return the definition of a vector, or nothing for one that isn't there."""
        if name == "CONNECTION":
            return [self._vector("def", name, "OneOfMany", self._connection(), "Ok")]
        if name != self.vector:
            return []
        if self.polls:
            self.poll()
        state = "Ok" if self.polls and not self.refuses else self.state
        return [self._vector("def", name, self.rule, self.believed, state)]

    def _label(self, name: str) -> str:
        """Return what people see of a vector or an element."""
        return f"the {name}"

    def _connection(self) -> dict[str, str]:
        return {"CONNECT": "On" if self.connected else "Off", "DISCONNECT": "Off" if self.connected else "On"}

    def _vector(self, verb: str, name: str, rule: str, values: dict[str, str], state: str) -> str:
        word = "defSwitch" if verb == "def" else "oneSwitch"
        inner = "".join(
            f'<{word} name="{key}" label="{self._label(key)}">{value}</{word}>' for key, value in values.items()
        )
        more = f' rule="{rule}" perm="rw" label="{self._label(name)}"' if verb == "def" else ""
        return (
            f'<{verb}SwitchVector device="{self.name}" name="{name}" state="{state}"{more}>{inner}</{verb}SwitchVector>'
        )


class Spox(Driver):
    """Shelyak SPOX (1.9): writes its line for every element that it finds in a command, whatever its value is."""

    name, rule, vector = "Shelyak Spox", "OneOfMany", "CALIBRATION"
    elements = ("DARK", "FLAT", "CALIBRATION", "SKY")
    polls = False

    def command(self, values: dict[str, str]) -> None:
        """The last element decides at the hardware. An equal command is swallowed."""
        on = [name for name, value in values.items() if value == "On"]
        if on and self.believed.get(on[0]) == "On":
            return
        for name in values:
            self.lit = {"DARK": {"FLAT", "CALIBRATION"}, "SKY": set()}.get(name, {name})
            self.sent.append(name)
        self.believed = {name: "On" if name in on else "Off" for name in self.elements}
        self.state = "Ok"

    def reset(self) -> None:
        """Write the reset of a connection."""
        self.lit = set()
        self.sent.append("reset")


class Outputs(Driver):
    """A relay of INDI 2.2's OutputInterface: AtMostOne, and all or nothing."""

    name, rule, vector = "Relay", "AtMostOne", "DIGITAL_OUTPUT_1"
    elements = ("OFF", "ON")

    def command(self, values: dict[str, str]) -> None:
        """A command that names one element sets both, and sends nothing. An equal command is swallowed."""
        self.state = "Ok"
        if len(values) < len(self.elements):
            self.believed |= values
            return
        if values == self.believed:
            return
        self.believed = values
        self.lit = {"ON"} if values["ON"] == "On" else set()
        self.sent.append("ON" if self.lit else "OFF")

    def poll(self) -> None:
        """Read the coil."""
        if list(self.believed.values()).count("On") < 2:
            self.believed = {"OFF": "Off" if self.lit else "On", "ON": "On" if self.lit else "Off"}


class Power(Driver):
    """A power box of INDI 2.2's PowerInterface: values are taken by their place."""

    name, rule, vector = "Power", "AnyOfMany", "POWER_CHANNELS"
    elements = ("POWER_CHANNEL_1", "POWER_CHANNEL_2", "POWER_CHANNEL_3", "POWER_CHANNEL_4")

    def command(self, values: dict[str, str]) -> None:
        """Names are ignored. What is missing is off."""
        given = [*values.values(), *["Off"] * len(self.elements)]
        self.lit = {name for name, value in zip(self.elements, given, strict=False) if value == "On"}
        self.sent.append(" ".join(given[: len(self.elements)]))
        self.state = "Ok"
        self.poll()

    def poll(self) -> None:
        """Read the channels."""
        self.believed = {name: "On" if name in self.lit else "Off" for name in self.elements}


class Talker:
    """A device that says something by itself."""

    name: str
    server: "IndiServer"

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        raise NotImplementedError

    async def end(self) -> None:
        """Say no more."""


class Usis(Driver, Talker):
    """Shelyak USIS (2.2): names are counters, a command's first element counts, and a poll tells the outcome."""

    name, rule, vector = "Shelyak Usis", "OneOfMany", "000e"
    elements = ("000f", "0010", "0011", "0012")
    labels: ClassVar[Mapping[str, str]] = {
        "000e": "light source",
        "000f": "SKY",
        "0010": "DARK",
        "0011": "CALIB",
        "0012": "FLAT",
    }
    polls = False
    poll_s = 0.3

    def __init__(self) -> None:
        super().__init__()
        self.state = "Ok"
        self._task: asyncio.Task[None] | None = None

    def at_start(self) -> dict[str, str]:
        """Return what it believes: that the sky is chosen."""
        return dict.fromkeys(self.elements, "Off") | {"000f": "On"}

    def command(self, values: dict[str, str]) -> None:
        """Obey the first element. What is believed stays as it was until the next poll."""
        (first, *_) = values
        self.lit = {self.labels[first]} - {"SKY", "DARK"}
        self.sent.append(self.labels[first])
        self._task = asyncio.get_running_loop().create_task(self._polled())

    async def _polled(self) -> None:
        await Clock().sleep(self.poll_s)
        lit = next(iter(self.lit), "SKY")
        self.believed = {each: "On" if self.labels[each] == lit else "Off" for each in self.elements}
        await self.server.say(self.set_vector())

    def _label(self, name: str) -> str:
        return self.labels.get(name, name)

    async def end(self) -> None:
        """Poll no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class IndiServer(Listener):
    """The server: every message goes to every driver, and news goes to every client."""

    def __init__(self, *drivers: Driver | Talker) -> None:
        self.drivers = drivers
        self.swallow: Callable[[Node], bool] = lambda _node: False
        self._clients: set[asyncio.StreamWriter] = set()
        self._want_blobs: set[asyncio.StreamWriter] = set()
        # As `indiserver` does it: a message of a device goes only to those that have asked for all of the device.
        self._heeding: set[tuple[asyncio.StreamWriter, str]] = set()
        for driver in drivers:
            if isinstance(driver, Talker):
                driver.server = self

    async def stop(self) -> None:
        """Stop, and every driver with it."""
        for driver in self.drivers:
            if isinstance(driver, Talker):
                await driver.end()
        await super().stop()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one client."""
        self._clients.add(writer)
        try:
            async for node in messages(reader):
                await self._pass_on(node, writer)
        finally:
            self._clients.discard(writer)
            self._want_blobs.discard(writer)

    async def _pass_on(self, node: Node, writer: asyncio.StreamWriter) -> None:
        if node.tag == "enableBLOB":
            (self._want_blobs.add if (node.text or "").strip() in {"Also", "Only"} else self._want_blobs.discard)(
                writer
            )
            return
        if node.tag == "getProperties" and not node.get("name"):
            self._heeding.add((writer, node.get("device") or ""))
        for driver in self.drivers:
            if node.get("device") not in {None, driver.name} or self.swallow(node):
                continue
            lines = driver.handle(node)
            to = [writer] if node.tag == "getProperties" else list(self._clients)
            for client in to:
                heard = [line for line in lines if self._hears(client, driver.name, line)]
                client.write("\n".join([*heard, ""]).encode())
                await client.drain()

    def _hears(self, client: asyncio.StreamWriter, device: str, line: str) -> bool:
        return not line.startswith("<message") or bool({(client, device), (client, "")} & self._heeding)

    async def say(self, text: str, *, blob: bool = False) -> None:
        """Tell every client something. Bytes only to those that want them."""
        device = text.partition("device=")[2][1:].partition(text.partition("device=")[2][:1] or " ")[0]
        for client in list(self._want_blobs if blob else self._clients):
            if not self._hears(client, device, text):
                continue
            client.write(text.encode())
            await client.drain()


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Node]:
    """Yield each message of a side, until its connection ends."""
    parser, depth = XMLPullParser(("start", "end")), 1
    parser.feed("<root>")
    try:
        while piece := await reader.read(65_536):
            parser.feed(piece)
            for event, node in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "end" and depth == 2:
                    yield node
    except ConnectionError:
        return
