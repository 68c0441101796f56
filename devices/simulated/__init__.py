"""A whole observatory in software: it takes its time, holds its state, and its pixels show what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.errors import ObservatoryError
from safelight.devices.simulated.faults import Fault, load_faults
from safelight.devices.simulated.switch import Outlet

if TYPE_CHECKING:
    from safelight.devices.drivers import DeviceKind, Site

__all__ = ["Fault", "Outlet", "load_faults", "open_device"]


def open_device(kind: DeviceKind, site: Site) -> Any:
    """The simulated device of that kind (the driver `simulated`).

    Raises:
        ObservatoryError: the document has no such device, or its options don't fit.
    """
    from safelight.devices.simulated import fibsel, spectrographs, switch, telescopes  # noqa: PLC0415

    observatory = site.observatory
    if kind in {"lamps", "second_lamps"}:
        return switch.SimulatedLamps(site, kind)
    if kind == "spectrographs":
        return spectrographs.SimulatedSpectrographs(site)
    if kind == "telescopes" and observatory.telescopes is not None:
        return telescopes.SimulatedTelescopes(site, observatory.telescopes)
    if kind == "fibsel" and observatory.fibsel is not None:
        return fibsel.SimulatedFibsel(site, observatory.fibsel)
    raise ObservatoryError(f"{observatory.name} has no {kind}")
