"""Instrument as the states see it: its devices, its clock, and what a run has read back from them.

Where a device can be asked, it is asked. What is kept here are times that no device reports: since when a lamp has
been on, and for how long each fibre was lit.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.devices.protocols import AltAz, Devices, Timekeeper
from safelight.states.exposure import AS_FOUND, Card, Exposure, Look, Taken

if TYPE_CHECKING:
    from safelight.states.exposure import ReadBack

__all__ = ["Instrument", "Tolerances"]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Allowed differences between a read-back value and the requested one.

    Attributes:
        pointing_deg: of a telescope, degrees.
        fibre_steps: of the mask, motor steps.
        dwell: fraction of its time by which a fibre of a sweep may fall short.
        computing_s: allowance in addition, s: computing takes longer on an accelerated clock.
        detector_c: of a detector, degrees.
        level: of a lamp, percent.
        lit: fraction of its time by which the on-time of a timed lamp may differ.
    """

    pointing_deg: float
    fibre_steps: int
    dwell: float = 0.2
    computing_s: float = 0.0
    detector_c: float = 0.0
    level: float = 1.0
    lit: float = 0.1

    def lit_s(self, seconds: float) -> float:
        """Return the allowed difference of the time for which a lamp is seen in a part of an exposure, s."""
        return seconds * self.lit + self.computing_s


async def _nobody_else() -> None:
    """Return at once: there are no other guards (a dry run on the bench)."""


async def _no_permission_needed(lamp: str, lease_s: float) -> None:
    """Allow any lamp, without anybody watching (a dry run on the bench)."""


