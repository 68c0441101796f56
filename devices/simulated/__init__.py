"""Simulated observatory: it takes realistic times, keeps its state, and its pixels show what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.errors import ObservatoryError
from safelight.devices.simulated.faults import Fault, load_faults
from safelight.devices.simulated.switch import Outlet

if TYPE_CHECKING:
    from pydantic import BaseModel

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["Fault", "Outlet", "driver_options", "load_faults", "open_device"]


def open_device(kind: DeviceKind, site: DriverSite) -> Any:
    """Return the simulated device of that kind (the driver `simulated`).

    Raises:
        ObservatoryError: the document has no such device, or its options don't fit.
    """
    from safelight.devices.simulated import fibsel, selectors, spectrographs, switch, telescopes  # noqa: PLC0415

    observatory = site.observatory
    if kind in {"lamps", "second_lamps"}:
        return switch.SimulatedLamps(site, kind)
    if kind == "spectrographs":
        return spectrographs.SimulatedSpectrographs(site)
    if kind == "telescopes" and observatory.telescopes is not None:
        return telescopes.SimulatedTelescopes(site, observatory.telescopes)
    if kind == "fibsel" and observatory.fibsel is not None:
        return fibsel.SimulatedFibsel(site, observatory.fibsel)
    if kind == "selectors" and observatory.selectors is not None:
        return selectors.SimulatedSelectors(site, observatory.selectors)
    if kind == "lamp_monitor" and observatory.lamps.monitor is not None:
        return switch.SimulatedLampMonitor(site, observatory.lamps.monitor)
    raise ObservatoryError(f"{observatory.name} has no {kind}")


def driver_options(kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of this driver's `options` for a kind of device, or None where it has none."""
    from safelight.devices.simulated import fibsel, layout, selectors, switch  # noqa: PLC0415

    models: dict[DeviceKind, type[BaseModel]] = {
        "spectrographs": layout.Optics,
        "fibsel": fibsel.FibselOptions,
        "selectors": selectors.SelectorOptions,
        "lamp_monitor": switch.MonitorOptions,
    }
    return models.get(kind)
