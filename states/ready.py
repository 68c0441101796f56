"""ready: check that the instrument is as the frame needs it, and correct what is not.

Lamps, pointing, mask and detectors are read back right before each integration. In an undisturbed run this takes one
read-back. After a failure it brings the instrument back, warm-up included, so that a retry starts from the same state
as the first try.
"""

from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.concurrently import together
from safelight.devices.errors import DeviceError
from safelight.devices.protocols import CooledSpectrographs
from safelight.states.configure import Configure
from safelight.states.errors import Occupied, StateError
from safelight.states.exposure import AS_FOUND, Need, ReadBack
from safelight.states.fibsel_step import FibselStep
from safelight.states.instrument import Instrument
from safelight.states.lamp_off import LampOff
from safelight.states.lamp_warmup import LampWarmup
from safelight.states.paths import lamps_now
from safelight.states.point import Point
from safelight.states.read_back import read_instrument, read_temperatures, too_warm
from safelight.states.shutters import darken, not_closed, release
from safelight.states.wait import WaitDark
from safelight.states.work import LAMPS, SHUTTERS, Order

__all__ = ["Ready", "Restore"]

_LOOK_EVERY_S = 1.0
"""Interval at which a motion is read back, s."""
_SOON_S = 2.0
"""Time limit for reading the shutters while a lamp is on, s."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Read back the frame's needs and correct what differs."""

    kind: ClassVar[str] = "ready"
    order: ClassVar[Order] = (SHUTTERS, LAMPS)
    frame: str
    need: Need

    async def act(self, instrument: Instrument) -> None:
        """Read back. If something differs, correct it once and read back again.

        Raises:
            Occupied: if another program exposes; its exposure is left alone.
            StateError: if it still differs.
        """
        seen = await read_instrument(self.need, instrument)
        if seen.theirs is not None:
            raise Occupied(seen.theirs)
        if seen.problems:
            await self._put_right(seen, instrument)
            seen = await read_instrument(self.need, instrument)
        if seen.problems:
            by_guards = "".join(f"; {lamp}{instrument.blame(lamp)}" for lamp in seen.dark if lamp in instrument.put_out)
            raise StateError(f"not ready for {self.frame}: {'; '.join(seen.problems)}{by_guards}")
        self._pin(seen, instrument)
        instrument.seen[self.frame] = seen

    def _pin(self, seen: ReadBack, instrument: Instrument) -> None:
        """Fix the read-back place of mask and telescopes as the one to demand, where nothing declared it before."""
        if self.need.fibre == AS_FOUND and seen.fibre_steps is not None:
            instrument.fibres.setdefault(AS_FOUND, seen.fibre_steps)
        seen_at = dict(seen.setup)
        for selector, position in self.need.setup:
            if position == AS_FOUND and selector in seen_at:
                instrument.found.setdefault(selector, seen_at[selector])
        if self.need.position == AS_FOUND:
            instrument.positions.setdefault(AS_FOUND, dict(seen.pointing))

    async def _put_right(self, seen: ReadBack, instrument: Instrument) -> None:
        """Correct what differs: first lamps that must be off, then shutters and detectors, then the rest."""
        if not seen.closed:
            await darken(self.need.lamps, instrument)
        if seen.foreign:
            await LampOff(seen.foreign).act(instrument)
        if seen.busy:
            await release(instrument)
        dark = seen.dark if seen.closed else self.need.lamps
        if seen.dimmed and not dark:
            await LampWarmup.of(self.need).act(instrument)
        repairs = [_cooled(instrument)] if seen.warm else []
        if seen.misplaced:
            repairs.append(Configure(self.need.places).act(instrument))
        if dark:
            repairs.append(self._relight(dark, instrument))
        if seen.astray and self.need.position:
            known = self.need.position in instrument.positions
            repairs.append(Point(self.need.position).act(instrument) if known else _telescopes_at_rest(instrument))
        if seen.mask and self.need.fibre:
            known = self.need.fibre in instrument.fibres
            repairs.append(FibselStep(self.need.fibre).act(instrument) if known else _mask_at_rest(instrument))
        await together(*repairs)

    async def _relight(self, dark: tuple[str, ...], instrument: Instrument) -> None:
        status = await lamps_now(instrument.devices, instrument.clock)
        for lamp in dark:
            if status.get(lamp) != "on":
                instrument.note_off(lamp)
        await LampWarmup.of(self.need).act(instrument)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Switch its lamps off if a shutter is not known to be closed, then stop everything that was set moving."""
        if again and self.need.lamps and not await _surely_closed(instrument):
            await darken(self.need.lamps, instrument)
        if instrument.devices.telescopes is not None:
            await instrument.devices.telescopes.stop()
        if instrument.devices.fibsel is not None:
            await instrument.devices.fibsel.stop()
        if instrument.devices.selectors is not None:
            await instrument.devices.selectors.stop()


@dataclass(frozen=True, slots=True)
class Restore:
    """Switch every lamp off, light those of the frame again, put pointing and mask back.

    A lamp that was on and did not shine gets another strike by it.

    Attributes:
        frame: the frame that is taken again.
        need: what it needs, its lamps as warm as any frame before has asked.
        off: the lamps to switch off; a lamp that warms up behind closed shutters is none of them.
        least_s: (lamp, seconds) for those with a minimum on-time.
        dark_s: time with all of them off before one is lit again, s.
    """

    kind: ClassVar[str] = "restore"
    order: ClassVar[Order] = (SHUTTERS, LAMPS)
    frame: str
    need: Need
    off: tuple[str, ...]
    least_s: tuple[tuple[str, float], ...] = ()
    dark_s: float = 0.0

    async def act(self, instrument: Instrument) -> None:
        """Switch off, then put right whatever differs from the need.

        Raises:
            Occupied: another client exposes; it is left alone.
            StateError: if it still differs.
        """
        if self.off:
            await LampOff(self.off, self.least_s).act(instrument)
        if self.dark_s:
            await WaitDark(self.dark_s).act(instrument)
        await Ready(self.frame, self.need).act(instrument)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Stop whatever was set moving, as ready does."""
        await Ready(self.frame, self.need).clean_up(instrument, again=again)


async def _surely_closed(instrument: Instrument) -> bool:
    """Return whether every shutter is read as closed within a short time."""
    try:
        async with instrument.clock.timeout(_SOON_S):
            return not_closed(await instrument.devices.spectrographs.status()) is None
    except (DeviceError, TimeoutError):
        return False


async def _telescopes_at_rest(instrument: Instrument) -> None:
    """Return when no telescope slews. The caller sets the deadline."""
    telescopes = instrument.devices.telescopes
    while telescopes and any(seen.slewing for seen in (await telescopes.status()).values()):
        await instrument.clock.sleep(_LOOK_EVERY_S)


async def _mask_at_rest(instrument: Instrument) -> None:
    """Return when the mask does not move. The caller sets the deadline."""
    fibsel = instrument.devices.fibsel
    while fibsel and (await fibsel.status()).moving:
        await instrument.clock.sleep(_LOOK_EVERY_S)


async def _cooled(instrument: Instrument) -> None:
    """Set the detectors' temperature. Return when it is reached, or after the longest wait."""
    spectrographs = instrument.devices.spectrographs
    if instrument.set_point_c is None or not isinstance(spectrographs, CooledSpectrographs):
        return
    await spectrographs.cool(instrument.set_point_c)
    until = instrument.clock.now() + instrument.cooling_s
    while too_warm(await read_temperatures(instrument), instrument) and instrument.clock.now() < until:
        await instrument.clock.sleep(_LOOK_EVERY_S)
