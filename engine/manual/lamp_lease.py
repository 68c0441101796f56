"""Lamp lit by hand, with guards of its own, which switch it off when its time is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock, ScaledClock, VirtualClock, wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.home import default_home
from safelight.engine.manual.bench import ManualBench, known
from safelight.engine.manual.interlock import record_manual_switching, wait_for_guards
from safelight.engine.requester import requester_name

__all__ = ["LampLease", "light_with_lease"]


@dataclass(frozen=True, slots=True)
class LampLease:
    """Lamp that is on.

    Attributes:
        lease_s: time until it is switched off, observatory seconds.
        longest_on_s: its maximum on-time, s.
        until: when the guards switch it off, wall time.
        guards: ids of the guard processes.
    """

    lamp: str
    lease_s: float
    longest_on_s: float
    until: datetime
    guards: tuple[int, ...]


async def light_with_lease(
    bench: ManualBench,
    name: str,
    lease_s: float | None = None,
    *,
    home: Path | None = None,
    faults: tuple[Fault, ...] = (),
    journal: str | None = None,
    tell: Callable[[str], None] = lambda words: None,  # noqa: ARG005
) -> LampLease:
    """Start guards, light a lamp, read it back, and leave it to the guards.

    Args:
        bench: the instrument.
        name: the lamp, in any case.
        lease_s: time after which it is switched off, s; None: its maximum on-time.
        home: state folder; None: the user's.
        faults: faults of a simulated switch, for the guards as well.
        journal: its URL; None: there is none.
        tell: called with a sentence for the user, where guards of a past run are waited for.

    Raises:
        ObservatoryError: there is no such lamp.
        RunRefused: it may not be on for so long, or guards of a past run are at work.
        GuardError: no guard would watch it; it is off.
        DeviceError, StateError: it is not confirmed lit, and has been commanded off again.
    """
    home = (home or default_home()).absolute()
    lamp = known(name, bench.observatory.lamps.units, "lamp")
    lease_s = _allowed(lease_s, bench.observatory.lamps.units[lamp].longest_on_s, lamp)
    order = GuardConfig(
        f"by-hand-{bench.observatory.lamps.label(lamp)}",
        home,
        bench.observatory,
        _speed(bench),
        faults,
        keep=True,
        journal=journal,
        source=bench.source,
    )
    clock = bench.instrument.clock
    clock = clock if isinstance(clock, Clock) else Clock()
    with clock.still():
        await wait_for_guards(home, bench.observatory.name, order.run, Clock(), tell)
    watch = GuardClient(order, clock, tell=partial(_tell, tell))
    try:
        await watch.start()
        await watch.permit(lamp, lease_s)
        # Guards of an earlier lease of this lamp leave it to the new ones before it is lit again.
        await watch.take_charge()
        until = await _light(bench, lamp, lease_s, watch, journal)
        pids = tuple(watch.pids)
        await _hand_over(watch, bench, lamp)
    except BaseException:
        # Guards whose pipe closes without a message switch the lamp off.
        await watch.abandon()
        raise
    return LampLease(lamp, lease_s, bench.instrument.longest_on_s[lamp], until, pids)


def _tell(tell: Callable[[str], None], event: str, **facts: Any) -> None:
    if event == "guard.waiting":
        tell(f"waiting, for {facts['longest_s']:g} s at most, for {facts['reason']}")


async def _light(bench: ManualBench, lamp: str, lease_s: float, watch: GuardClient, journal: str | None) -> datetime:
    """Light the lamp, after the guards know of it. Return the time at which they will switch it off."""
    until = wall_utc()

    async def permit(lamp: str, longest_s: float) -> None:  # noqa: ARG001 - this lamp has a lease of its own
        nonlocal until
        until = wall_utc() + timedelta(seconds=lease_s / (watch.order.speed or 1.0))
        await watch.permit(lamp, lease_s)

    bench.instrument.before_lamp_on = permit
    await bench.light(lamp)
    record_manual_switching(journal, bench.observatory.name, "on", {lamp: "on"}, requester_name("safelight lamps on"))
    return until


async def _hand_over(watch: GuardClient, bench: ManualBench, lamp: str) -> None:
    try:
        await watch.hand_over()
    except BaseException:
        await bench.darken(lamp)
        raise


def _allowed(lease_s: float | None, longest_s: float, lamp: str) -> float:
    if lease_s is not None and lease_s > longest_s:
        raise RunRefused(f"{lamp} may be on for {longest_s:g} s at most, not {lease_s:g} s")
    return longest_s if lease_s is None else lease_s


def _speed(bench: ManualBench) -> float | None:
    """Return the speed for the guards' configuration: None in virtual time."""
    clock = bench.instrument.clock
    if isinstance(clock, VirtualClock):
        return None
    return clock.speed if isinstance(clock, ScaledClock) else 1.0
