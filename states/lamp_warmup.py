"""lamp-warmup: light the lamps of a frame and wait until each has burnt long enough. The only place that lights."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.protocols import LampState
from safelight.states.errors import StateError
from safelight.states.instrument import Instrument
from safelight.states.together import together

__all__ = ["LampWarmup", "light"]


async def light(lamp: str, instrument: Instrument) -> None:
    """Ask whoever watches, then command one lamp on and note when it was acknowledged."""
    await instrument.before_lamp_on(lamp, instrument.longest_on_s[lamp])
    instrument.doubtful.add(lamp)
    await instrument.devices.lamps.on(lamp)
    instrument.doubtful.discard(lamp)
    instrument.lit_at[lamp] = instrument.clock.now()


@dataclass(frozen=True, slots=True)
class LampWarmup:
    """Light lamps together; ends when each has burnt for its `warmup_s` (s, same length as `lamps`)."""

    kind: ClassVar[str] = "lamp-warmup"
    lamps: tuple[str, ...]
    warmup_s: tuple[float, ...]

    async def act(self, instrument: Instrument) -> None:
        """Light those that are not known to burn, read back, wait for the rest of the warm-up.

        Raises:
            StateError: if a lamp is not read back as on.
        """
        dark = [lamp for lamp in self.lamps if lamp not in instrument.lit_at]
        await together(*(light(lamp, instrument) for lamp in dark))
        status = await instrument.devices.lamps.status()
        for lamp in self.lamps:
            self._believe(lamp, status.get(lamp, "unknown"), instrument)
        left_s = (warmup_s - instrument.burnt_s(lamp) for lamp, warmup_s in zip(self.lamps, self.warmup_s, strict=True))
        await instrument.clock.sleep(max(left_s, default=0.0))

    def _believe(self, lamp: str, state: LampState, instrument: Instrument) -> None:
        if state != "on":
            instrument.lit_at.pop(lamp, None)
            raise StateError(f"lamp {lamp} was commanded on, but the switch reads {state}: look at its outlet")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Switch off what may have been lit: an ON whose outcome is unknown is followed by an OFF.

        On the way out, safing does that, for every lamp.
        """
        if again:
            for lamp in self.lamps:
                instrument.lit_at.pop(lamp, None)
            await asyncio.gather(*(instrument.devices.lamps.off(lamp) for lamp in self.lamps), return_exceptions=True)
