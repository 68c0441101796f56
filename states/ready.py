"""ready: read back that the instrument is as the frame needs it, and put right what is not.

This is where nothing is believed: lamps, pointing, mask and detectors are asked right before each integration. In an
undisturbed run all is well and it takes one read-back; after a failure it brings the instrument back, warm-up
included, so that a retry starts from the same state as the first try.
"""

from dataclasses import dataclass
from typing import ClassVar

from safelight.states.errors import StateError
from safelight.states.exposure import Need
from safelight.states.fibsel_step import FibselStep
from safelight.states.instrument import Instrument
from safelight.states.lamp_off import LampOff
from safelight.states.lamp_warmup import LampWarmup
from safelight.states.look import Seen, look
from safelight.states.point import Point
from safelight.states.together import together

__all__ = ["Ready"]


@dataclass(frozen=True, slots=True)
class Ready:
    """Read back the frame's needs and put right what differs."""

    kind: ClassVar[str] = "ready"
    frame: str
    need: Need

    async def act(self, instrument: Instrument) -> None:
        """Look; if something differs, put it right once and look again.

        Raises:
            StateError: if it still differs.
        """
        seen = await look(self.need, instrument)
        if seen.problems:
            await self._put_right(seen, instrument)
            seen = await look(self.need, instrument)
        if seen.problems:
            raise StateError(f"not ready for {self.frame}: {'; '.join(seen.problems)}")
        instrument.seen[self.frame] = seen

    async def _put_right(self, seen: Seen, instrument: Instrument) -> None:
        """First what must not shine, then everything else beside each other."""
        if seen.foreign:
            await LampOff(seen.foreign).act(instrument)
        if seen.busy:
            await instrument.devices.spectrographs.abort()
            await instrument.devices.spectrographs.reset()
        repairs = []
        if seen.dark:
            repairs.append(self._relight(seen.dark, instrument))
        if seen.astray and self.need.position:
            repairs.append(Point(self.need.position).act(instrument))
        if seen.mask and self.need.fibre:
            repairs.append(FibselStep(self.need.fibre).act(instrument))
        await together(*repairs)

    async def _relight(self, dark: tuple[str, ...], instrument: Instrument) -> None:
        status = await instrument.devices.lamps.status()
        for lamp in dark:
            if status.get(lamp) != "on":
                instrument.lit_at.pop(lamp, None)
        await LampWarmup(self.need.lamps, self.need.warmup_s).act(instrument)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop whatever was set moving."""
        if instrument.devices.telescopes is not None:
            await instrument.devices.telescopes.stop()
        if instrument.devices.fibsel is not None:
            await instrument.devices.fibsel.stop()
