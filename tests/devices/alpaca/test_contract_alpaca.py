"""The contracts of lamps, spectrographs and telescopes, held by a strict Alpaca server behind a wire."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from safelight.devices import AltAz, Observatory, open_devices
from safelight.engine.clock import Clock
from safelight.testing import (
    LampContract,
    LampStandIn,
    SpectrographContract,
    SpectrographStandIn,
    Stage,
    TelescopeContract,
    TelescopeStandIn,
    Trouble,
    Wire,
    check_contract,
)
from tests.devices.alpaca.conftest import observatory_at, parked_at
from tests.devices.alpaca.strict_server import Mount, StrictServer

TARGET = TelescopeContract.target


class AlpacaStandIn(LampStandIn, SpectrographStandIn, TelescopeStandIn):
    """The strict server."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, server: StrictServer) -> None:
        self.server = server

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, do nothing, or answer with nonsense."""
        self.server.refuses = 0x400 if trouble == "refused" else 0
        self.server.idle_hands = trouble == "not_done"
        self.server.nonsense = trouble == "garbled"

    def lit(self) -> set[str]:
        """Return what is on."""
        return self.server.lit()

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch a lamp by its button."""
        if lamp == "Quartz":
            self.server.panel = 100 if on else 0
        else:
            self.server.values[self.server.names.index(lamp)] = 3.0 if on else 0.0

    def open_shutters(self) -> set[str]:
        """Return the spectrograph, if the shutter of its camera is open."""
        return {"sp1"} if self.server.cameras[0].is_open else set()

    def where(self) -> Mapping[str, AltAz]:
        """Return where the mount is."""
        alt, az, _ = self.server.mounts[0].where()
        return {"sci": AltAz(alt, az)}


class TalkingNonsense(AlpacaStandIn):
    """A server whose answers are HTTP and JSON, and mean nothing."""

    offers: ClassVar[frozenset[Trouble]] = AlpacaStandIn.offers | {"garbled"}


class OnAlpaca:
    """The stage: a server with a wire to it."""

    kind: ClassVar[str]
    hardware: ClassVar[type[AlpacaStandIn]] = AlpacaStandIn
    bound_s = 5.0

    def observatory(self, port: int) -> Observatory:
        """Return the document."""
        return observatory_at(port)

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Any, Any]]:
        """Return a server with a wire to it."""
        server = StrictServer(mounts=[Mount(park=(TARGET.alt_deg, TARGET.az_deg))])
        await server.start()
        try:
            async with Wire(server.port, slow_s=2.0) as wire:
                observatory = self.observatory(wire.port)
                yield Stage(
                    open=lambda: getattr(open_devices(observatory, clock=Clock(), home=home), self.kind),
                    hardware=self.hardware(server),
                    wire=wire,
                )
        finally:
            await server.stop()


class TestLamps(OnAlpaca, LampContract):
    """Elements of a switch, and a light panel."""

    kind = "lamps"


class TestSpectrographs(OnAlpaca, SpectrographContract):
    """A camera with a shutter."""

    kind = "spectrographs"
    exposure_s = 0.6
    long_s = 30.0


class TestTelescopes(OnAlpaca, TelescopeContract):
    """An equatorial mount that tracks."""

    kind = "telescopes"


class TestParkedTelescopes(TestTelescopes):
    """The same mount, whose target is its park position."""

    def observatory(self, port: int) -> Observatory:
        """Return the document, in which a position means parked."""
        return parked_at(observatory_at(port, telescopes_units={"parked_at": "park"}), TARGET)


@pytest.mark.parametrize("contract", [TestLamps, TestSpectrographs, TestTelescopes, TestParkedTelescopes])
def test_nonsense(contract: type[Any]) -> None:
    """Answers that are HTTP and JSON and mean nothing are taken for no success and for no state."""
    nonsense = type("Nonsense", (contract,), {"hardware": TalkingNonsense, "troubles": ("garbled",)})
    verdicts = list(check_contract(nonsense, only="garbled"))
    assert len(verdicts) >= 3
    assert [verdict for verdict in verdicts if verdict.result != "held"] == []
