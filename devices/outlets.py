"""What an outlet of a power switch is, as its own words tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.protocols import LampState

__all__ = ["folded", "lamp_state"]


def lamp_state(outlet: Mapping[str, Any]) -> LampState:
    """What one outlet is: `state` is what was asked, `physical_state` (where it is told) what the relay does.

    The two differ while a switch staggers inrush currents (its sequence delay): then nobody knows how it ends.
    """
    asked = outlet.get("state")
    relay = outlet.get("physical_state", asked)
    if not isinstance(asked, bool) or not isinstance(relay, bool) or asked is not relay:
        return "unknown"
    return "on" if relay else "off"


def folded(name: str) -> str:
    """An outlet's name without regard to case, blanks and underscores being the same."""
    return name.strip().casefold().replace(" ", "_")
