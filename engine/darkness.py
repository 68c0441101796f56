"""The lamps on the way out of a run: safing that goes on whatever is cancelled, and looks again for late commands."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from safelight.devices import LampState, Timekeeper
from safelight.engine.safing import Safing
from safelight.engine.shape import SAFING

__all__ = ["Darkness", "wait_for"]

_SAFINGS = 10
"""How often a safing that was cancelled before it could begin is begun again."""
_LATE_S = 5.0
"""How late a lamp command without an outcome is looked for again, s: a slow switch answers after 4.9 s."""


@dataclass(frozen=True, slots=True)
class Darkness:
    """All lamps off, read back.

    Attributes:
        safing: switches them off and reads them.
        doubtful: lamps whose on-command has no known outcome, as the run has it now.
    """

    safing: Safing
    clock: Timekeeper
    doubtful: Collection[str]

    def begin(self) -> "asyncio.Task[dict[str, LampState]]":
        """Start at once."""
        return asyncio.create_task(self._make_safe(), name=SAFING)

    async def reached(self, safing: "asyncio.Task[dict[str, LampState]]") -> dict[str, LampState]:
        """Each lamp as safing has read it; a safing that was broken off begins again, some times."""
        for _ in range(_SAFINGS):
            await wait_for([safing], None)
            if not safing.cancelled() and safing.exception() is None:
                return safing.result()
            safing = self.begin()
        safing.cancel()
        return dict.fromkeys(self.safing.lamps.names, "unknown")

    async def _make_safe(self) -> dict[str, LampState]:
        """All lamps; and once more, later, where an on-command without an outcome may still be obeyed."""
        lamps = await self.safing.all_lamps()
        if self.doubtful:
            with suppress(asyncio.CancelledError):
                await self.clock.sleep(_LATE_S)
            lamps = await self.safing.all_lamps()
        return lamps


async def wait_for(tasks: list[asyncio.Task[Any]], seconds: float | None) -> None:
    """Until all have ended, for so many seconds on the wall at the most; their failures do not matter any more."""
    waiting = True
    while waiting and tasks:
        with suppress(asyncio.CancelledError):
            await asyncio.wait(tasks, timeout=seconds)
            waiting = False
