"""lamp-off: switch lamps off, and read back that they are."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from safelight.states.errors import StateError
from safelight.states.instrument import Instrument

__all__ = ["LampOff"]


@dataclass(frozen=True, slots=True)
class LampOff:
    """Switch these lamps off; the command is always sent, whatever is believed of them."""

    kind: ClassVar[str] = "lamp-off"
    lamps: tuple[str, ...]

    async def act(self, instrument: Instrument) -> None:
        """Command all of them at once, then read back.

        Raises:
            StateError: if one is read back as on or unknown.
            DeviceError: if one refused; the others were commanded all the same.
        """
        for lamp in self.lamps:
            instrument.lit_at.pop(lamp, None)
        answers = await asyncio.gather(
            *(instrument.devices.lamps.off(lamp) for lamp in self.lamps), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        status = await instrument.devices.lamps.status()
        burning = [lamp for lamp in self.lamps if status.get(lamp, "unknown") != "off"]
        if burning:
            seen = ", ".join(f"{lamp} {status.get(lamp, 'unknown')}" for lamp in burning)
            raise StateError(f"after the off command the switch reads: {seen}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Nothing: safing goes on where this stopped."""
