"""Hartmann doors of one spectrograph, behind the same actor as its shutter (`lvmieb`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.errors import DeviceError, DeviceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.clu.link import Link

__all__ = ["Door", "Doors", "Wish", "as_card"]

Door = Literal["open", "closed", "unknown", "without power"]
"""State of a door, as its motor reads it."""

Wish = Literal["open", "demand", "ignore"]
"""Action on a closed door before a frame with light: open it, fail the frame, or do not read the doors."""

_SIDES = ("left", "right")
_MOVING_S = 10.0
"""[wire] Time limit of a move, s: lvmieb waits 5 s for a connection and 3 s for an answer; a door takes about 1 s."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Both doors of one spectrograph.

    Attributes:
        unit: the spectrograph (`sp1`).
        box: the actor that moves them.
        wish: what happens to a closed one.
    """

    unit: str
    box: str
    link: Link
    wish: Wish

    async def read(self) -> dict[str, Door]:
        """Read each side from its motor. What can't be read is unknown."""
        try:
            answer = await self.link.ask(self.box, "hartmann status", self.unit, device=self._device)
        except DeviceError:
            return dict.fromkeys(_SIDES, "unknown")
        return {side: _door(answer.get(f"{self.unit}_hartmann_{side}")) for side in _SIDES}

    async def require_open(self) -> dict[str, Door]:
        """Read both, open those that are closed if the document says so, and read them back.

        Returns:
            Each side, open; empty where the doors are not read.

        Raises:
            DeviceFailed: one is not read as open.
            DeviceError: one could not be commanded.
        """
        if self.wish == "ignore":
            return {}
        seen = await self.read()
        closed = [side for side, door in seen.items() if door == "closed"]
        if self.wish == "open" and closed:
            for side in closed:
                await self._open(side)
            seen = await self.read()
        if any(door != "open" for door in seen.values()):
            raise DeviceFailed(self._complaint(seen), device=self._device, verb="expose")
        return seen

    async def closed(self) -> str | None:
        """Return, in words, each door that is read as closed while light falls through, or None if there is none.

        A door that can't be read now was open before. That alone spoils no exposure.

        One that can't be read now was open before: that alone spoils no exposure.
        """
        if self.wish == "ignore":
            return None
        sides = [side for side, door in (await self.read()).items() if door == "closed"]
        return f"its Hartmann door is closed: {' and '.join(sides)}" if sides else None

    @property
    def _device(self) -> str:
        return f"spectrographs.{self.unit}"

    async def _open(self, side: str) -> None:
        words = ("hartmann open", "-s", side, self.unit)
        await self.link.ask(self.box, *words, device=self._device, as_verb="expose", deadline_s=_MOVING_S)

    def _complaint(self, seen: Mapping[str, Door]) -> str:
        words = " and ".join(f"{side} {door}" for side, door in seen.items())
        hint = f"; open them by hand (`{self.box} hartmann open`), or set `hartmann: open`" * (self.wish == "demand")
        return f"its Hartmann doors read {words}, and a frame with light needs both open{hint}"


def _door(told: Any) -> Door:
    """Return one side from the box's reply."""
    if not isinstance(told, dict) or not isinstance(told.get("open"), bool):
        return "unknown"
    if told.get("power") is False:
        return "without power"
    if told.get("invalid"):
        return "unknown"
    return "open" if told["open"] else "closed"


def as_card(seen: Mapping[str, Door]) -> str | None:
    """Return HARTMANN as lvmscp writes it: left and right, 0 for open, 1 for closed. None if one is unknown."""
    digits = {"open": "0", "closed": "1"}
    values = [digits.get(seen.get(side, "unknown")) for side in _SIDES]
    return " ".join(value for value in values if value) if all(values) else None
