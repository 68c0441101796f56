"""Parts of every driver that switches lamps, by itself or as the second path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from safelight.devices.errors import DeviceFailed, ObservatoryError
from safelight.devices.observatory.yaml_document import nearest, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from safelight.devices.drivers import DeviceKind, DriverSite

__all__ = ["demand_known", "no_such_lamp", "open_lamps_alone", "options_place"]

T = TypeVar("T")


def open_lamps_alone(
    driver: str, lamps: Callable[[DriverSite, str, Mapping[str, Any]], T], kind: DeviceKind, site: DriverSite
) -> T:
    """Return the lamps of a driver that has nothing else.

    Args:
        driver: its name.
        lamps: its class for lamps; gets site, family and options.
        kind: what is asked for.
        site: the observatory and its clock.

    Raises:
        ObservatoryError: not lamps, or options that don't fit.
    """
    if kind == "lamps":
        return lamps(site, kind, site.observatory.lamps.options)
    path = site.observatory.lamps.second_path
    if kind == "second_lamps" and path is not None:
        return lamps(site, kind, path.options)
    raise ObservatoryError(f"the driver {driver!r} switches lamps; it has no {kind}")


def options_place(family: str) -> tuple[str, ...]:
    """Return the place of the driver's options in the observatory document."""
    return ("lamps", "options") if family == "lamps" else ("lamps", "second_path", "options")


def demand_known(named: Iterable[str], place: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Check that options name lamps of the observatory only.

    Args:
        named: the lamps in the options.
        place: where they are in the document.
        names: the lamps of the observatory.

    Raises:
        ObservatoryError: one is none.
    """
    for lamp in named:
        if lamp not in names:
            raise unknown((*place, lamp), "lamp", lamp, names)


def no_such_lamp(lamp: str, names: Iterable[str], family: str, verb: str) -> DeviceFailed:
    """Return the error of a verb for a lamp that the observatory does not have."""
    return DeviceFailed(f"no such lamp; {nearest(lamp, names)}", device=f"{family}.{lamp}", verb=verb)
