"""Actors that speak the CLU protocol over RabbitMQ, as at the Local Volume Mapper (the driver `clu`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.clu.fibsel import CluFibsel
from safelight.devices.clu.lamps import CluLamps
from safelight.devices.clu.spectrographs import CluSpectrographs
from safelight.devices.clu.telescopes import CluTelescopes
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["CluFibsel", "CluLamps", "CluSpectrographs", "CluTelescopes", "driver_options", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the device of that kind. Each device has its own connection, opened at the first verb.

    Raises:
        ObservatoryError: the document has no such device, or its options don't fit.
    """
    observatory = site.observatory
    if kind == "lamps":
        return CluLamps(site)
    if kind == "spectrographs":
        return CluSpectrographs(site)
    if kind == "telescopes" and observatory.telescopes is not None:
        return CluTelescopes(site, observatory.telescopes)
    if kind == "fibsel" and observatory.fibsel is not None:
        return CluFibsel(site, observatory.fibsel)
    raise ObservatoryError(f"the driver 'clu' has no {kind} for {observatory.name}")


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.clu import fibsel, lamps, spectrographs, telescopes  # noqa: PLC0415

    models: dict[DeviceKind, type[BaseModel]] = {
        "lamps": lamps._LampOptions,  # noqa: SLF001  # our own modules
        "spectrographs": spectrographs._SpectrographOptions,  # noqa: SLF001
        "telescopes": telescopes._TelescopeOptions,  # noqa: SLF001
        "fibsel": fibsel._FibselOptions,  # noqa: SLF001
    }
    return models.get(kind)
