"""A lamp lit by hand: watched by guards of its own, which switch it off when its time is over."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from safelight.devices.simulated.faults import Fault
from safelight.engine.asking import asker
from safelight.engine.bench_top import BenchTop, known
from safelight.engine.clock import Clock, ScaledClock, VirtualClock, wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.guard_order import Order
from safelight.engine.guardbook import guards
from safelight.engine.hands import note_lamps, refuse_beside_guards
from safelight.engine.home import default_home
from safelight.engine.watch import Watch

__all__ = ["Lit", "light_watched"]


@dataclass(frozen=True, slots=True)
class Lit:
    """A lamp that burns.

    Attributes:
        lease_s: how long it may burn, observatory seconds.
        longest_on_s: how long it might burn at most.
        until: when the guards switch it off, on the wall.
        guards: the processes that do.
    """

    lamp: str
    lease_s: float
    longest_on_s: float
    until: datetime
    guards: tuple[int, ...]


async def light_watched(
    bench: BenchTop,
    name: str,
    lease_s: float | None = None,
    *,
    home: Path | None = None,
    faults: tuple[Fault, ...] = (),
    journal: str | None = None,
) -> Lit:
    """Start guards, light a lamp, read it back, leave it to the guards.

    Args:
        bench: the instrument.
        name: the lamp, in any case.
        lease_s: when it is switched off at the latest, s; None: the longest time that it may burn.
        home: where guards tell of themselves; None: the user's.
        faults: what a simulated switch does wrong, for the guards as well.
        journal: its URL; None: there is none.

    Raises:
        ObservatoryError: there is no such lamp.
        RunRefused: it may not burn so long, or guards of a past run are at work.
        GuardError: nobody would watch it; it is off.
        DeviceError, StateError: it is not confirmed lit; it has been commanded off again.
    """
    home = (home or default_home()).absolute()
    lamp = known(name, bench.observatory.lamps.units, "lamp")
    lease_s = _allowed(lease_s, bench.observatory.lamps.units[lamp].longest_on_s, lamp)
    order = Order(
        f"by-hand-{lamp}",
        home,
        bench.observatory,
        _speed(bench),
        faults,
        keep=True,
        journal=journal,
        source=bench.source,
    )
    refuse_beside_guards(home, bench.observatory.name, order.run)
    watched_before = [guard["pid"] for guard in guards(home) if guard["run"] == order.run]
    clock = bench.instrument.clock
    watch = Watch(order, clock if isinstance(clock, Clock) else Clock())
    try:
        await watch.start()
        until = await _light(bench, lamp, lease_s, watch, journal)
        pids = tuple(watch.pids)
        await _hand_over(watch, bench, lamp)
    except BaseException:
        # Guards whose pipe closes without a word switch the lamp off.
        await watch.abandon()
        raise
    for pid in watched_before:
        # Their lease is replaced by the new one.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return Lit(lamp, lease_s, bench.instrument.longest_on_s[lamp], until, pids)


async def _light(bench: BenchTop, lamp: str, lease_s: float, watch: Watch, journal: str | None) -> datetime:
    """Light the lamp, the guards knowing before it burns; returns when they will switch it off."""
    until = wall_utc()

    async def permit(lamp: str, longest_s: float) -> None:  # noqa: ARG001 - this lamp has a lease of its own
        nonlocal until
        until = wall_utc() + timedelta(seconds=lease_s / (watch.order.speed or 1.0))
        await watch.permit(lamp, lease_s)

    bench.instrument.before_lamp_on = permit
    await bench.light(lamp)
    note_lamps(journal, bench.observatory.name, "on", {lamp: "on"}, asker("safelight lamps on"))
    return until


async def _hand_over(watch: Watch, bench: BenchTop, lamp: str) -> None:
    try:
        await watch.hand_over()
    except BaseException:
        await bench.darken(lamp)
        raise


def _allowed(lease_s: float | None, longest_s: float, lamp: str) -> float:
    if lease_s is not None and lease_s > longest_s:
        raise RunRefused(f"{lamp} may burn for {longest_s:g} s at most, not {lease_s:g} s")
    return longest_s if lease_s is None else lease_s


def _speed(bench: BenchTop) -> float | None:
    """As guards are told it: None in virtual time."""
    clock = bench.instrument.clock
    if isinstance(clock, VirtualClock):
        return None
    return clock.speed if isinstance(clock, ScaledClock) else 1.0
