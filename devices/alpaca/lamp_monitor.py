"""A photodiode that is an element of an Alpaca Switch (`LampMonitor`)."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from safelight.devices.alpaca.options import AlpacaMonitorOptions
from safelight.devices.alpaca.server import AlpacaDevice, AlpacaServer
from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.observatory.driver_options import read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite

__all__ = ["AlpacaLampMonitor"]

_READ = 2.0
"""A reading is several requests: it may take this many times as long as one of them."""


class AlpacaLampMonitor:
    """One element of a Switch that measures.

    Args:
        site: the observatory and its clock.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, options: Mapping[str, Any]) -> None:
        chosen = read_options(AlpacaMonitorOptions, options, "lamps.monitor.options")
        self._element, self._deadline_s, self._clock = chosen.element, chosen.deadline_s, site.clock
        self._server = AlpacaServer(chosen.server, site.clock, chosen.deadline_s)
        self._device = AlpacaDevice("switch", chosen.switch)

    async def read(self) -> float:
        """Return the value of the element. Its place is looked up by name each time, as it may change.

        Raises:
            DeviceError: no answer, no such element, or no number.
        """
        context = CommandContext("lamp_monitor", "read")
        async with bounded(self._clock, _READ * self._deadline_s, context):
            self._server.forget_names(self._device)
            place = await self._server.element_place(self._device, self._element, context, overtakes=False)
            value = await self._server.get(self._device, "getswitchvalue", context, Id=place)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise context.failed(f"{self._server.where} says that the value of {self._element} is {value!r}: no number")
        return float(value)

    async def close(self) -> None:
        """Release the connection."""
        await self._server.close()