@dataclass(slots=True)
class Instrument:
    """Devices and facts on which an action acts.

    Attributes:
        positions: named position -> telescope -> direction; AS_FOUND is among them once it is known.
        fibres: fibre -> motor steps; AS_FOUND is among them once it is known.
        keywords: lamp -> its FITS keyword.
        longest_on_s: lamp -> its maximum on-time, s.
        restrike_s: lamp -> how long it has to be off before it is lit again, s; without an entry: no time.
        folder: where frames are written.
        cards: FITS cards that every frame of the run carries (run id, sequence name and hash).
        conditions: returns the FITS cards of the conditions of a night, as far as they are known when a header is made.
        before_lamp_on: awaited before a lamp is commanded on, with the lamp and its maximum on-time in s. It may raise.
        take_charge: awaited before a state that lights or exposes, outside of its deadline, once all lamps have been
            read back as off: no other process may switch them any more. It may raise.
        look: judges the light in a frame that is on the disk; None: it is not judged.
        monitor_every_s: how often the lamp monitor is read while lamps warm up, s.
        monitor_dark: its reading in darkness.
        steady_s: lamp -> how long it had been on when its light was steady, s.
        unsteady: lamp -> why its warm-up has ended without a steady light, in words; removed when it is lit again.
        choose_s: returns the seconds of a frame's next try, where they are found from counts.
        chosen_s: frame -> the seconds that were chosen for its last try.
        shut_at: `clock.now()` of the last read-back of all shutters as closed, if nothing was exposed since; else None.
        attempts: frame -> number of the present try.
        lit_at: lamp -> `clock.now()` when its on-command was acknowledged; read back as on since.
        off_since: lamp -> `clock.now()` when it was last commanded off, or seen off, after it had been lit.
        put_out: lamp -> why the guards have switched it off; removed when it is lit again.
        doubtful: lamps whose on-command has no known outcome: it may still be obeyed.
        lamp_try_s: deadline of a single lamp command or read-back where there is more than one path, s.
        break_off_spoilt: whether an exposure that a lamp has spoilt is interrupted.
        ours: numbers of exposures that we have begun and that may still be in the spectrographs.
        take_over: whether a person has allowed to abort an exposure of another program.
        behind_shutters: whether lamps are lit only after every shutter is read back as closed; False by hand.
        lamp_watch_s: how often lamps are read back while a frame integrates, s; 0: never.
        closed_at: frame -> `clock.now()` when its integration was reported to have ended.
        dwells: frame -> (fibre, seconds) in the order in which the mask lit them.
        sweep_left: frame -> planned `clock.now()` at which the mask leaves the fibre that it lit last.
        seen: frame -> what was read back right before its integration.
        taken: frame -> its integration, from expose to readout.
        faults: frame -> why its last integration was bad.
        ended: state of the graph -> set when its action has been done.
        early_s: kind of state -> how much earlier than planned the last one of that kind ended, s.
        timed_s: frame -> lamp -> the time for which it was on during a part of the exposure, s.
        found: selector -> its position when a frame first used it as found.
        selector_keywords: selector -> its FITS keyword.
        set_point_c: temperature of the detectors, degrees Celsius; None: it is not checked.
        cooling_s: how long a frame waits for that temperature, s.
        cameras_of: spectrograph -> its cameras.
    """

    devices: Devices
    clock: Timekeeper
    positions: dict[str, Mapping[str, AltAz]]
    fibres: dict[str, int]
    keywords: Mapping[str, str]
    longest_on_s: Mapping[str, float]
    tolerances: Tolerances
    folder: Path
    cards: tuple[Card, ...] = ()
    conditions: Callable[[], tuple[Card, ...]] = tuple
    before_lamp_on: Callable[[str, float], Awaitable[None]] = _no_permission_needed
    take_charge: Callable[[], Awaitable[None]] = _nobody_else
    lamp_watch_s: float = 0.0
    lamp_try_s: float = 30.0
    break_off_spoilt: bool = True
    take_over: bool = False
    behind_shutters: bool = True
    look: Look | None = None
    monitor_every_s: float = 2.0
    monitor_dark: float = 0.0
    steady_s: dict[str, float] = field(default_factory=dict)
    unsteady: dict[str, str] = field(default_factory=dict)
    choose_s: Callable[[Exposure], float] | None = None
    chosen_s: dict[str, float] = field(default_factory=dict)
    ours: set[int] = field(default_factory=set)
    shut_at: float | None = None
    attempts: dict[str, int] = field(default_factory=dict)
    lit_at: dict[str, float] = field(default_factory=dict)
    off_since: dict[str, float] = field(default_factory=dict)
    put_out: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    closed_at: dict[str, float] = field(default_factory=dict)
    dwells: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    sweep_left: dict[str, float] = field(default_factory=dict)
    seen: dict[str, "ReadBack"] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    ended: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    early_s: dict[str, float] = field(default_factory=dict)
    timed_s: dict[str, dict[str, float]] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    selector_keywords: Mapping[str, str] = field(default_factory=dict)
    restrike_s: Mapping[str, float] = field(default_factory=dict)
    set_point_c: float | None = None
    cooling_s: float = 0.0
    cameras_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def chosen(self, exposure: Exposure) -> Exposure:
        """Return the exposure as it is taken now: with the seconds of its next try, where counts give them."""
        counts = exposure.counts
        if counts is None:
            return exposure
        wished_s = counts.first_s if self.choose_s is None else self.choose_s(exposure)
        seconds = min(max(wished_s, counts.least_s), exposure.exposure_s)
        self.chosen_s[exposure.frame] = seconds
        return replace(exposure, exposure_s=seconds, counts=None)

    def fibre_at(self, steps: int | None) -> str | None:
        """Return the fibre that the mask lights at these motor steps, or None."""
        if steps is None:
            return None
        near = (name for name, at in self.fibres.items() if abs(at - steps) <= self.tolerances.fibre_steps)
        return next((name for name in near if name != AS_FOUND), None)

    def blame(self, lamp: str) -> str:
        """Return who has switched a lamp off, as words to append. Return nothing where that is unknown."""
        why = self.put_out.get(lamp)
        return f" (the guards switched it off: {why})" if why else ""

    def note_off(self, lamp: str) -> None:
        """Note that a lamp has been commanded off, or was seen off. From now on it rests, if it was lit at all."""
        if self.lit_at.pop(lamp, None) is not None or lamp in self.doubtful:
            self.off_since[lamp] = self.clock.now()

    async def rested(self, *lamps: str) -> None:
        """Return when each of these lamps may be lit again. A lamp that is on needs no rest."""
        now = self.clock.now()
        waits = (
            self.off_since.get(lamp, -inf) + self.restrike_s.get(lamp, 0.0) - now
            for lamp in lamps
            if lamp not in self.lit_at
        )
        left_s = max(waits, default=0.0)
        if left_s > 0.0:
            await self.clock.sleep(left_s)

    def on_time_s(self, lamp: str) -> float:
        """Return the seconds for which the lamp has been on, as far as this run knows, or 0."""
        lit_at = self.lit_at.get(lamp)
        return 0.0 if lit_at is None else self.clock.now() - lit_at
