"""Lamps on a Digital Loggers switch (`Lamps`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.dli.switch import DliOptions, DliSwitch, Outlet
from safelight.devices.errors import DeviceFailed
from safelight.devices.lamp_drivers import demand_known, no_such_lamp, options_place
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.outlets import folded, lamp_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.protocols import LampState

__all__ = ["DliLamps"]


class DliLamps:
    """Lamps on a switch. Other outlets of the same switch are never touched.

    Args:
        site: the observatory and its clock.
        family: `lamps` or `second_lamps`.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, family: str, options: Mapping[str, Any]) -> None:
        where = options_place(family)
        self._names = tuple(site.observatory.lamps.units)
        self._family = family
        chosen = read_options(DliOptions, options, ".".join(where))
        demand_known(chosen.outlets, (*where, "outlets"), self._names)
        self._outlets: dict[str, str | int] = {lamp: chosen.outlets.get(lamp, lamp) for lamp in self._names}
        self._switch = DliSwitch(chosen, site.clock, family)
        switch = f"{chosen.host.casefold()}:{chosen.port}"
        self.hardware = tuple(f"{switch}/{folded(str(outlet))}" for outlet in self._outlets.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lamps in the observatory document."""
        return self._names

    async def on(self, lamp: str) -> None:
        """Switch one lamp's outlet on."""
        await self._turn(lamp, on=True)

    async def off(self, lamp: str) -> None:
        """Switch one lamp's outlet off."""
        await self._turn(lamp, on=False)

    async def all_off(self) -> None:
        """Switch the outlets of all lamps off with one request. A missing outlet does not hinder the others."""
        found = await self._switch.outlets("all_off")
        places = {lamp: self._place(lamp, found) for lamp in self._names}
        await self._switch.turn([place for place in places.values() if place is not None], "all_off", on=False)
        for lamp, place in places.items():
            if place is None:
                raise self._missing(lamp, "all_off", found)

    async def status(self) -> Mapping[str, LampState]:
        """Read every outlet from the switch. A lamp without an outlet is `unknown`."""
        found = await self._switch.outlets("status")
        places = {lamp: self._place(lamp, found) for lamp in self._names}
        return {lamp: "unknown" if place is None else lamp_state(found[place]) for lamp, place in places.items()}

    async def close(self) -> None:
        """Release the connection. Switches nothing."""
        await self._switch.close()

    async def _turn(self, lamp: str, *, on: bool) -> None:
        verb = "on" if on else "off"
        if lamp not in self._names:
            raise no_such_lamp(lamp, self._names, self._family, verb)
        # The list is read each time: an outlet may have been renamed, and a wrong one must not be switched on.
        found = await self._switch.outlets(verb)
        place = self._place(lamp, found)
        if place is None:
            raise self._missing(lamp, verb, found)
        await self._switch.turn([place], verb, on=on)

    def _place(self, lamp: str, found: list[Outlet]) -> int | None:
        """Return the index of the lamp's outlet in the list, or None."""
        wanted = self._outlets[lamp]
        if isinstance(wanted, int):
            return wanted - 1 if 1 <= wanted <= len(found) else None
        names = [folded(str(outlet.get("name", ""))) for outlet in found]
        return names.index(folded(wanted)) if names.count(folded(wanted)) == 1 else None

    def _missing(self, lamp: str, verb: str, found: list[Outlet]) -> DeviceFailed:
        names = ", ".join(str(outlet.get("name", "?")) for outlet in found)
        return DeviceFailed(
            f"the switch has not exactly one outlet {self._outlets[lamp]!r}; its outlets: {names or 'none'}",
            device=f"{self._family}.{lamp}",
            verb=verb,
        )
