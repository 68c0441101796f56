"""A filter wheel and a dust cap of an INDI server: one shows where it is until it has arrived, one shows the goal."""

import asyncio
from xml.etree.ElementTree import Element as Node

from safelight.engine.clock import Clock
from tests.devices.indi.indi_server import Lines, Talker


class Mover(Talker):
    """A device that moves. `place` is the truth, None between two.

    Attributes:
        refuses: commands end in Alert, and nothing is done.
        idle_hands: commands are acknowledged, and nothing is done.
        swallows: an order to where it believes to be is acknowledged, and nothing is done.
        orders: what has reached the hardware.
    """

    vector: str
    moves_s = 0.8

    def __init__(self, place: int) -> None:
        self.connected = True
        self.refuses = self.idle_hands = self.swallows = False
        self.place: int | None = place
        self.believed, self.state = 1, "Idle"
        self.orders: list[int] = []
        self._clock = Clock()
        self._task: asyncio.Task[None] | None = None

    def elements(self) -> str:
        """Return the elements of its vector, with the word `one` in their tags."""
        raise NotImplementedError

    def ordered(self, values: dict[str, str]) -> int:
        """Return the place that a command names."""
        raise NotImplementedError

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        wanted = node.get("name")
        values = {child.get("name", ""): (child.text or "").strip() for child in node}
        if node.tag == "getProperties":
            return [self._news("def", name) for name in ("CONNECTION", self.vector) if wanted in {None, "", name}]
        if wanted == "CONNECTION":
            self.connected = values.get("CONNECT") == "On"
            return [self._news("set", wanted)]
        if wanted != self.vector or not self.connected:
            return []
        if self.refuses:
            self.state = "Alert"
        elif self.swallows and self.ordered(values) == self.believed:
            self.state = "Ok"
        elif not self.idle_hands:
            self._go(self.ordered(values))
        return [self._news("set", self.vector)]

    def _go(self, to: int) -> None:
        self.orders.append(to)
        if self._task is not None:
            self._task.cancel()
        self.state = "Busy"
        self._task = asyncio.get_running_loop().create_task(self._travel(to))

    async def _travel(self, to: int) -> None:
        if self.place != to:
            self.place = None
            await self._clock.sleep(self.moves_s)
        self.place, self.believed, self.state = to, to, "Ok"
        await self.server.say(self._news("set", self.vector))

    def _news(self, verb: str, name: str) -> str:
        word = "def" if verb == "def" else "one"
        kind, inner, state = "Switch", self._connection(), "Ok"
        if name == self.vector:
            kind, inner, state = self.kind, self.elements(), self.state
        rule = ' rule="OneOfMany"' if verb == "def" else ""
        tag = f"{verb}{kind}Vector"
        inner = inner.replace("one", word)
        return f'<{tag} device="{self.name}" name="{name}" state="{state}"{rule}>{inner}</{tag}>'

    kind = "Switch"

    def _connection(self) -> str:
        return _switch("CONNECT", on=self.connected) + _switch("DISCONNECT", on=not self.connected)

    async def end(self) -> None:
        """Move no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def _switch(name: str, *, on: bool) -> str:
    return f'<oneSwitch name="{name}">{"On" if on else "Off"}</oneSwitch>'


class Wheel(Mover):
    """A filter wheel."""

    name, vector, kind = "Filter Simulator", "FILTER_SLOT", "Number"

    def elements(self) -> str:
        """Return where it was, until it has arrived."""
        return f'<oneNumber name="FILTER_SLOT_VALUE">{self.believed}</oneNumber>'

    def ordered(self, values: dict[str, str]) -> int:
        """Return the slot."""
        return int(float(values["FILTER_SLOT_VALUE"]))


class Cap(Mover):
    """A dust cap: 1 is closed, 2 is open."""

    name, vector = "Cap", "CAP_PARK"

    def elements(self) -> str:
        """Return the goal, as if it were there already."""
        goal = self.orders[-1] if self.state == "Busy" else self.believed
        return _switch("PARK", on=goal == 1) + _switch("UNPARK", on=goal != 1)

    def ordered(self, values: dict[str, str]) -> int:
        """Return the place."""
        return 1 if values.get("PARK") == "On" else 2
