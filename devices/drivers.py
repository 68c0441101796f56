"""Choice of a driver for each kind of device, by its name in the observatory document.

A driver is a function that takes the kind of device and the site, and returns an object with that kind's
protocol. It is imported when an observatory names it, so that the libraries it needs stay optional. Other
packages add theirs through the entry-point group `safelight.drivers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.yaml_document import unknown, wrong
from safelight.devices.protocols import Devices, Lamps
from safelight.documents.errors import quoted
from safelight.text import how_to_install

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from safelight.devices.observatory.observatory import Observatory
    from safelight.devices.protocols import Timekeeper
    from safelight.devices.simulated.faults import Fault

__all__ = [
    "DRIVERS",
    "ENTRY_POINTS",
    "PLACES",
    "DeviceKind",
    "Driver",
    "DriverSite",
    "driver_of",
    "installed_drivers",
    "open_devices",
    "open_lamps",
]

DeviceKind = Literal["telescopes", "lamps", "spectrographs", "fibsel", "second_lamps", "selectors", "lamp_monitor"]

ENTRY_POINTS = "safelight.drivers"

PLACES: dict[DeviceKind, str] = {
    "telescopes": "telescopes",
    "lamps": "lamps",
    "second_lamps": "lamps.second_path",
    "spectrographs": "spectrographs",
    "fibsel": "fibsel",
    "selectors": "selectors",
    "lamp_monitor": "lamps.monitor",
}
"""Place of each kind of device in the observatory document."""

DRIVERS = {
    "alpaca": "safelight.devices.alpaca:open_device",
    "clu": "safelight.devices.clu:open_device",
    "dli": "safelight.devices.dli:open_device",
    "http": "safelight.devices.http:open_device",
    "indi": "safelight.devices.indi:open_device",
    "simulated": "safelight.devices.simulated:open_device",
}


@dataclass(frozen=True, slots=True)
class DriverSite:
    """Arguments of a driver.

    Attributes:
        observatory: the whole document; a driver reads its own part.
        clock: all waiting goes through it.
        home: the folder where a driver may keep files.
        faults: the faults of simulated devices.
    """

    observatory: Observatory
    clock: Timekeeper
    home: Path
    faults: tuple[Fault, ...] = ()


Driver = Callable[[DeviceKind, DriverSite], Any]


def open_devices(observatory: Observatory, *, clock: Timekeeper, home: Path, faults: tuple[Fault, ...] = ()) -> Devices:
    """Return the devices of an observatory. Nothing is sent to them yet.

    Args:
        observatory: the document.
        clock: the clock of the devices.
        home: the folder for what drivers keep (a simulated instrument: `home/simulated/`).
        faults: faults of simulated devices, from `load_faults`.

    Raises:
        ObservatoryError: an unknown driver, one whose packages are missing, or faults without a simulated
            device.
    """
    named = _named(observatory)
    if faults and "simulated" not in named.values():
        raise ObservatoryError("faults are for simulated devices, and this observatory has none")
    site = DriverSite(observatory, clock, home, tuple(faults))
    opened = _opened(named, site)
    return Devices(
        telescopes=opened.get("telescopes"),
        lamps=opened["lamps"],
        spectrographs=opened["spectrographs"],
        fibsel=opened.get("fibsel"),
        second_lamps=opened.get("second_lamps"),
        close=_closing(list(opened.values())),
        selectors=opened.get("selectors"),
        lamp_monitor=opened.get("lamp_monitor"),
    )


def open_lamps(
    observatory: Observatory, *, clock: Timekeeper, home: Path, faults: tuple[Fault, ...] = ()
) -> tuple[Lamps, Lamps | None, Callable[[], Any]]:
    """Return the lamps alone: the switch, its second path or None, and a function that closes both.

    Raises:
        ObservatoryError: as `open_devices`.
    """
    site = DriverSite(observatory, clock, home, tuple(faults))
    named = _named(observatory)
    for kind in ("telescopes", "spectrographs", "fibsel", "selectors", "lamp_monitor"):
        named.pop(kind, None)
    opened = _opened(named, site)
    lamps: Lamps = opened["lamps"]
    second: Lamps | None = opened.get("second_lamps")
    return lamps, second, _closing([lamps] if second is None else [lamps, second])


def _opened(named: Mapping[DeviceKind, str], site: DriverSite) -> dict[DeviceKind, Any]:
    """Return the device of each kind.

    Raises:
        ObservatoryError: all refusals of the drivers, with file and line.
    """
    opened: dict[DeviceKind, Any] = {}
    refused: list[ObservatoryError] = []
    for kind, name in named.items():
        try:
            opened[kind] = driver_of(name, f"{PLACES[kind]}.driver")(kind, site)
        except ObservatoryError as error:
            refused.append(error)
    if not refused:
        return opened
    # A package that is missing here is not an error of the document. Errors of the document come first.
    refused.sort(key=lambda error: isinstance(error.__cause__, ImportError))
    first = refused[0]
    # A simulated spectrograph reads the mask's options as well.
    located = [site.observatory.located(error) for error in refused]
    problems = list(dict.fromkeys(problem for error in located for problem in error.problems))
    if not located[0].problems or isinstance(first.__cause__, ImportError):
        raise located[0] from first.__cause__
    raise ObservatoryError(problems=problems) from first.__cause__


def _named(observatory: Observatory) -> dict[DeviceKind, str]:
    named: dict[DeviceKind, str] = {
        "lamps": observatory.lamps.driver,
        "spectrographs": observatory.spectrographs.driver,
    }
    if observatory.telescopes is not None:
        named["telescopes"] = observatory.telescopes.driver
    if observatory.fibsel is not None:
        named["fibsel"] = observatory.fibsel.driver
    if observatory.selectors is not None:
        named["selectors"] = observatory.selectors.driver
    if observatory.lamps.second_path is not None:
        named["second_lamps"] = observatory.lamps.second_path.driver
    if observatory.lamps.monitor is not None:
        named["lamp_monitor"] = observatory.lamps.monitor.driver
    return named


def driver_of(name: str, where: str = "driver") -> Driver:
    """Return the driver of that name.

    Args:
        name: in the observatory document.
        where: its path in the document, for the error.

    Raises:
        ObservatoryError: there is none, or it can't be loaded.
    """
    place = tuple(where.split("."))
    if name in DRIVERS:
        module, function = DRIVERS[name].split(":")
        try:
            driver: Driver = getattr(import_module(module), function)
        except ImportError as error:
            needed = error.name or quoted("Python", error)
            words = f"the driver {name!r} needs a package that is not installed: {needed}. {how_to_install(name)}"
            raise wrong(place, words) from error
        return driver
    found = _of_other_packages()
    if name not in found:
        raise unknown(place, "driver", name, [*DRIVERS, *found])
    try:
        other: Driver = found[name].load()
    except Exception as error:
        said = f"the driver {name!r} can't be loaded; {quoted(found[name].value, f'{type(error).__name__}: {error}')}"
        raise wrong(place, said) from error
    return other


def installed_drivers() -> tuple[str, ...]:
    """Return the names of all drivers: our own, then those of other packages."""
    return (*DRIVERS, *(name for name in sorted(_of_other_packages()) if name not in DRIVERS))


def _of_other_packages() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415  # slow, and rarely needed

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _closing(opened: list[Any]) -> Callable[[], Any]:
    async def close() -> None:
        """Close every device that has a connection. A failure doesn't keep the others open."""
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
