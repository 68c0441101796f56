"""Driver `dli`: a Digital Loggers power switch, used directly by its REST API.

Usable as the only lamp driver, and as the second path to lamps that another driver normally switches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.dli.lamps import DliLamps
from safelight.devices.lamp_drivers import open_lamps_alone

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["DliLamps", "driver_options", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the lamps on that switch. The connection is opened at the first verb.

    Raises:
        ObservatoryError: not lamps, or options that don't fit.
    """
    return open_lamps_alone("dli", DliLamps, kind, site)


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.dli.switch import DliOptions  # noqa: PLC0415

    return DliOptions if kind in {"lamps", "second_lamps"} else None
