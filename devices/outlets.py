"""State of an outlet of a power switch, from its own report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.protocols import LampState

__all__ = ["folded", "lamp_state"]


def lamp_state(outlet: Mapping[str, Any]) -> LampState:
    """Return the state of an outlet: `state` is the commanded one, `physical_state` (if present) the relay's.

    The two differ while a switch staggers inrush currents (its sequence delay). The state is then `unknown`, since
    it is unknown how it ends.
    """
    asked = outlet.get("state")
    relay = outlet.get("physical_state", asked)
    if not isinstance(asked, bool) or not isinstance(relay, bool) or asked is not relay:
        return "unknown"
    return "on" if relay else "off"


def folded(name: str) -> str:
    """Return an outlet's name in lower case, with blanks and underscores as one."""
    return name.strip().casefold().replace(" ", "_")
