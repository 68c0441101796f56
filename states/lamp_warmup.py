"""lamp-warmup, lamp-timed and shutter-timed: the light of a frame's lamps. Only the first two light lamps.

Before a lamp is lit, every shutter is read back, and closed where it is open. After a crash, a broker's stop or a
failure of another program, a lamp would otherwise shine onto open detectors for its whole warm-up. Only a lamp that is
on for a part of an exposure is lit while the shutters are open, by lamp-timed. One that needs a warm-up stays on behind
its source shutter, which shutter-timed opens for a part of the exposure.

A warm-up may end when the light is steady: a lamp monitor is read until it says so, or until the longest time.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar

from safelight.devices.concurrently import together
from safelight.devices.errors import DeviceError
from safelight.devices.protocols import DimmableLamps, LampState
from safelight.states.configure import misplaced, not_blocking, read_selectors
from safelight.states.errors import BadFrame, StateError
from safelight.states.exposure import LATER, Need, Opening, Shield, SteadyLight
from safelight.states.instrument import Instrument
from safelight.states.paths import LampPaths, lamps_now
from safelight.states.shutters import close_shutters, darken
from safelight.states.work import BLOCKED, LAMPS, SHUTTERS, Order
from safelight.text import in_sentence

__all__ = ["LampWarmup", "TimedLamp", "TimedShutter", "is_steady", "light"]

Readings = Sequence[tuple[float, float]]
"""(seconds, light)."""

_STRIKES_WITHIN_S = 30.0
"""A lamp that shows no light so long after it was lit has not struck, s."""
_ANSWER_S = 5.0
"""Time limit of one reading, s."""
_COVERED = 0.9
"""Share of the window that readings have to cover."""
_POLLED_S = 0.5
"""How much later than expected the end of a move may be noticed, s."""
_HELD = 0.25
"""Share of the window for which the light has to stay steady."""


async def light(lamp: str, instrument: Instrument) -> None:
    """Light one lamp, after its rest and with the guards' permission. Note when the command was acknowledged."""
    await instrument.rested(lamp)
    instrument.unsteady.pop(lamp, None)
    instrument.steady_s.pop(lamp, None)
    await instrument.before_lamp_on(lamp, instrument.longest_on_s[lamp])
    # Until now the guards may have reported that they have switched it off.
    instrument.put_out.pop(lamp, None)
    instrument.doubtful.add(lamp)
    await instrument.devices.lamps.on(lamp)
    instrument.doubtful.discard(lamp)
    instrument.lit_at[lamp] = instrument.clock.now()


