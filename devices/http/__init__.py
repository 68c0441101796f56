"""Relay boards with a web API, described by their requests (the driver `http`).

A board needs no Python: the document names its requests and how an answer says on and off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.http.lamps import HttpLamps
from safelight.devices.lamp_drivers import open_lamps_alone

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["HttpLamps", "driver_options", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the lamps on those boards. The connections are opened at the first verb.

    Raises:
        ObservatoryError: not lamps, or options that don't fit.
    """
    monitor = site.observatory.lamps.monitor
    if kind == "lamp_monitor" and monitor is not None:
        from safelight.devices.http.lamp_monitor import HttpLampMonitor  # noqa: PLC0415 - few have one

        return HttpLampMonitor(site, monitor.options)
    return open_lamps_alone("http", HttpLamps, kind, site)


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.http.description import HttpOptions  # noqa: PLC0415

    if kind == "lamp_monitor":
        from safelight.devices.http.lamp_monitor import HttpMonitorOptions  # noqa: PLC0415

        return HttpMonitorOptions
    return HttpOptions if kind in {"lamps", "second_lamps"} else None
