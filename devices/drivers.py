"""Choosing a driver for each kind of device, by the name in the observatory document.

A driver is a function that is given the kind of device and the site, and returns what fulfils that kind's
protocol. It is imported when an observatory names it, so that the libraries it needs stay optional. Other
packages add theirs through the entry-point group `safelight.drivers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.document import nearest
from safelight.devices.errors import ObservatoryError
from safelight.devices.protocols import Devices, Lamps

if TYPE_CHECKING:
    from pathlib import Path

    from safelight.devices.observatory import Observatory
    from safelight.devices.protocols import Timekeeper
    from safelight.devices.simulated.faults import Fault

__all__ = ["DRIVERS", "ENTRY_POINTS", "DeviceKind", "Driver", "Site", "open_devices", "open_lamps"]

DeviceKind = Literal["telescopes", "lamps", "spectrographs", "fibsel", "second_lamps"]

ENTRY_POINTS = "safelight.drivers"

DRIVERS = {
    "clu": "safelight.devices.clu:open_device",
    "dli": "safelight.devices.dli:open_device",
    "simulated": "safelight.devices.simulated:open_device",
}


@dataclass(frozen=True, slots=True)
class Site:
    """What a driver is given.

    Attributes:
        observatory: the whole document; a driver reads its own part.
        clock: all waiting goes through it.
        home: the folder where a driver may keep files.
        faults: what a simulated device is told to get wrong.
    """

    observatory: Observatory
    clock: Timekeeper
    home: Path
    faults: tuple[Fault, ...] = ()


Driver = Callable[[DeviceKind, Site], Any]


def open_devices(observatory: Observatory, *, clock: Timekeeper, home: Path, faults: tuple[Fault, ...] = ()) -> Devices:
    """The devices of an observatory; nothing is sent to them yet.

    Args:
        observatory: the document.
        clock: the time that the devices live in.
        home: the folder for what drivers keep (a simulated instrument: `home/simulated/`).
        faults: what simulated devices get wrong, from `load_faults`.

    Raises:
        ObservatoryError: an unknown driver, one whose packages are missing, or faults without a simulated
            device.
    """
    named = _named(observatory)
    if faults and "simulated" not in named.values():
        raise ObservatoryError("faults are for simulated devices, and this observatory has none")
    site = Site(observatory, clock, home, tuple(faults))
    opened = {kind: _driver(name)(kind, site) for kind, name in named.items()}
    return Devices(
        telescopes=opened.get("telescopes"),
        lamps=opened["lamps"],
        spectrographs=opened["spectrographs"],
        fibsel=opened.get("fibsel"),
        second_lamps=opened.get("second_lamps"),
        close=_closing(list(opened.values())),
    )


def open_lamps(
    observatory: Observatory, *, clock: Timekeeper, home: Path, faults: tuple[Fault, ...] = ()
) -> tuple[Lamps, Lamps | None, Callable[[], Any]]:
    """The lamps alone: the switch, the second path to it where there is one, and what closes both.

    Raises:
        ObservatoryError: as `open_devices`.
    """
    site = Site(observatory, clock, home, tuple(faults))
    lamps: Lamps = _driver(observatory.lamps.driver)("lamps", site)
    path = observatory.lamps.second_path
    second: Lamps | None = _driver(path.driver)("second_lamps", site) if path else None
    return lamps, second, _closing([lamps] if second is None else [lamps, second])


def _named(observatory: Observatory) -> dict[DeviceKind, str]:
    named: dict[DeviceKind, str] = {
        "lamps": observatory.lamps.driver,
        "spectrographs": observatory.spectrographs.driver,
    }
    if observatory.telescopes is not None:
        named["telescopes"] = observatory.telescopes.driver
    if observatory.fibsel is not None:
        named["fibsel"] = observatory.fibsel.driver
    if observatory.lamps.second_path is not None:
        named["second_lamps"] = observatory.lamps.second_path.driver
    return named


def _driver(name: str) -> Driver:
    if name in DRIVERS:
        module, function = DRIVERS[name].split(":")
        try:
            driver: Driver = getattr(import_module(module), function)
        except ImportError as error:
            raise ObservatoryError(f"the driver {name!r} needs packages that are missing: {error}") from error
        return driver
    from importlib.metadata import entry_points  # noqa: PLC0415  # slow, and rarely needed

    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        raise ObservatoryError(f"no driver {name!r}; {nearest(name, [*DRIVERS, *found])}")
    try:
        other: Driver = found[name].load()
    except Exception as error:
        raise ObservatoryError(f"the driver {name!r} can't be loaded: {error}") from error
    return other


def _closing(opened: list[Any]) -> Callable[[], Any]:
    async def close() -> None:
        """Close what has a connection; a failing one doesn't keep the others open."""
        failures = []
        for device in opened:
            try:
                if hasattr(device, "close"):
                    await device.close()
            except Exception as error:  # noqa: BLE001  # whatever it is, the other connections come first
                failures.append(error)
        if failures:
            raise failures[0]

    return close
