"""The lamps on Alpaca servers (`Lamps`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.alpaca.lamp_kinds import AlpacaLamp, the_lamp
from safelight.devices.alpaca.options import LampOptions, LampsOptions
from safelight.devices.alpaca.server import AlpacaServer
from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.concurrently import each_of, those_that_answer
from safelight.devices.lamp_drivers import demand_known, no_such_lamp, options_place
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.protocols import LampState

__all__ = ["AlpacaLamps"]

_VERB = 2.0
"""A verb is several requests: it may take this many times as long as one of them."""


class AlpacaLamps:
    """The lamps on one Alpaca server or several. Alpaca has no command for all of them.

    Args:
        site: the observatory and its clock.
        family: `lamps` or `second_lamps`.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, family: str, options: Mapping[str, Any]) -> None:
        where = options_place(family)
        self._names = tuple(site.observatory.lamps.units)
        self._family, self._clock = family, site.clock
        chosen = read_options(LampsOptions, options, ".".join(where))
        self._deadline_s = chosen.deadline_s
        self._servers: dict[str, AlpacaServer] = {}
        self._lamps: dict[str, AlpacaLamp] = {}
        demand_known(chosen.lamps, (*where, "lamps"), self._names)
        for lamp in self._names:
            own = chosen.lamps.get(lamp) or LampOptions(switch=0)
            address = own.server or chosen.server
            if address is None:
                raise wrong((*where, "server"), f"the lamp {lamp} has no server", "`HOST:PORT`, here or at the lamp")
            server = self._servers.setdefault(address, AlpacaServer(address, site.clock, chosen.deadline_s))
            self._lamps[lamp] = the_lamp(lamp, own, server)
        self.hardware = tuple(self._lamps[lamp].outlet for lamp in self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The lamps, as the observatory document names them."""
        return self._names

    async def on(self, lamp: str) -> None:
        """Switch one lamp on."""
        await self._turn(lamp, on=True)

    async def off(self, lamp: str) -> None:
        """Switch one lamp off. The command goes out while other requests wait for their answers."""
        await self._turn(lamp, on=False)

    async def all_off(self) -> None:
        """Switch all lamps off, each with a request of its own, all at once."""
        await each_of([self.off(lamp) for lamp in self._names])

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp from its server. One that can't be read is `unknown`.

        Raises:
            DeviceError: none can be read.
        """
        answers = await those_that_answer(map(self._state, self._names))
        return {lamp: answer or "unknown" for lamp, answer in zip(self._names, answers, strict=True)}

    async def close(self) -> None:
        """Release the connections without switching anything."""
        for server in self._servers.values():
            await server.close()

    async def _turn(self, lamp: str, *, on: bool) -> None:
        verb = "on" if on else "off"
        context = self._asker(lamp, verb)
        one = self._of(lamp, verb)
        async with bounded(self._clock, _VERB * self._deadline_s, context):
            await one.turn(context, on=on)

    async def _state(self, lamp: str) -> LampState:
        context = self._asker(lamp, "status")
        async with bounded(self._clock, _VERB * self._deadline_s, context):
            return await self._lamps[lamp].state(context)

    def _asker(self, lamp: str, verb: str) -> CommandContext:
        return CommandContext(f"{self._family}.{lamp}", verb)

    def _of(self, lamp: str, verb: str) -> AlpacaLamp:
        if lamp not in self._lamps:
            raise no_such_lamp(lamp, self._names, self._family, verb)
        return self._lamps[lamp]
