"""park: send the telescopes to their park position, after the last lamp is off."""

from dataclasses import dataclass
from typing import ClassVar

from safelight.states.instrument import Instrument
from safelight.states.point import Point

__all__ = ["Park"]


@dataclass(frozen=True, slots=True)
class Park:
    """Slew to the park position."""

    kind: ClassVar[str] = "park"
    position: str

    async def act(self, instrument: Instrument) -> None:
        """Slew, then read back (as point does)."""
        await Point(self.position).act(instrument)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Stop all motion."""
        await Point(self.position).clean_up(instrument, again=again)
