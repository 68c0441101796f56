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
from safelight.devices.targets import demand_telescopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.parts import TelescopesModel

__all__ = ["AlpacaTelescopes"]

_INVALID_OPERATION = 0x40B
_BEGINS_S = 0.5
"""A mount may take so long until it says that it slews, s."""


class AlpacaTelescopes:
    """Telescopes that slew to directions in the horizontal frame."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        self._clock = site.clock
        where = "telescopes.options"
        chosen = read_options(TelescopeOptions, model.options, where)
        self._look_every_s, self._deadline_s = chosen.look_every_s, chosen.deadline_s
        self._servers: dict[str, AlpacaServer] = {}
        self._units: dict[str, tuple[AlpacaServer, AlpacaDevice]] = {}
        for name, plain in model.units.items():
            unit = read_options(TelescopeUnit, plain, f"telescopes.units.{name}")
            address = unit.server or chosen.server
            if address is None:
                words = f"the telescope {name} has no server"
                raise wrong(("telescopes", "options", "server"), words, "`HOST:PORT`, here or at the telescope")
            server = self._servers.setdefault(address, AlpacaServer(address, site.clock, chosen.deadline_s))
            self._units[name] = (server, AlpacaDevice("telescope", unit.device))

    @property
    def names(self) -> tuple[str, ...]:
        """The telescopes, as the observatory document names them."""
        return tuple(self._units)

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew, all at once. A cancelled slew continues until `stop`."""
        demand_telescopes(targets, self.names)
        await together(*(self._slew(name, to) for name, to in targets.items()))

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
                "this mount does not slew to altitude and azimuth; use one that does, or park it by hand"
            )
        if await server.get(device, "atpark", context):
            await server.put(device, "unpark", context)
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

    async def _where_in_time(self, name: str) -> TelescopeStatus:
        async with bounded(self._clock, self._deadline_s, _asker(name, "status")):
            return await self._where(name)

    async def _where(self, name: str) -> TelescopeStatus:
        (server, device), context = self._units[name], _asker(name, "status")
        slewing = await server.get(device, "slewing", context)
        alt_deg = await server.get(device, "altitude", context)
        az_deg = await server.get(device, "azimuth", context)
        if not isinstance(slewing, bool) or any(not _is_number(value) for value in (alt_deg, az_deg)):
            raise context.unknown(f"says that it is at {alt_deg!r}, {az_deg!r}, slewing {slewing!r}")
        return TelescopeStatus(AltAz(float(alt_deg), float(az_deg)), slewing=slewing)

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
