"""The contract of all five kinds of device, held by the simulated observatory in virtual time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from safelight.devices import AltAz, Observatory, load_observatory
from safelight.devices.drivers import DeviceKind, DriverSite
from safelight.devices.simulated import open_device
from safelight.devices.simulated.detector import Detectors
from safelight.devices.simulated.faults import VERBS, Fault, FaultBook
from safelight.devices.simulated.fibsel import Mask
from safelight.devices.simulated.selectors import Wheels
from safelight.devices.simulated.switch import SimulatedSwitch
from safelight.devices.simulated.telescopes import Mounts
from safelight.engine.clock import VirtualClock
from safelight.testing import (
    FibreSelectorContract,
    FibreSelectorStandIn,
    LampContract,
    LampStandIn,
    SelectorContract,
    SelectorStandIn,
    SpectrographContract,
    SpectrographStandIn,
    Stage,
    TelescopeContract,
    TelescopeStandIn,
    Trouble,
)

SELECTORS = {
    "units": {
        "slit": {"positions": ["narrow", "wide", "none"], "move_s": 6.0, "settle_s": 1.0},
        "mirror": {"positions": ["in", "out"], "move_s": 4.0},
    },
    "status_s": 0.1,
}
OBSERVATORY = Observatory.model_validate(
    load_observatory("simulated").model_dump(mode="json") | {"selectors": SELECTORS}
)

SILENCE_S = 2.0
"""After so long the line to a simulated device gives up, observatory time."""


def faults_of(family: str, trouble: Trouble | None) -> list[Fault]:
    """Return a trouble as faults of the simulated device."""
    acting = sorted(VERBS[family] - {"status"})
    every: dict[str, list[dict[str, Any]]] = {
        "unreachable": [{"verb": "*", "what": "disconnect", "seconds": 1e6}],
        "silent": [{"verb": "*", "what": "hang", "seconds": SILENCE_S}],
        "slow": [{"verb": "*", "what": "timeout", "seconds": SILENCE_S}],
        "cut": [{"verb": "*", "what": "disconnect", "seconds": 0.0}],
        "refused": [{"verb": verb, "what": "error"} for verb in acting],
        "not_done": [{"verb": verb, "what": "lie"} for verb in acting],
        "read_hangs": [{"verb": "status", "what": "hang", "seconds": 10 * SILENCE_S, "times": 1}],
    }
    faults = every.get(str(trouble), [])
    return [Fault.model_validate({"device": family, "times": "forever", **fault}) for fault in faults]


class Simulated(LampStandIn, TelescopeStandIn, FibreSelectorStandIn, SelectorStandIn, SpectrographStandIn):
    """The files of the simulated observatory are the truth. Troubles are faults, or garbage in the files."""

    offers: ClassVar[frozenset[Trouble]] = frozenset(
        {"unreachable", "slow", "silent", "cut", "refused", "not_done", "read_hangs"}
    )

    def __init__(self, kind: DeviceKind, site: DriverSite) -> None:
        assert OBSERVATORY.fibsel is not None
        assert OBSERVATORY.telescopes is not None
        assert OBSERVATORY.selectors is not None
        self._kind, self._clock = kind, site.clock
        self._drivers: list[Any] = []
        self._switch, self._detectors = SimulatedSwitch(site), Detectors(site)
        self._mask, self._mounts = Mask(site, OBSERVATORY.fibsel), Mounts(site, OBSERVATORY.telescopes)
        self._wheels = Wheels(site, OBSERVATORY.selectors)

    def noted(self, driver: Any) -> Any:
        """Note a driver, which is to meet the troubles."""
        self._drivers.append(driver)
        return driver

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Give faults to the lines of all drivers."""
        for driver in self._drivers:
            units = () if self._kind == "fibsel" else driver.names
            driver._line._book = FaultBook(self._kind, units, faults_of(self._kind, trouble))
            driver._line._away_until = {}

    def lit(self) -> set[str]:
        """Return the outlets that are on."""
        return {lamp for lamp, outlet in self._switch.outlets().items() if outlet.state == "on"}

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch an outlet in the file."""
        self._switch.turn((lamp,), on=on)

    def where(self) -> Mapping[str, AltAz]:
        """Return where the mounts are."""
        return {name: self._mounts.where(name, each) for name, each in self._mounts.motions().items()}

    def steps(self) -> int:
        """Return where the mask is."""
        return self._mask.steps()

    def positions(self) -> Mapping[str, str | None]:
        """Return where the wheels are."""
        now = self._wheels.now()
        found: dict[str, str | None] = {}
        for name, motions in self._wheels.motions().items():
            moves = bool(motions) and motions[-1].moving(now)
            found[name] = None if moves else self._wheels.position(name, motions)
        return found

    def moving(self) -> set[str]:
        """Return the wheels that move."""
        now = self._wheels.now()
        return {name for name, motions in self._wheels.motions().items() if motions and motions[-1].moving(now)}

    def open_shutters(self) -> set[str]:
        """Return whose shutter is open."""
        now = self._clock.utc().timestamp()
        charges = self._detectors.charges().items()
        return {name for name, charge in charges if charge is not None and charge.shutter(now) == "open"}


class InTheComputer:
    """The stage: the simulated observatory in a folder, in virtual time."""

    kind: ClassVar[DeviceKind]
    # Its line carries values of Python, so that no answer can be garbled. What it makes of garbled files is in
    # test_simulated.py.
    troubles: ClassVar[tuple[Trouble, ...]] = ("unreachable", "slow", "silent", "cut", "refused")
    begin_s = 0.5

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Any, Any]]:
        """Return the files and what opens the driver."""
        clock = VirtualClock()
        site = DriverSite(OBSERVATORY, clock, home / "simulated observatory")
        hardware = Simulated(self.kind, site)
        yield Stage(open=lambda: hardware.noted(open_device(self.kind, site)), hardware=hardware, clock=clock)


class TestLamps(InTheComputer, LampContract):
    """Lamps, by the main path."""

    kind = "lamps"


class TestSecondLamps(InTheComputer, LampContract):
    """Lamps, by the second path."""

    kind = "second_lamps"


class TestTelescopes(InTheComputer, TelescopeContract):
    """Telescopes."""

    kind = "telescopes"


class TestFibreSelector(InTheComputer, FibreSelectorContract):
    """The fibre mask."""

    kind = "fibsel"


class TestSelectors(InTheComputer, SelectorContract):
    """Selectors."""

    kind = "selectors"
    rest: ClassVar[Mapping[str, str]] = {"slit": "narrow", "mirror": "in"}
    target: ClassVar[Mapping[str, str]] = {"slit": "none", "mirror": "out"}


class TestSpectrographs(InTheComputer, SpectrographContract):
    """Spectrographs."""

    kind = "spectrographs"
    exposure_s = 10.0
    long_s = 600.0
