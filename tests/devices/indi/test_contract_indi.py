"""The contract of `Lamps`, held by an INDI server behind a wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from safelight.devices import Lamps, open_lamps
from safelight.engine.clock import Clock
from safelight.testing import LampContract, LampStandIn, Stage, Trouble, Wire
from tests.devices.indi.conftest import CHANNELS, observatory_at
from tests.devices.indi.indi_server import IndiServer, Power


class PowerStandIn(LampStandIn):
    """A power box behind an INDI server. Its channels are the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, box: Power) -> None:
        self.box = box

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, or do nothing."""
        self.box.refuses = trouble == "refused"
        self.box.idle_hands = trouble == "not_done"

    def lit(self) -> set[str]:
        """Return the lamps whose channel is on."""
        return {lamp for lamp, one in CHANNELS.items() if one["is_on"] in self.box.lit}

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch a channel by its button."""
        change = self.box.lit.add if on else self.box.lit.discard
        change(CHANNELS[lamp]["is_on"])


class TestPowerBox(LampContract):
    """Lamps on the channels of one vector."""

    bound_s = 6.0

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Lamps, LampStandIn]]:
        """Return a power box with a wire to it."""
        box = Power()
        server = IndiServer(box)
        await server.start()
        try:
            async with Wire(server.port, slow_s=1.4) as wire:
                observatory = observatory_at(wire.port, CHANNELS, deadline_s=1.0)
                yield Stage(
                    open=lambda: open_lamps(observatory, clock=Clock(), home=home)[0],
                    hardware=PowerStandIn(box),
                    wire=wire,
                )
        finally:
            await server.stop()
