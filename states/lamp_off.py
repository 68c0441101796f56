"""lamp-off: switch lamps off, and read back that they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import ClassVar

from safelight.devices.errors import DeviceError
from safelight.states.errors import StateError
from safelight.states.exposure import LATER
from safelight.states.instrument import Instrument
from safelight.states.paths import LampPaths
from safelight.states.shutters import note_shutters

__all__ = ["LampOff"]


@dataclass(frozen=True, slots=True)
class LampOff:
    """Switch these lamps off. The command is always sent, even to a lamp that is believed to be off.

    Attributes:
        least_s: (lamp, seconds) for lamps with a minimum on-time.
    """

    kind: ClassVar[str] = "lamp-off"
    lamps: tuple[str, ...]
    least_s: tuple[tuple[str, float], ...] = field(default=(), metadata={LATER: True})

    async def act(self, instrument: Instrument) -> None:
        """Wait for minimum on-times. Command all lamps at once, by every path, then read them back.

        Raises:
            StateError: if one is read back as on or unknown.
            DeviceError, TimeoutError: if one refused by every path, or refused and is not read as off. The others were
                commanded all the same.
        """
        lit = [(lamp, least_s) for lamp, least_s in self.least_s if lamp in instrument.lit_at]
        if lit:
            await instrument.clock.sleep(max(least_s - instrument.on_time_s(lamp) for lamp, least_s in lit))
        for lamp in self.lamps:
            instrument.note_off(lamp)
        paths = LampPaths.of(instrument.devices, instrument.clock, instrument.lamp_try_s)
        async with _shutters_seen(self.lamps, instrument):
            outcomes = dict(zip(self.lamps, await asyncio.gather(*map(paths.off, self.lamps)), strict=True))
        burning = {lamp: outcome for lamp, outcome in outcomes.items() if outcome.state != "off"}
        for outcome in outcomes.values():
            # A lamp that is dark and can't be commanded off must not be lit.
            if isinstance(outcome.error, Exception) and (outcome.state != "off" or not outcome.obeyed):
                raise outcome.error
        if burning:
            seen = ", ".join(f"{lamp} {outcome.state}" for lamp, outcome in burning.items())
            raise StateError(f"after the off command the switch reads: {seen}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Do nothing: safing continues where this stopped."""


@asynccontextmanager
async def _shutters_seen(lamps: tuple[str, ...], instrument: Instrument) -> AsyncIterator[None]:
    """Read the shutters back in parallel if all lamps are switched off, as at the beginning of a run.

    If this takes longer than the body it is abandoned, and the state that lights a lamp reads the shutters again.
    """
    if set(lamps) != set(instrument.devices.lamps.names):
        yield
        return
    looking = asyncio.create_task(_look_at_shutters(instrument))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def _look_at_shutters(instrument: Instrument) -> None:
    with suppress(DeviceError, TimeoutError):
        note_shutters(await instrument.devices.spectrographs.status(), instrument)
