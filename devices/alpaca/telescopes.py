"""Telescopes on Alpaca servers (`Telescopes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.alpaca.options import TelescopeOptions, TelescopeUnit
from safelight.devices.alpaca.server import NOT_IMPLEMENTED, AlpacaDevice, AlpacaServer, Refused
from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.concurrently import each_of, together
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import wrong
from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.targets import demand_telescopes, park_direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.parts import TelescopesModel

__all__ = ["AlpacaTelescopes"]

_INVALID_OPERATION = 0x40B
_BEGINS_S = 0.5
"""A mount may take so long until it says that it slews, s."""
_PARKS_S = 600.0
"""Older interfaces answer an order to park or to unpark only when it is done. No mount takes longer, s."""
_SILENT_S = 30.0
"""A mount that parks may call that no slew for so long, s."""


class AlpacaTelescopes:
    """Telescopes that slew to directions in the horizontal frame, or to their park position."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        self._clock = site.clock
        where = "telescopes.options"
        chosen = read_options(TelescopeOptions, model.options, where)
        self._look_every_s, self._deadline_s = chosen.look_every_s, chosen.deadline_s
        self._servers: dict[str, AlpacaServer] = {}
        self._units: dict[str, tuple[AlpacaServer, AlpacaDevice]] = {}
        self._parked: dict[str, AltAz | None] = {}
        for name, plain in model.units.items():
            unit = read_options(TelescopeUnit, plain, f"telescopes.units.{name}")
            address = unit.server or chosen.server
            if address is None:
                words = f"the telescope {name} has no server"
                raise wrong(("telescopes", "options", "server"), words, "`HOST:PORT`, here or at the telescope")
            server = self._servers.setdefault(address, AlpacaServer(address, site.clock, chosen.deadline_s))
            self._units[name] = (server, AlpacaDevice("telescope", unit.device))
            self._parked[name] = park_direction(site.observatory, name, unit.parked_at)

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
        """Ask each telescope where it is.

        Raises:
            DeviceError: one does not answer.
        """
        return dict(zip(self._units, await each_of([self._where_in_time(name) for name in self._units]), strict=True))

    async def stop(self) -> None:
        """Stop all motion, now."""
        await each_of([self._stop(name) for name in self._units])

    async def close(self) -> None:
        """Release the connections without stopping anything."""
        for server in self._servers.values():
            await server.close()

    async def _slew(self, name: str, to: AltAz) -> None:
        (server, device), context = self._units[name], _asker(name, "goto")
        if not await server.get(device, "canslewaltazasync", context):
            raise context.failed(
                "this mount does not slew to altitude and azimuth; use one that does, or calibrate where it is "
                "parked (`parked_at`)"
            )
        if await server.get(device, "atpark", context):
            await server.put_slowly(device, "unpark", context, _PARKS_S)
        try:
            # An equatorial mount refuses a horizontal slew while it tracks.
            await server.order(device, "tracking", context, Tracking=False)
        except Refused as refused:
            if refused.number != NOT_IMPLEMENTED:
                raise context.failed(f"does not stop tracking: {refused.number:#x} {refused.message}") from None
        await server.put(device, "slewtoaltazasync", context, Azimuth=to.az_deg % 360.0, Altitude=to.alt_deg)
        began = self._clock.now()
        while await server.get(device, "slewing", context) or self._clock.now() - began < _BEGINS_S:
            await self._clock.sleep(min(self._look_every_s, _BEGINS_S))

    async def _park(self, name: str) -> None:
        """Park a telescope, and return when it says that it is parked.

        Raises:
            DeviceError: it can't be parked, or does not say so.
        """
        (server, device), context = self._units[name], _asker(name, "goto")
        if await server.get(device, "atpark", context) is True:
            return
        if not await server.get(device, "canpark", context):
            raise context.failed("this mount can't be parked")
        await server.put_slowly(device, "park", context, _PARKS_S)
        heard_s = self._clock.now()
        while await server.get(device, "atpark", context) is not True:
            if await server.get(device, "slewing", context):
                heard_s = self._clock.now()
            if self._clock.now() - heard_s > _SILENT_S:
                raise context.unknown(f"is not parked {_SILENT_S:g} s after the order, and does not slew")
            await self._clock.sleep(min(self._look_every_s, _BEGINS_S))

    async def _where_in_time(self, name: str) -> TelescopeStatus:
        async with bounded(self._clock, self._deadline_s, _asker(name, "status")):
            return await self._where(name)

    async def _where(self, name: str) -> TelescopeStatus:
        (server, device), context = self._units[name], _asker(name, "status")
        parked = self._parked[name]
        if parked is not None and await self._is_parked(name, context):
            return TelescopeStatus(parked, slewing=False)
        slewing = await server.get(device, "slewing", context)
        try:
            alt_deg = await server.ask(device, "altitude", context)
            az_deg = await server.ask(device, "azimuth", context)
        except Refused as refused:
            if refused.number != NOT_IMPLEMENTED:
                raise context.failed(f"does not say where it is: {refused.number:#x} {refused.message}") from None
            return TelescopeStatus(None, slewing=slewing is not False)
        if not isinstance(slewing, bool) or any(not _is_number(value) for value in (alt_deg, az_deg)):
            raise context.unknown(f"says that it is at {alt_deg!r}, {az_deg!r}, slewing {slewing!r}")
        return TelescopeStatus(AltAz(float(alt_deg), float(az_deg)), slewing=slewing)

    async def _is_parked(self, name: str, context: CommandContext) -> bool:
        server, device = self._units[name]
        found = await server.get(device, "atpark", context)
        if not isinstance(found, bool):
            raise context.unknown(f"says of being parked: {found!r}")
        return found

    async def _stop(self, name: str) -> None:
        (server, device), context = self._units[name], _asker(name, "stop")
        try:
            await server.order(device, "abortslew", context, overtakes=True)
        except Refused as refused:
            # A parked mount refuses it, and is at rest.
            if refused.number not in {_INVALID_OPERATION, 0x408}:
                raise context.unknown(f"abortslew was answered with {refused.number:#x}: {refused.message}") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _asker(telescope: str, verb: str) -> CommandContext:
    return CommandContext(f"telescopes.{telescope}", verb)
