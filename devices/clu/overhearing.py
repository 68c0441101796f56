"""Replies of the power switch's actor to any commander, read at the broker. The actor itself keeps no log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.outlets import folded, lamp_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.protocols import LampState

__all__ = ["Reported"]


class Reported:
    """Counts of how often each lamp went on or off, from all replies of the actor.

    Args:
        outlets: lamp -> the outlet's name.
    """

    def __init__(self, outlets: Mapping[str, str]) -> None:
        self._lamps = {folded(outlet): lamp for lamp, outlet in outlets.items()}
        self._states: dict[str, LampState] = {}
        self._counts = dict.fromkeys(outlets, (0, 0))

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Return lamp -> times that it went on, times that it went off."""
        return dict(self._counts)

    def hear(self, keywords: Mapping[str, Any]) -> None:
        """Take in one reply: a list of outlets, or a single one."""
        outlets = keywords.get("outlets")
        for outlet in [*(outlets if isinstance(outlets, list) else ()), keywords.get("outlet_info")]:
            if isinstance(outlet, dict):
                self._note(self._lamps.get(folded(str(outlet.get("name", "")))), lamp_state(outlet))

    def _note(self, lamp: str | None, state: LampState) -> None:
        if lamp is None or state == "unknown":
            return
        before = self._states.get(lamp)
        self._states[lamp] = state
        if before not in (None, state):
            ons, offs = self._counts[lamp]
            self._counts[lamp] = (ons + (state == "on"), offs + (state == "off"))
