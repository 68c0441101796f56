"""Waits: before a lamp is lit as late as possible, and with all lamps off where a sequence requests it."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from safelight.states.instrument import Instrument

__all__ = ["Wait", "WaitDark"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before a lamp is lit.

    Attributes:
        seconds: the longest wait, s.
        beside: ids of the parallel states. The wait ends when all of them have ended.
    """

    kind: ClassVar[str] = "wait"
    seconds: float
    beside: tuple[str, ...]

    async def act(self, instrument: Instrument) -> None:
        """Return when the lamp has to be lit, or when all parallel states have ended."""
        # A sleep, not a time limit: limits are extended on an accelerated clock.
        passed = asyncio.ensure_future(instrument.clock.sleep(self.seconds - self._early_s(instrument)))
        ended = asyncio.ensure_future(self._all_ended(instrument))
        try:
            await asyncio.wait([passed, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            passed.cancel()
            ended.cancel()
            await asyncio.wait([passed, ended])

    async def _all_ended(self, instrument: Instrument) -> None:
        """Return when all parallel states have ended."""
        for state in self.beside:
            await instrument.ended[state].wait()

    def _early_s(self, instrument: Instrument) -> float:
        """Return how much earlier than planned the parallel states ended last time, s."""
        kinds = {state.partition("/")[0] for state in self.beside}
        early_s = min((instrument.early_s.get(kind, 0.0) for kind in kinds), default=0.0)
        return min(early_s, self.seconds)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Leave everything as it is."""


@dataclass(frozen=True, slots=True)
class WaitDark:
    """Wait with all lamps off, so that ghosts fade or a dome settles.

    Attributes:
        seconds: duration of the wait, s.
    """

    kind: ClassVar[str] = "wait-dark"
    seconds: float

    async def act(self, instrument: Instrument) -> None:
        """Return after that time."""
        await instrument.clock.sleep(self.seconds)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Leave everything as it is."""