@dataclass(frozen=True, slots=True)
class LampWarmup:
    """Light lamps together. It ends when each has been on for its `warmup_s` (s, same length as `lamps`).

    Attributes:
        levels: (lamp, percent) for lamps that can be dimmed, set before they are lit.
        level_s: time until another level of a lamp that is already lit is steady, s.
        steady: what ends it, after `warmup_s` at the earliest; None: `warmup_s` alone.
        shields: positions of selectors that block the light of these lamps. They are read back instead of the
            shutters, so that another frame may integrate meanwhile.
    """

    kind: ClassVar[str] = "lamp-warmup"
    lamps: tuple[str, ...]
    warmup_s: tuple[float, ...]
    levels: tuple[tuple[str, float], ...] = field(default=(), metadata={LATER: True})
    level_s: float = field(default=0.0, metadata={LATER: True})
    steady: SteadyLight | None = field(default=None, metadata={LATER: True})
    shields: tuple[Shield, ...] = field(default=(), metadata={LATER: True})

    @property
    def order(self) -> Order:
        """Deeds of the state: what makes sure that no detector sees the light, then the lamps."""
        return (BLOCKED, LAMPS) if self.shields else (SHUTTERS, LAMPS)

    @classmethod
    def of(cls, need: Need) -> "LampWarmup":
        """Return the warm-up of a frame's lamps."""
        return cls(need.lamps, need.warmup_s, need.levels, steady=need.steady)

    async def act(self, instrument: Instrument) -> None:
        """Close the shutters, light the lamps that are not known to be on, read back, and wait for the warm-up.

        Behind source shutters, these are read back as blocking instead. Both are read after the lamps' rest, in which
        another program may have begun to expose.

        Raises:
            Occupied: if another program exposes; nothing is lit.
            StateError: if a shutter is not read back as closed, a source shutter not as blocking, a lamp not as on,
                or the lamp monitor sees no light.
        """
        dark = [lamp for lamp in self.lamps if lamp not in instrument.lit_at]
        await instrument.rested(*dark)
        if self.shields:
            problem = not_blocking(self.shields, await read_selectors(instrument))
            if problem:
                raise StateError(f"no lamp is lit: {problem}")
        elif dark and instrument.behind_shutters:
            await close_shutters(instrument)
        await self._dim(instrument)
        await together(*(light(lamp, instrument) for lamp in dark))
        status = await lamps_now(instrument.devices, instrument.clock)
        for lamp in self.lamps:
            _demand_lit(lamp, status.get(lamp, "unknown"), instrument)
        left_s = (
            warmup_s - instrument.on_time_s(lamp) for lamp, warmup_s in zip(self.lamps, self.warmup_s, strict=True)
        )
        if self.steady is None:
            await instrument.clock.sleep(max(self.level_s, *left_s) if self.lamps else 0.0)
        else:
            await instrument.clock.sleep(self.level_s)
            await _until_steady(self.lamps, max(self.warmup_s), self.steady, instrument)

    async def _dim(self, instrument: Instrument) -> None:
        """Set the levels of lamps.

        Raises:
            StateError: the lamps' driver can't dim.
        """
        lamps = instrument.devices.lamps
        if self.levels and not isinstance(lamps, DimmableLamps):
            raise StateError("the lamps' driver can't dim: leave `level` out of the observatory document")
        if isinstance(lamps, DimmableLamps):
            await together(*(lamps.set_level(lamp, percent) for lamp, percent in self.levels))

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Switch off each lamp that may be on: an ON whose outcome is unknown is followed by an OFF.

        On the way out, safing does that, for every lamp.
        """
        if again:
            for lamp in self.lamps:
                instrument.note_off(lamp)
            await asyncio.gather(*(instrument.devices.lamps.off(lamp) for lamp in self.lamps), return_exceptions=True)


def _demand_lit(lamp: str, state: LampState, instrument: Instrument) -> None:
    if state != "on":
        instrument.note_off(lamp)
        what = instrument.blame(lamp) or ": check its outlet"
        raise StateError(f"lamp {lamp} was commanded on, but the switch reads {state}{what}")


@dataclass(frozen=True, slots=True)
class TimedLamp:
    """Light one lamp for a part of an exposure, and switch it off before the shutter closes.

    Attributes:
        frame: the frame that integrates.
        lit_s: time for which the lamp is on, s.
        lead_s: time before the shutter opens, s.
    """

    kind: ClassVar[str] = "lamp-timed"
    lamp: str
    frame: str
    lit_s: float
    lead_s: float

    async def act(self, instrument: Instrument) -> None:
        """Light the lamp and read it back as on. After its time switch it off, and read it back as off.

        Raises:
            StateError: if it is read back as another state.
            BadFrame: if the time differs, or the shutter closed before the lamp was off.
        """
        await instrument.clock.sleep(self.lead_s)
        await light(self.lamp, instrument)
        status = await lamps_now(instrument.devices, instrument.clock)
        _demand_lit(self.lamp, status.get(self.lamp, "unknown"), instrument)
        await instrument.clock.sleep(self.lit_s - instrument.on_time_s(self.lamp))
        on_s, until = instrument.on_time_s(self.lamp), instrument.clock.now()
        instrument.note_off(self.lamp)
        outcome = await LampPaths.of(instrument.devices, instrument.clock, instrument.lamp_try_s).off(self.lamp)
        if outcome.state != "off":
            raise StateError(f"lamp {self.lamp} was commanded off, but the switch reads {outcome.state}")
        instrument.timed_s.setdefault(self.frame, {})[self.lamp] = on_s
        if instrument.closed_at.get(self.frame, until) < until:
            raise BadFrame(self.frame, f"lamp {self.lamp} was still on when the shutter closed")
        if abs(on_s - self.lit_s) > instrument.tolerances.lit_s(self.lit_s):
            why = f"lamp {self.lamp} was on for {on_s:.1f} s instead of {self.lit_s:.1f} s"
            raise BadFrame(self.frame, why)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Switch the lamp off. On the way out, safing does that."""
        if again:
            await darken((self.lamp,), instrument)


