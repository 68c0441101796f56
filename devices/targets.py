"""Targets of a verb, checked against the observatory document before anything moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.errors import DeviceFailed
from safelight.devices.observatory.yaml_document import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from safelight.devices.observatory.selectors import SelectorModel

__all__ = ["demand_positions", "demand_telescopes"]


def demand_telescopes(named: Iterable[str], names: tuple[str, ...]) -> None:
    """Check that a slew names telescopes of the observatory only.

    Raises:
        DeviceFailed: one is none.
    """
    for name in named:
        if name not in names:
            known = nearest(name, names)
            raise DeviceFailed(f"no such telescope; {known}", device=f"telescopes.{name}", verb="goto")


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
