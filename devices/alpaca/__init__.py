"""Devices behind the ASCOM Alpaca interface: HTTP with JSON, spoken by N.I.N.A.'s world (the driver `alpaca`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.alpaca.lamps import AlpacaLamps
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["AlpacaLamps", "driver_options", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the device of that kind. Its connection is opened at the first verb.

    Raises:
        ObservatoryError: the document has no such device, or its options don't fit.
    """
    observatory = site.observatory
    if kind == "lamps":
        return AlpacaLamps(site, kind, observatory.lamps.options)
    if kind == "second_lamps" and observatory.lamps.second_path is not None:
        return AlpacaLamps(site, kind, observatory.lamps.second_path.options)
    # Guards switch lamps, and need neither.
    from safelight.devices.alpaca.cameras import AlpacaSpectrographs  # noqa: PLC0415
    from safelight.devices.alpaca.telescopes import AlpacaTelescopes  # noqa: PLC0415

    if kind == "spectrographs":
        return AlpacaSpectrographs(site)
    if kind == "telescopes" and observatory.telescopes is not None:
        return AlpacaTelescopes(site, observatory.telescopes)
    if kind == "selectors" and observatory.selectors is not None:
        from safelight.devices.alpaca.selectors import AlpacaSelectors  # noqa: PLC0415

        return AlpacaSelectors(site, observatory.selectors)
    if kind == "lamp_monitor" and observatory.lamps.monitor is not None:
        from safelight.devices.alpaca.lamp_monitor import AlpacaLampMonitor  # noqa: PLC0415

        return AlpacaLampMonitor(site, observatory.lamps.monitor.options)
    raise ObservatoryError(f"the driver 'alpaca' has no {kind} for {observatory.name}")


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.alpaca.options import options_by_kind  # noqa: PLC0415

    return options_by_kind().get(kind)
