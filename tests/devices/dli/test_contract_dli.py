"""The contract of `Lamps`, held by a Digital Loggers switch behind a wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from safelight.devices import Lamps, open_lamps
from safelight.engine.clock import Clock
from safelight.testing import LampContract, LampStandIn, Stage, Trouble, Wire
from tests.devices.dli.conftest import observatory_on
from tests.devices.dli.dli_server import DliServer

DEADLINE_S = 1.0


class DliStandIn(LampStandIn):
    """The switch. Its relays are the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, server: DliServer) -> None:
        self.server = server

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Lock relays, let them stick, or answer with nonsense."""
        self.server.broken = trouble == "refused"
        self.server.nonsense = trouble == "garbled"
        self.server.stuck = set(self.server.names) if trouble == "not_done" else set()

    def lit(self) -> set[str]:
        """Return the outlets whose relay is closed."""
        return self.server.lit()

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch an outlet by its button."""
        for outlet in self.server.outlets:
            if outlet.name == lamp:
                outlet.state = outlet.relay = on


class TalkingNonsense(DliStandIn):
    """A switch whose answers are HTTP and JSON, and mean nothing."""

    offers: ClassVar[frozenset[Trouble]] = DliStandIn.offers | {"garbled"}


class TestDli(LampContract):
    """A switch, and a wire that garbles bytes."""

    bound_s = 3.0
    hardware: ClassVar[type[DliStandIn]] = DliStandIn

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Lamps, LampStandIn]]:
        """Return a switch with a wire to it."""
        server = DliServer()
        await server.start()
        async with Wire(server.port, slow_s=2.0) as wire:
            observatory = observatory_on(server, port=wire.port, deadline_s=DEADLINE_S)
            yield Stage(
                open=lambda: open_lamps(observatory, clock=Clock(), home=home)[0],
                hardware=self.hardware(server),
                wire=wire,
            )
        await server.stop()


class TestDliNonsense(TestDli):
    """A switch that answers with nonsense."""

    hardware = TalkingNonsense
    troubles: ClassVar[tuple[Trouble, ...]] = ("garbled",)
