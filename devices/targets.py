"""Targets of a verb, checked against the observatory document before anything moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.errors import DeviceFailed
from safelight.devices.observatory.yaml_document import nearest, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from safelight.devices.observatory.observatory import Observatory
    from safelight.devices.observatory.selectors import SelectorModel
    from safelight.devices.protocols import AltAz

__all__ = ["demand_positions", "demand_telescopes", "park_direction"]


def demand_telescopes(named: Iterable[str], names: tuple[str, ...]) -> None:
    """Check that a slew names telescopes of the observatory only.

    Raises:
        DeviceFailed: one is none.
    """
    for name in named:
        if name not in names:
            known = nearest(name, names)
            raise DeviceFailed(f"no such telescope; {known}", device=f"telescopes.{name}", verb="goto")


def park_direction(observatory: Observatory, telescope: str, parked_at: str | None) -> AltAz | None:
    """Return the direction that stands for a parked telescope, or None if the document names none.

    Args:
        observatory: the document.
        telescope: its name.
        parked_at: the position at which it is parked.

    Raises:
        ObservatoryError: there is no such position.
    """
    if parked_at is None:
        return None
    if parked_at not in observatory.positions:
        place = ("telescopes", "units", telescope, "parked_at")
        raise unknown(place, "position", parked_at, observatory.positions)
    return observatory.targets(parked_at)[telescope]


def demand_positions(targets: Mapping[str, str], units: Mapping[str, SelectorModel]) -> None:
    """Check that a move names selectors of the observatory and their positions only.

    Args:
        targets: selector -> position.
        units: the selectors of the observatory.

    Raises:
        DeviceFailed: there is no such selector or position.
    """
    for name, position in targets.items():
        if name not in units:
            known = f"no such selector; {nearest(name, units)}"
        elif position not in units[name].names:
            known = f"no position {position!r}; {nearest(position, units[name].names)}"
        else:
            continue
        raise DeviceFailed(known, device=f"selectors.{name}", verb="move")
