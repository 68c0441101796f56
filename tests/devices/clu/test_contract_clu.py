"""The contract of lamps, telescopes and fibre selector, held by actors over a real broker behind a wire.

Spectrographs behind actors are in test_spectrographs.py.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from safelight.devices import AltAz, Observatory
from safelight.devices.clu import open_device
from safelight.devices.drivers import DeviceKind, DriverSite
from safelight.engine.clock import Clock
from safelight.testing import (
    FibreSelectorContract,
    FibreSelectorStandIn,
    LampContract,
    LampStandIn,
    Stage,
    TelescopeContract,
    TelescopeStandIn,
    Trouble,
    Wire,
)
from tests.devices.clu.bench import Bench, Hardware

DEADLINE_S = 4.0

# The link is one and the same for all kinds, so that garbage and slowness are tried with the lamps alone. Only the
# lamps' actor refuses because its hardware does.
SOME: tuple[Trouble, ...] = ("unreachable", "silent", "cut")


class BenchStandIn(LampStandIn, TelescopeStandIn, FibreSelectorStandIn):
    """The hardware behind the actors is the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Let the switch refuse, or let relays, mounts and the mask stick."""
        hardware, sticks = self.hardware, trouble == "not_done"
        hardware.switch.broken = trouble == "refused"
        hardware.switch.stuck = set(hardware.switch.names) if sticks else set()
        for part in (*hardware.telescopes.values(), hardware.mask):
            part.stuck = sticks

    def lit(self) -> set[str]:
        """Return the outlets whose relay is closed."""
        return self.hardware.switch.lit()

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch an outlet by its button."""
        for outlet in self.hardware.switch.outlets:
            if outlet.name == lamp:
                outlet.state = outlet.relay = on

    def where(self) -> Mapping[str, AltAz]:
        """Return where the mounts are."""
        return {name: AltAz(*mount.where) for name, mount in self.hardware.telescopes.items()}

    def steps(self) -> int:
        """Return where the motor is."""
        return self.hardware.mask.steps


class AtTheBench:
    """The stage: actors that run already, and a wire to their broker."""

    kind: ClassVar[DeviceKind]
    bench: Bench
    bound_s = 8.0
    cancel_s = 2.0
    recover_s = 15.0
    begin_s = 0.4

    @pytest.fixture(autouse=True)
    def _at(self, bench: Bench) -> None:
        self.bench = bench

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Any, Any]]:
        """Return the bench with a wire to its broker."""
        async with Wire(self.bench.broker.port, slow_s=1.25 * DEADLINE_S) as wire:
            site = DriverSite(behind(wire, self.bench), Clock(), home)
            hardware = BenchStandIn(self.bench.hardware)
            yield Stage(open=lambda: open_device(self.kind, site), hardware=hardware, wire=wire)


def behind(wire: Wire, bench: Bench) -> Observatory:
    """Return the bench's observatory, its broker reached by the wire."""
    plain = bench.observatory().model_dump(mode="json")
    broker = {"host": "127.0.0.1", "port": wire.port, "deadline_s": DEADLINE_S, "heartbeat_s": 3}
    for part in ("telescopes", "lamps", "spectrographs", "fibsel"):
        plain[part]["options"]["broker"] = broker
    plain["spectrographs"]["options"]["look_every_s"] = 0.5
    return Observatory.model_validate(plain)


class TestLamps(AtTheBench, LampContract):
    """The switch behind lvmnps."""

    kind = "lamps"


class TestTelescopes(AtTheBench, TelescopeContract):
    """Four mounts behind lvmpwi."""

    kind = "telescopes"
    troubles = SOME


class TestFibreSelector(AtTheBench, FibreSelectorContract):
    """The mask's motor. Lvmtan tells its position within one turn, which is 17,939 steps."""

    kind = "fibsel"
    troubles = SOME
    target = 17000

    @pytest.fixture(autouse=True)
    def _slow(self, bench: Bench) -> None:
        bench.hardware.mask.steps_per_s = 8000.0

    def test_a_move_under_way_is_read(self, tmp_path: Path) -> None:
        """While the mask moves, status calls it moving. It waits twice until the actor's cache has passed."""
        self.bench.hardware.mask.steps_per_s = 2400.0
        super().test_a_move_under_way_is_read(tmp_path)
