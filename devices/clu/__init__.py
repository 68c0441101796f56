"""Actors that speak the CLU protocol over RabbitMQ, as at the Local Volume Mapper (the driver `clu`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.clu.fibsel import CluFibsel
from safelight.devices.clu.lamps import CluLamps
from safelight.devices.clu.spectrographs import CluSpectrographs
from safelight.devices.clu.telescopes import CluTelescopes
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from safelight.devices.drivers import DeviceKind, Site

__all__ = ["CluFibsel", "CluLamps", "CluSpectrographs", "CluTelescopes", "open_device"]


def open_device(kind: DeviceKind, site: Site) -> Any:
    """The device of that kind; its connection is opened at the first verb, each device has one of its own.

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
