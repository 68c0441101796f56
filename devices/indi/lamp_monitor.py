"""A photodiode that is a number of an INDI device (`LampMonitor`)."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from safelight.devices.command_context import CommandContext
from safelight.devices.indi.device import IndiDevice, the_element
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.options import IndiMonitorOptions
from safelight.devices.observatory.driver_options import read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite

__all__ = ["IndiLampMonitor"]


class IndiLampMonitor:
    """One element of a number vector.

    Args:
        site: the observatory and its clock.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, options: Mapping[str, Any]) -> None:
        chosen = read_options(IndiMonitorOptions, options, "lamps.monitor.options")
        self._options = chosen
        self._line = IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s)
        self._device = IndiDevice(self._line, chosen.device, {})

    async def read(self) -> float:
        """Return the number, of a device that is connected and reports no trouble.

        Raises:
            DeviceError: no answer, no such element, or no number.
        """
        asking, chosen = CommandContext("lamp_monitor", "read"), self._options
        await self._device.connect(asking)
        vector = await self._device.read(chosen.property, asking)
        element = the_element(vector, chosen.element, asking)
        where = f"{chosen.device} {vector.name}"
        if vector.state == "Alert":
            raise asking.failed(f"{where} reports an alert")
        try:
            value = float(vector.values[element])
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise asking.failed(f"{where} {element} is {vector.values[element]!r}: no number")
        return value

    async def close(self) -> None:
        """Release the connection."""
        await self._line.close()
