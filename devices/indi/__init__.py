"""Devices behind an INDI server, by a thin client of our own (the driver `indi`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.indi.lamps import IndiLamps
from safelight.devices.lamp_drivers import open_lamps_alone

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["IndiLamps", "driver_options", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the device of that kind. Its connection is opened at the first verb.

    Raises:
        ObservatoryError: a kind of device that it has not, or options that don't fit.
    """
    monitor = site.observatory.lamps.monitor
    if kind == "lamp_monitor" and monitor is not None:
        from safelight.devices.indi.lamp_monitor import IndiLampMonitor  # noqa: PLC0415 - few have one

        return IndiLampMonitor(site, monitor.options)
    if kind == "spectrographs":
        # Guards switch lamps, and do not need it.
        from safelight.devices.indi.cameras import IndiSpectrographs  # noqa: PLC0415

        return IndiSpectrographs(site)
    if kind == "selectors" and site.observatory.selectors is not None:
        from safelight.devices.indi.selectors import IndiSelectors  # noqa: PLC0415

        return IndiSelectors(site, site.observatory.selectors)
    if kind == "telescopes" and site.observatory.telescopes is not None:
        from safelight.devices.indi.telescopes import IndiTelescopes  # noqa: PLC0415

        return IndiTelescopes(site, site.observatory.telescopes)
    return open_lamps_alone("indi", IndiLamps, kind, site)


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.indi.options import options_by_kind  # noqa: PLC0415

    return options_by_kind().get(kind)
