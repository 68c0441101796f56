"""Telescopes behind an INDI server: their contract, and their conversion of coordinates."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element as Node

import pytest

from safelight.devices import AltAz, Telescopes, open_devices
from safelight.devices.indi.horizon import Equatorial, GeographicPlace, equatorial_of, horizontal_of
from safelight.devices.timing import separation_deg
from safelight.engine.clock import Clock
from safelight.testing import Stage, TelescopeContract, TelescopeStandIn, Trouble, Wire
from tests.devices.alpaca.strict_server import Mount
from tests.devices.indi.conftest import PLAIN, with_camera
from tests.devices.indi.indi_server import IndiServer, Lines, Talker

TARGET = TelescopeContract.target
SITE = GeographicPlace(43.6, 1.4)


class IndiMount(Talker):
    """A mount that stands still where it has arrived. `mount` is the truth."""

    name = "Telescope Simulator"

    def __init__(self) -> None:
        self.mount = Mount(alt=40.0, az=100.0, parked=True, park=(TARGET.alt_deg, TARGET.az_deg))
        self.refuses = self.idle_hands = False
        self.alert = self.asked_twice = self.stopped = False
        self._task: asyncio.Task[None] | None = None

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        wanted = node.get("name") or ""
        values = {child.get("name", ""): (child.text or "").strip() for child in node}
        vectors = ("CONNECTION", "TELESCOPE_PARK", "ON_COORD_SET", "GEOGRAPHIC_COORD", "EQUATORIAL_EOD_COORD")
        if node.tag == "getProperties":
            return [self.vector("def", each) for each in vectors if wanted in {"", each}]
        if self.refuses:
            self.alert = True
        elif not self.idle_hands:
            self._obey(wanted, values)
        named = "EQUATORIAL_EOD_COORD" if wanted == "TELESCOPE_ABORT_MOTION" else wanted
        return [self.vector("set", named)] if named in vectors else []

    def _obey(self, wanted: str, values: dict[str, str]) -> None:
        self.alert = False
        self.asked_twice = wanted == "TELESCOPE_PARK" and self.mount.parked and values.get("PARK") == "On"
        self.stopped = wanted == "TELESCOPE_ABORT_MOTION" and self.mount.parking
        if wanted == "TELESCOPE_PARK" and values.get("PARK") != "On":
            self.mount.parked = False
        elif wanted == "TELESCOPE_PARK":
            if not self.mount.parked:
                self._go(self.mount.park, parking=True)
        elif wanted == "TELESCOPE_ABORT_MOTION":
            self.mount.halt()
        elif wanted == "EQUATORIAL_EOD_COORD" and not self.mount.parked:
            to = horizontal_of(Equatorial(float(values["RA"]), float(values["DEC"])), SITE, Clock().utc())
            self._go((to.alt_deg, to.az_deg))

    def _go(self, to: tuple[float, float], *, parking: bool = False) -> None:
        self.mount.go(to, parking=parking)
        self._task = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self.mount.where()[2]:
            await Clock().sleep(0.05)
            await self.server.say(self.vector("set", "EQUATORIAL_EOD_COORD"))
        await self.server.say(self.vector("set", "TELESCOPE_PARK"))

    def vector(self, verb: str, name: str) -> str:
        """Return a definition or news of a vector."""
        alt, az, slewing = self.mount.where()
        kind, state, values = "Switch", "Ok", {"CONNECT": "On", "DISCONNECT": "Off"}
        if name == "TELESCOPE_PARK":
            goal = self.mount.parked or self.mount.parking
            values = {"PARK": "On" if goal else "Off", "UNPARK": "Off" if goal or self.stopped else "On"}
            state = "Busy" if self.mount.parking else "Idle" if self.asked_twice else "Ok"
            state = "Alert" if self.alert or self.stopped else state
        elif name == "ON_COORD_SET":
            values = {"TRACK": "Off", "SLEW": "On", "SYNC": "Off"}
        elif name == "GEOGRAPHIC_COORD":
            kind, values = "Number", {"LAT": str(SITE.lat_deg), "LONG": str(SITE.lon_deg)}
        elif name == "EQUATORIAL_EOD_COORD":
            at = equatorial_of(AltAz(alt, az), SITE, Clock().utc())
            kind, values = "Number", {"RA": f"{at.ra_h:.8f}", "DEC": f"{at.dec_deg:.8f}"}
            state = "Alert" if self.alert else "Busy" if slewing else "Idle"
        word, rule = ("def", ' rule="OneOfMany"') if verb == "def" else ("one", "")
        inner = "".join(f'<{word}{kind} name="{key}">{value}</{word}{kind}>' for key, value in values.items())
        tag = f"{verb}{kind}Vector"
        return f'<{tag} device="{self.name}" name="{name}" state="{state}"{rule}>{inner}</{tag}>'

    async def end(self) -> None:
        """Say no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class MountStandIn(TelescopeStandIn):
    """The mount."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, mount: IndiMount) -> None:
        self.mount = mount

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, or do nothing. A mount that refuses no more is asked by its driver, which says so."""
        self.mount.refuses, self.mount.idle_hands = trouble == "refused", trouble == "not_done"
        self.mount.alert = self.mount.alert and trouble is not None

    def where(self) -> Mapping[str, AltAz]:
        """Return where the mount is."""
        alt, az, _ = self.mount.mount.where()
        return {"sci": AltAz(alt, az)}


