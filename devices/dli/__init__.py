"""A Digital Loggers power switch, spoken to directly by its REST API (the driver `dli`).

Usable as the only lamp driver, and as the second path to lamps that are normally switched by somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.dli.lamps import DliLamps
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from safelight.devices.drivers import DeviceKind, Site

__all__ = ["DliLamps", "open_device"]


def open_device(kind: DeviceKind, site: Site) -> Any:
    """The lamps on that switch; the connection is opened at the first verb.

    Raises:
        ObservatoryError: not lamps, or options that don't fit.
    """
    if kind == "lamps":
        return DliLamps(site, kind, site.observatory.lamps.options)
    path = site.observatory.lamps.second_path
    if kind == "second_lamps" and path is not None:
        return DliLamps(site, kind, path.options)
    raise ObservatoryError(f"the driver 'dli' switches lamps; it has no {kind}")
