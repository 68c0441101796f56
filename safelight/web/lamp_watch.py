"""The lamps as the server reads them back itself: again and again, in a thread of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

from safelight.devices import DeviceError, Lamps, LampState, Observatory, open_lamps
from safelight.engine.admission import real_devices
from safelight.engine.clock import Clock, real_wait, wall_utc

__all__ = ["LampReading", "LampWatch", "Seen"]

_SIMULATED_EVERY_S = 1.0
_REAL_EVERY_S = 5.0
"""A power switch serves few at a time, and the runner and its guards come first."""
_DEADLINE_S = 4.0
"""Of one reading, s: then it has failed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One lamp as read back.

    Attributes:
        since: when it was first read back so, or switched so where its driver knows.
        exact: False: it may have been so for longer.
        last: how it was read back when that last worked, and when.
    """

    state: LampState
    since: datetime
    exact: bool
    last: tuple[LampState, datetime] | None


@dataclass(frozen=True, slots=True)
class LampReading:
    """All lamps at one moment; `at_s` on the watch's clock, `error` where they could not be read."""

    at_s: float
    time: datetime
    lamps: Mapping[str, Seen]
    error: str | None = None


class LampWatch:
    """Reads the lamps until told to stop.

    Args:
        observatory: whose lamps.
        home: where a simulated instrument lies.
        clock: on which ages are counted.
    """

    def __init__(self, observatory: Observatory, home: Path, clock: Clock) -> None:
        self._observatory, self._home, self._clock = observatory, home, clock
        self.every_s = _REAL_EVERY_S if "lamps" in real_devices(observatory) else _SIMULATED_EVERY_S
        self.reading: LampReading | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._watch()), name="lamp-watch", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._stopped = False

    @property
    def limit_s(self) -> float:
        """A reading that is older says nothing about now."""
        return 2 * self.every_s + _DEADLINE_S

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has, or hangs in a switch that does not answer."""
        self._stopped = True
        self.hurry()
        self._thread.join(_DEADLINE_S + 1)

    def hurry(self) -> None:
        """Read now: something has happened to a lamp."""
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _watch(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        while not self._stopped:
            try:
                lamps, _, close = open_lamps(self._observatory, clock=self._clock, home=self._home)
                try:
                    await self._read_on(lamps)
                finally:
                    await close()
            except Exception as error:  # noqa: BLE001 - whatever it is, the page says that nothing is known
                self._enter((self._clock.now(), wall_utc()), {}, f"the lamps can't be read: {error}")
                await self._pause()

    async def _read_on(self, lamps: Lamps) -> None:
        """Until stopped, or until a reading fails and a new connection is worth trying."""
        error = None
        while not self._stopped and error is None:
            began_s, began = self._clock.now(), wall_utc()
            states: Mapping[str, LampState] = {}
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    states = await lamps.status()
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
        """Publish one reading, whole; it is as old as its question, not as its answer."""
        before, (began_s, now) = self.reading, began
        lamps = {
            name: _seen(states.get(name, "unknown"), before.lamps.get(name) if before else None, outlets.get(name), now)
            for name in self._observatory.lamps.units
        }
        self.reading = LampReading(began_s, now, lamps, error)


def _outlets(lamps: Lamps) -> Mapping[str, Any]:
    """What a driver knows of since when; most know nothing."""
    try:
        found: Mapping[str, Any] = getattr(lamps, "outlets", dict)()
    except (DeviceError, OSError):
        return {}
    return found


def _seen(state: LampState, before: Seen | None, outlet: Any, now: datetime) -> Seen:
    last = (state, now) if state != "unknown" else before.last if before else None
    if before is not None and before.state == state:
        return Seen(state, before.since, before.exact, last)
    if before is not None:
        return Seen(state, now, True, last)
    since = getattr(outlet, "since", None)
    # In hurried time the instrument's clock runs ahead of ours.
    if since is not None and since <= now:
        return Seen(state, since, True, last)
    return Seen(state, now, False, last)