class TestTelescopes(TelescopeContract):
    """A mount that knows equatorial coordinates."""

    bound_s = 6.0
    # Coordinates are of a moment: while they are asked for, the sky turns.
    tolerance_deg = 0.15
    unit: ClassVar[Mapping[str, Any]] = {}

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Telescopes, TelescopeStandIn]]:
        """Return a mount with a wire to it."""
        mount = IndiMount()
        server = IndiServer(mount)
        await server.start()
        try:
            async with Wire(server.port, slow_s=2.0) as wire:
                options = {"host": "127.0.0.1", "port": wire.port, "deadline_s": 1.5}
                unit = {"device": mount.name} | self.unit
                model = {"driver": "indi", "units": {"sci": unit}, "options": options}
                plain: dict[str, Any] = dict(PLAIN) | {"telescopes": PLAIN["telescopes"] | model}
                plain["positions"] = {name: {"sci": to["sci"]} for name, to in plain["positions"].items()}
                plain["positions"]["park"] = {"sci": {"alt_deg": TARGET.alt_deg, "az_deg": TARGET.az_deg}}
                document = with_camera(wire.port, plain)

                def opened() -> Telescopes:
                    telescopes = open_devices(document, clock=Clock(), home=home).telescopes
                    assert telescopes is not None
                    return telescopes

                yield Stage(open=opened, hardware=MountStandIn(mount), wire=wire)
        finally:
            await server.stop()


class TestParkedTelescopes(TestTelescopes):
    """The same mount, whose target is its park position."""

    unit: ClassVar[Mapping[str, Any]] = {"parked_at": "park"}


@pytest.mark.parametrize(
    ("alt_deg", "az_deg"), [(40.0, 100.0), (10.0, 271.0), (80.0, 5.0), (89.9, 180.0), (-5.0, 359.0)]
)
def test_coordinates_are_those_of_astropy(alt_deg: float, az_deg: float) -> None:
    """Altitude and azimuth become the coordinates of date that astropy has, to 0.03 degrees, and come back."""
    from astropy import units  # noqa: PLC0415 - slow
    from astropy.coordinates import TETE, EarthLocation, SkyCoord  # noqa: PLC0415
    from astropy.coordinates import AltAz as TheirAltAz  # noqa: PLC0415
    from astropy.time import Time  # noqa: PLC0415
    from astropy.utils import iers  # noqa: PLC0415

    utc = datetime(2024, 3, 5, 21, 17, 30, tzinfo=UTC)
    to = AltAz(alt_deg, az_deg)
    found = equatorial_of(to, SITE, utc)
    back = horizontal_of(found, SITE, utc)
    assert separation_deg(back, to) < 1e-6
    with iers.conf.set_temp("auto_download", False):
        place = EarthLocation(lat=SITE.lat_deg * units.deg, lon=SITE.lon_deg * units.deg)
        time = Time(utc)
        theirs = SkyCoord(
            alt=alt_deg * units.deg, az=az_deg * units.deg, frame=TheirAltAz(obstime=time, location=place)
        )
        expected = theirs.transform_to(TETE(obstime=time, location=place))
    ours = AltAz(found.dec_deg, found.ra_h * 15.0)
    assert separation_deg(ours, AltAz(float(expected.dec.deg), float(expected.ra.deg))) < 0.03
