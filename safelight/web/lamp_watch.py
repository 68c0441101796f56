"""Watch of the lamps, which the server reads back itself in its own thread."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

from safelight.devices import DeviceError, Lamps, LampState, Observatory, open_lamps
from safelight.engine.clock import Clock, real_wait, wall_utc
from safelight.states.paths import read_lamps

__all__ = ["LampReading", "LampView", "LampWatch"]

_SIMULATED_EVERY_S = 1.0
_REAL_EVERY_S = 5.0
"""Interval of readings of a real switch, s. It serves few clients at a time, and runner and guards come first."""
_DEADLINE_S = 4.0
"""Time limit of one reading, s."""


@dataclass(frozen=True, slots=True)
class LampView:
    """One lamp as read back.

    Attributes:
        since: when it was first read in this state, or switched to it if its driver knows.
        exact: False: it may have been in this state for longer.
        last: its last successful read-back, and the time.
    """

    state: LampState
    since: datetime
    exact: bool
    last: tuple[LampState, datetime] | None


@dataclass(frozen=True, slots=True)
class LampReading:
    """All lamps at one moment. `at_s` is on the watch's clock, and `error` is set if they could not be read."""

    at_s: float
    time: datetime
    lamps: Mapping[str, LampView]
    error: str | None = None


class LampWatch:
    """Reader of the lamps, until it is stopped.

    Args:
        observatory: the observatory with the lamps.
        home: state folder with a simulated instrument.
        clock: clock for ages.

    Attributes:
        observatory: as above.
        every_s: interval of readings, s.
        reading: the last one; None: not yet.
    """

    def __init__(self, observatory: Observatory, home: Path, clock: Clock) -> None:
        self.observatory, self._home, self._clock = observatory, home, clock
        self.every_s = _REAL_EVERY_S if "lamps" in observatory.real_devices else _SIMULATED_EVERY_S
        self.reading: LampReading | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._watch()), name="lamp-watch", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._stopped = False

    @property
    def limit_s(self) -> float:
        """Age from which a reading is out of date, s."""
        return 2 * self.every_s + _DEADLINE_S

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. Return when it has ended, or hangs in a switch that does not answer."""
        self._stopped = True
        self.hurry()
        self._thread.join(_DEADLINE_S + 1)

    def hurry(self) -> None:
        """Read now, because a lamp has changed."""
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _watch(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        while not self._stopped:
            try:
                lamps, second, close = open_lamps(self.observatory, clock=self._clock, home=self._home)
                try:
                    await self._read_on(lamps, second)
                finally:
                    await close()
            except Exception as error:  # noqa: BLE001 - whatever it is, the page says that nothing is known
                self._enter((self._clock.now(), wall_utc()), {}, f"the lamps can't be read: {error}")
                await self._pause()

    async def _read_on(self, lamps: Lamps, second: Lamps | None) -> None:
        """Read until stopped, or until a reading fails and a new connection is needed."""
        error = None
        while not self._stopped and error is None:
            began_s, began = self._clock.now(), wall_utc()
            states: Mapping[str, LampState] = {}
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    states = await read_lamps(lamps, second, self._clock)
            except TimeoutError:
                error = f"the lamps did not answer within {_DEADLINE_S:g} s"
            except DeviceError as failure:
                error = str(failure)
            self._enter((began_s, began), states, error, _outlets(lamps))
            await self._pause()

    async def _pause(self) -> None:
        if self._wake is not None and not self._stopped:
            await real_wait(self._wake, self.every_s)
            self._wake.clear()

    def _enter(
        self,
        began: tuple[float, datetime],
        states: Mapping[str, LampState],
        error: str | None,
        outlets: Mapping[str, Any] = {},
    ) -> None:
        """Publish one whole reading, with the time of its request, not of its answer."""
        before, (began_s, now) = self.reading, began
        lamps = {
            name: _seen(states.get(name, "unknown"), before.lamps.get(name) if before else None, outlets.get(name), now)
            for name in self.observatory.lamps.units
        }
        self.reading = LampReading(began_s, now, lamps, error)


def _outlets(lamps: Lamps) -> Mapping[str, Any]:
    """Return the driver's switching times, which most drivers don't have."""
    try:
        found: Mapping[str, Any] = getattr(lamps, "outlets", dict)()
    except (DeviceError, OSError):
        return {}
    return found


def _seen(state: LampState, before: LampView | None, outlet: Any, now: datetime) -> LampView:
    last = (state, now) if state != "unknown" else before.last if before else None
    if before is not None and before.state == state:
        return LampView(state, before.since, before.exact, last)
    if before is not None:
        return LampView(state, now, True, last)
    since = getattr(outlet, "since", None)
    # In accelerated time the instrument's clock is ahead of ours.
    if since is not None and since <= now:
        return LampView(state, since, True, last)
    return LampView(state, now, False, last)