@dataclass(frozen=True, slots=True)
class TimedShutter:
    """Open the source shutter of a lamp that is on for a part of an exposure, and close it before the shutter closes.

    Attributes:
        frame: the frame that integrates.
        opening: the lamp, its source shutter, and the seconds.
        lead_s: time before the shutter opens, s.
        move_s: expected duration of a move of the selector, s.
    """

    kind: ClassVar[str] = "shutter-timed"
    frame: str
    opening: Opening
    lead_s: float
    move_s: float

    async def act(self, instrument: Instrument) -> None:
        """Open the selector and read it back, with the lamp. After its time close it, and read it back.

        Raises:
            StateError: if the selector is read back elsewhere, or the lamp not as on.
            BadFrame: if the time differs or is unknown, or the shutter closed before the selector.
        """
        opening, clock = self.opening, instrument.clock
        await clock.sleep(self.lead_s)
        opening_s = await self._move(opening.opened, instrument)
        opened = clock.now()
        await together(self._demand(opening.opened, instrument), self._demand_on(instrument))
        await clock.sleep(opening.seconds - (clock.now() - opened))
        open_s = clock.now() - opened
        closing_s = await self._move(opening.closed, instrument)
        await self._demand(opening.closed, instrument)
        instrument.timed_s.setdefault(self.frame, {})[opening.lamp] = open_s
        until = clock.now()
        if instrument.closed_at.get(self.frame, until) < until:
            said = f"{opening.selector} was still open for {opening.lamp} when the shutter closed"
            raise BadFrame(self.frame, said)
        problem = self._wrong_time(open_s, max(opening_s, closing_s), instrument)
        if problem:
            raise BadFrame(self.frame, problem)

    def _wrong_time(self, open_s: float, moved_s: float, instrument: Instrument) -> str | None:
        """Return, in words, why the lamp was not seen for its time, or None if it was.

        Args:
            open_s: from the arrival at the open position to the command that closes it, s.
            moved_s: the longer one of the two moves, s. The light may have come and gone at any moment of a late one.
            instrument: with the tolerances.
        """
        opening = self.opening
        limit_s = instrument.tolerances.lit_s(opening.seconds)
        if abs(open_s - opening.seconds) > limit_s:
            times = f"{open_s:.1f} s instead of {opening.seconds:.1f} s"
            return f"{opening.selector} let {opening.lamp} through for {times}"
        if moved_s - self.move_s > max(limit_s, _POLLED_S):
            times = f"{moved_s:.1f} s for a move instead of {self.move_s:.1f} s (its `move_s` and `settle_s`)"
            return f"{opening.selector} took {times}, so that the seconds of {opening.lamp} are unknown"
        return None

    async def _move(self, position: str, instrument: Instrument) -> float:
        """Move the selector. Return how long that took, s."""
        selectors, began = instrument.devices.selectors, instrument.clock.now()
        if selectors is None:
            raise StateError(f"{self.opening.selector} has to move, but this observatory has no selectors")
        await selectors.move({self.opening.selector: position})
        return instrument.clock.now() - began

    async def _demand(self, position: str, instrument: Instrument) -> None:
        """Demand that the selector is read back at a position."""
        problem = misplaced(((self.opening.selector, position),), await read_selectors(instrument), {})
        if problem:
            raise StateError(f"during the exposure {problem}")

    async def _demand_on(self, instrument: Instrument) -> None:
        lamp, status = self.opening.lamp, await lamps_now(instrument.devices, instrument.clock)
        seen = status.get(lamp, "unknown")
        if seen != "on":
            raise StateError(f"during the exposure lamp {lamp} reads {seen}{instrument.blame(lamp)}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop the selector. Before another try, `ready` closes it."""
        if instrument.devices.selectors is not None:
            await instrument.devices.selectors.stop()


def is_steady(readings: Readings, steady: SteadyLight, dark: float) -> bool:
    """Return whether light changes so little over the window that a lamp counts as warm.

    Args:
        readings: of the window at least, the oldest first.
        steady: window and largest change, as a fraction of the light.
        dark: reading of darkness.
    """
    if not readings:
        return False
    until = readings[-1][0]
    inside = [(time, light - dark) for time, light in readings if time >= until - steady.window_s]
    span_s, mean = until - inside[0][0], fmean(light for _, light in inside)
    if span_s < _COVERED * steady.window_s or mean <= 0.0:
        return False
    middle = fmean(time for time, _ in inside)
    spread = sum((time - middle) ** 2 for time, _ in inside)
    slope = sum((time - middle) * (light - mean) for time, light in inside) / spread
    return abs(slope) * steady.window_s <= steady.fraction * mean


@dataclass(slots=True)
class _Watch:
    """What a monitor has read since a warm-up began."""

    steady: SteadyLight
    dark: float
    readings: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None

    def add(self, now: float, light: float) -> None:
        self.readings = [each for each in self.readings if each[0] >= now - 2.0 * self.steady.window_s]
        self.readings.append((now, light))
        if not is_steady(self.readings, self.steady, self.dark):
            self.since = None
        elif self.since is None:
            self.since = now

    def held(self, now: float) -> bool:
        return self.since is not None and now - self.since >= _HELD * self.steady.window_s


async def _until_steady(lamps: tuple[str, ...], least_s: float, steady: SteadyLight, instrument: Instrument) -> None:
    """Return when the light of lamps that are on is steady, or when they have been on for the longest time.

    A monitor that does not answer is a remark: the longest time passes then.

    Args:
        lamps: that are read back as on.
        least_s: how long each has to be on at least, s.
        steady: what counts as steady, and the longest time.
        instrument: with the monitor.

    Raises:
        StateError: there is no light half a minute after the lamps were lit: they are to be struck again.
    """
    watch = _Watch(steady, instrument.monitor_dark)
    # A lamp that has been on for long is looked at all the same.
    looked_s = min(map(instrument.on_time_s, lamps)) + steady.looked_s(instrument.monitor_every_s)
    longest_s = max(steady.longest_s, looked_s)
    while True:
        light = await _light(instrument)
        now, on_s = instrument.clock.now(), min(map(instrument.on_time_s, lamps))
        if light is not None:
            _demand_light(lamps, light, on_s, instrument)
            watch.add(now, light)
        if on_s >= least_s and watch.held(now):
            instrument.steady_s |= dict.fromkeys(lamps, on_s)
            return
        if on_s >= longest_s:
            why = "the lamp monitor does not answer" if light is None else "the light is not steady"
            said = f"{in_sentence(lamps)}: {why} after {on_s:.0f} s of warm-up"
            instrument.unsteady |= dict.fromkeys(lamps, said)
            return
        await instrument.clock.sleep(min(instrument.monitor_every_s, max(0.1, longest_s - on_s)))


async def _light(instrument: Instrument) -> float | None:
    """Return what the monitor reads, or None where it does not answer in time."""
    monitor = instrument.devices.lamp_monitor
    if monitor is None:
        return None
    with suppress(DeviceError, TimeoutError):
        async with instrument.clock.timeout(_ANSWER_S):
            return await monitor.read()
    return None


def _demand_light(lamps: tuple[str, ...], light: float, on_s: float, instrument: Instrument) -> None:
    if light > instrument.monitor_dark or on_s < _STRIKES_WITHIN_S:
        return
    for lamp in lamps:
        instrument.note_off(lamp)
    verb = "is" if len(lamps) == 1 else "are"
    raise StateError(
        f"{in_sentence(lamps)} {verb} on, and after {on_s:.0f} s the lamp monitor reads {light:g}: "
        f"expected more than {instrument.monitor_dark:g}"
    )
