"""The contract of `Lamps`, held by relay boards behind a wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from safelight.devices import Lamps, open_lamps
from safelight.engine.clock import Clock
from safelight.testing import LampContract, LampStandIn, Stage, Trouble, Wire, check_contract
from tests.devices.http.conftest import observatory_on
from tests.devices.http.relay_server import Netio, RelayServer, ShellyOne, ShellyTwo, Tasmota

DEADLINE_S = 1.0


class BoardStandIn(LampStandIn):
    """The board. Its relays are the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, server: RelayServer) -> None:
        self.server = server

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, let relays stick, or answer with nonsense."""
        self.server.refuses = trouble == "refused"
        self.server.stuck = trouble == "not_done"
        self.server.nonsense = trouble == "garbled"

    def lit(self) -> set[str]:
        """Return the lamps whose relay is closed."""
        return self.server.lit()

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch a relay by its button."""
        self.server.relays[self.server.channels[lamp]] = on


class TalkingNonsense(BoardStandIn):
    """A board whose answers are HTTP and JSON, and mean nothing."""

    offers: ClassVar[frozenset[Trouble]] = BoardStandIn.offers | {"garbled"}


class TestShellyTwo(LampContract):
    """A board that is asked for each relay alone, and a wire that garbles bytes."""

    bound_s = 4.0
    board: ClassVar[type[RelayServer]] = ShellyTwo
    hardware: ClassVar[type[BoardStandIn]] = BoardStandIn

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Lamps, LampStandIn]]:
        """Return a board with a wire to it."""
        server = self.board()
        await server.start()
        try:
            async with Wire(server.port, slow_s=1.4) as wire:
                where = {"url": f"http://127.0.0.1:{wire.port}"}
                observatory = observatory_on(server, entry=where, deadline_s=DEADLINE_S)
                yield Stage(
                    open=lambda: open_lamps(observatory, clock=Clock(), home=home)[0],
                    hardware=self.hardware(server),
                    wire=wire,
                )
        finally:
            await server.stop()


class TestNetio(TestShellyTwo):
    """A board that is asked for all relays at once."""

    board = Netio


@pytest.mark.parametrize("board", [ShellyOne, ShellyTwo, Tasmota, Netio])
def test_nonsense(board: type[RelayServer]) -> None:
    """Answers that are HTTP and JSON and mean nothing are taken for no success and for no state."""

    class Nonsense(TestShellyTwo):
        """A board that answers with nonsense."""

        hardware = TalkingNonsense
        troubles: ClassVar[tuple[Trouble, ...]] = ("garbled",)

    Nonsense.board = board
    verdicts = list(check_contract(Nonsense, only="garbled"))
    assert len(verdicts) == 6
    assert [verdict for verdict in verdicts if verdict.result != "held"] == []
