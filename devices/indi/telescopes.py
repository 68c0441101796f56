"""The telescopes of an INDI server (`Telescopes`): mounts that know equatorial coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.command_context import CommandContext
from safelight.devices.concurrently import each_of, together
from safelight.devices.indi.device import IndiDevice
from safelight.devices.indi.horizon import Equatorial, GeographicPlace, equatorial_of, horizontal_of
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.options import IndiTelescopesOptions, IndiTelescopeUnit
from safelight.devices.indi.properties import get_properties, new_vector
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.protocols import TelescopeStatus
from safelight.devices.targets import demand_telescopes, park_direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.indi.properties import Vector
    from safelight.devices.observatory.parts import TelescopesModel
    from safelight.devices.protocols import AltAz

__all__ = ["IndiTelescopes"]

_COORDINATES, _PARK, _ABORT = "EQUATORIAL_EOD_COORD", "TELESCOPE_PARK", "TELESCOPE_ABORT_MOTION"
_ON_SET, _TRACKING = "ON_COORD_SET", "TELESCOPE_TRACK_STATE"
_FOREVER_S = 86_400.0
"""The state that points has a deadline. The driver has none."""


class IndiTelescopes:
    """Mounts that are sent to directions in the horizontal frame or parked, and stay there without tracking."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        chosen = read_options(IndiTelescopesOptions, model.options, "telescopes.options")
        self._clock, self._deadline_s = site.clock, chosen.deadline_s
        self._moving = IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s)
        self._asking = IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s)
        self._settings = chosen.settings
        self._units = {
            name: read_options(IndiTelescopeUnit, plain, f"telescopes.units.{name}")
            for name, plain in model.units.items()
        }
        self._parked = {
            name: park_direction(site.observatory, name, unit.parked_at) for name, unit in self._units.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The telescopes, as the observatory document names them."""
        return tuple(self._units)

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew or park, all at once. A cancelled slew continues until `stop`."""
        demand_telescopes(targets, self.names)
        moves = (self._park(name) if to == self._parked[name] else self._slew(name, to) for name, to in targets.items())
        await together(*moves)

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Ask each telescope where it is. One that is not connected is nowhere.

        Raises:
            DeviceError: one does not answer.
        """
        return dict(zip(self._units, await each_of([self._where(name) for name in self._units]), strict=True))

    async def stop(self) -> None:
        """Stop all motion, now."""
        await each_of([self._stop(name) for name in self._units])

    async def close(self) -> None:
        """Release the connections without stopping anything."""
        await self._moving.close()
        await self._asking.close()

    # ---- inside

    async def _slew(self, name: str, to: AltAz) -> None:
        device, context = self._device(self._moving, name), CommandContext(f"telescopes.{name}", "goto")
        await device.connect(context)
        coordinates = await device.learn(_COORDINATES, context)
        known = {each: device.line.known(device.name, each) for each in (_PARK, _ON_SET, _TRACKING)}
        site = await self._site(name, device, context)
        park, on_set = known[_PARK], known[_ON_SET]
        if park is not None and park.on == ("PARK",):
            await device.set(_PARK, {"UNPARK": "On"}, context)
        if on_set is not None:
            # Who only slews does not track afterwards.
            await device.set(_ON_SET, {"SLEW" if "SLEW" in on_set.values else "TRACK": "On"}, context)
        goal = equatorial_of(to, site, self._clock.utc())
        await self._go(coordinates, goal, context)
        if known[_TRACKING] is not None:
            await device.set(_TRACKING, {"TRACK_OFF": "On"}, context)

    async def _park(self, name: str) -> None:
        """Park a mount, and return when it says that it is parked.

        Raises:
            DeviceError: it refuses, does not begin, is stopped on its way, or its driver ends.
        """
        device, context = self._device(self._moving, name), CommandContext(f"telescopes.{name}", "goto")
        line = self._moving
        await device.connect(context)
        if _is_parked(await device.learn(_PARK, context)):
            return
        before = line.serial
        values = {"PARK": "On"}
        await line.tell(new_vector("switch", device.name, _PARK, values) + get_properties(device.name, _PARK), context)

        def begins() -> bool | None:
            vector = self._heard((device.name, _PARK), before, "while it parked", context)
            return True if vector is not None and (vector.state == "Busy" or _is_parked(vector)) else None

        def ends() -> bool | None:
            vector = self._heard((device.name, _PARK), before, "while it parked", context)
            return True if vector is not None and vector.state != "Busy" else None

        if not await line.until(begins, self._deadline_s, context):
            raise context.unknown(
                f"{device.name} does not park: {self._deadline_s:g} s after the order it stands still"
            )
        if await line.until(ends, _FOREVER_S, context) is None or not _is_parked(line.known(device.name, _PARK)):
            raise context.unknown(f"{device.name} has stopped before it was parked")

    async def _go(self, coordinates: Vector, goal: Equatorial, context: CommandContext) -> None:
        """Order coordinates, and return when the mount slews no more.

        Raises:
            DeviceError: it refuses, does not begin, or its driver ends.
        """
        line, device, name = self._moving, coordinates.device, coordinates.name
        before, begun = line.serial, False
        values = {"RA": f"{goal.ra_h:.9f}", "DEC": f"{goal.dec_deg:.9f}"}
        await line.tell(new_vector("number", device, name, values) + get_properties(device, name), context)

        def heard() -> str | None:
            vector = self._heard((device, name), before, "during the slew", context)
            return None if vector is None else vector.state

        def begins() -> bool | None:
            return True if heard() == "Busy" else None

        def arrives() -> bool | None:
            return True if heard() in {"Ok", "Idle"} else None

        begun = bool(await line.until(begins, self._deadline_s, context))
        if not begun and not self._near(goal, line.known(device, name)):
            raise context.unknown(f"{device} does not slew: {self._deadline_s:g} s after the order it stands elsewhere")
        if await line.until(arrives, _FOREVER_S, context) is None:
            raise context.unknown(f"{device} has not arrived")

    def _heard(self, of: tuple[str, str], before: int, when: str, context: CommandContext) -> Vector | None:
        """Return what a driver says of a vector since an order, or None where it has said nothing yet.

        Args:
            of: the device, and the vector.
            before: number of the last thing that was heard before the order.
            when: in words, for the error.
            context: for errors.

        Raises:
            DeviceError: the driver refuses, or has ended.
        """
        device, name = of
        vector = self._moving.known(device, name)
        if vector is None:
            raise context.unknown(f"the driver of {device} has ended {when}")
        if vector.serial <= before:
            return None
        if vector.state == "Alert":
            error = self._moving.error_of(device, before)
            raise context.unknown(f"{device} {name} is in state Alert: {error or 'it says no more'}")
        return vector

    @staticmethod
    def _near(goal: Equatorial, vector: Vector | None) -> bool:
        """Return whether a mount is where it was ordered, to half a degree."""
        ra_h = None if vector is None else vector.number("RA")
        dec_deg = None if vector is None else vector.number("DEC")
        if ra_h is None or dec_deg is None:
            return False
        turn_h = abs(ra_h - goal.ra_h) % 24.0
        return min(turn_h, 24.0 - turn_h) * 15.0 < 0.5 and abs(dec_deg - goal.dec_deg) < 0.5  # noqa: PLR2004

    async def _where(self, name: str) -> TelescopeStatus:
        device, context = self._device(self._asking, name), CommandContext(f"telescopes.{name}", "status")
        if not await device.is_connected(context):
            return TelescopeStatus(None, slewing=False)
        parked = self._parked[name]
        if parked is not None and _is_parked(await device.read(_PARK, context)):
            return TelescopeStatus(parked, slewing=False)
        vector = await device.read(_COORDINATES, context)
        ra_h, dec_deg = vector.number("RA"), vector.number("DEC")
        if ra_h is None or dec_deg is None or vector.state == "Alert":
            return TelescopeStatus(None, slewing=False)
        site = await self._site(name, device, context)
        where = horizontal_of(Equatorial(ra_h, dec_deg), site, self._clock.utc())
        return TelescopeStatus(where, slewing=vector.state == "Busy")

    async def _site(self, name: str, device: IndiDevice, context: CommandContext) -> GeographicPlace:
        """Return the place of the telescope: as the document says, else as the mount says.

        Raises:
            DeviceError: neither of them says.
        """
        unit = self._units[name]
        if unit.lat_deg is not None and unit.lon_deg is not None:
            return GeographicPlace(unit.lat_deg, unit.lon_deg)
        vector = await device.read("GEOGRAPHIC_COORD", context)
        lat_deg, lon_deg = vector.number("LAT"), vector.number("LONG")
        if not lat_deg and not lon_deg:
            raise context.failed(
                f"{device.name} does not know where it stands: give `lat_deg` and `lon_deg` in the document"
            )
        return GeographicPlace(lat_deg or 0.0, lon_deg or 0.0)

    async def _stop(self, name: str) -> None:
        device, line, context = (
            self._device(self._moving, name),
            self._moving,
            CommandContext(f"telescopes.{name}", "stop"),
        )
        await device.connect(context)
        before = line.serial
        abort = new_vector("switch", device.name, _ABORT, {"ABORT": "On"})
        await line.tell(abort + get_properties(device.name, _COORDINATES), context)

        def stands() -> bool | None:
            vector = line.known(device.name, _COORDINATES)
            if vector is None or vector.serial <= before:
                return None
            if vector.state == "Alert":
                raise context.unknown(f"{device.name} {_COORDINATES} is in state Alert after an abort")
            return True if vector.state != "Busy" else None

        if await line.until(stands, self._deadline_s, context) is None:
            raise context.unknown(f"{device.name} still slews {self._deadline_s:g} s after an abort")

    def _device(self, line: IndiLine, name: str) -> IndiDevice:
        device = self._units[name].device
        return IndiDevice(line, device, self._settings.get(device, {}))


def _is_parked(vector: Vector | None) -> bool:
    """Return whether a mount is parked. While it parks (Busy), it shows that already. A second order ends in Idle."""
    return vector is not None and vector.on == ("PARK",) and vector.state in {"Ok", "Idle"}
