"""Time as an argument: a real, a scaled and a virtual clock. Only this file sleeps or reads the time.

A clock counts *observatory seconds*. On the real clock these are seconds. On a scaled one they pass N times faster. On
the virtual one they pass only while every task waits, and then at once. The virtual clock needs no loop of its own:
it checks whether the running loop has anything left to do, and if not, jumps to the next sleeper.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeVar
from weakref import WeakKeyDictionary

from safelight.engine.errors import EngineError

__all__ = [
    "Clock",
    "ScaledClock",
    "VirtualClock",
    "boot_s",
    "clock_for",
    "elapsed_s",
    "real_alarm",
    "real_sleep",
    "real_wait",
    "wall_utc",
]

T = TypeVar("T")


def wall_utc() -> datetime:
    """Return wall time, aware, UTC."""
    return datetime.now(UTC)


_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_s() -> float:
    """Return seconds of a clock of this machine that can't be set and that counts while it is suspended (on Linux)."""
    return time.clock_gettime(_BOOT)


def elapsed_s(since: str, until: str) -> float:
    """Return the time between two stamps of a record (ISO 8601), s, or 0 where they are in the other order."""
    return max(0.0, (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds())


async def real_sleep(seconds: float) -> None:
    """Wait for seconds of wall time on any clock (heartbeats, other processes)."""
    await asyncio.sleep(seconds)


async def real_wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for at most `seconds` of wall time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def real_alarm(seconds: float, ring: Callable[[], object]) -> asyncio.TimerHandle:
    """Call `ring` in the running loop after seconds of wall time, unless the handle is cancelled before."""
    return asyncio.get_running_loop().call_later(seconds, ring)


class Clock:
    """Real clock: an observatory second is a second."""

    def __init__(self) -> None:
        self._start_utc = wall_utc()
        self._start = time.monotonic()

    def now(self) -> float:
        """Return the observatory seconds since the clock was made. They never go back."""
        return time.monotonic() - self._start

    def utc(self) -> datetime:
        """Return the observatory's time, aware, UTC: the wall time when the clock was made, plus `now()`."""
        return self._start_utc + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` observatory seconds."""
        await asyncio.sleep(max(0.0, seconds))

    @property
    def computing_s(self) -> float:
        """Allowance for the computer on top of the observatory's limits, s: none, as time is not accelerated."""
        return 0.0

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body after `seconds` observatory seconds, and raise TimeoutError in its place."""
        return asyncio.timeout(max(0.0, seconds))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread."""
        return await asyncio.to_thread(work)

    def still(self) -> AbstractContextManager[None]:
        """Stop virtual time while the body waits for something outside of the observatory."""
        return nullcontext()


SLOWEST, FASTEST = 1.0, 1_000_000.0
"""Limits of `--speed`. Below 1, a stop would take longer than at a real observatory."""
_SPEEDS = f"a number from {SLOWEST:g} to {FASTEST:g}, or `max`"

_COMPUTING_S = 2.0
"""Allowance for pixels, files and imports within any deadline, s of wall time: computing is not accelerated."""


class ScaledClock(Clock):
    """Clock whose observatory seconds pass `speed` times faster than wall time."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        if not 0 < speed < float("inf"):
            raise EngineError(f"--speed: expected {_SPEEDS}, got {speed:g}")
        self.speed = speed

    def now(self) -> float:
        """Return the observatory seconds since the clock was made."""
        return super().now() * self.speed

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` observatory seconds."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    @property
    def computing_s(self) -> float:
        """Allowance for the computer, in observatory seconds: it is not accelerated."""
        return _COMPUTING_S * self.speed

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body after `seconds` observatory seconds plus the allowance, and raise TimeoutError."""
        return asyncio.timeout(max(0.0, seconds) / self.speed + _COMPUTING_S)


class VirtualClock(Clock):
    """Clock that takes no time: when every task waits, it jumps to the next sleeper."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def now(self) -> float:
        """Return the observatory seconds since the clock was made."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when all other tasks have waited for `seconds` observatory seconds."""
        woken = asyncio.get_running_loop().create_future()
        alarm = self._set_alarm(seconds, lambda: _ring(woken))
        try:
            await woken
        finally:
            alarm.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[object]:
        """Cancel the body after `seconds` observatory seconds, and raise TimeoutError in its place."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            # A timeout that is moved to the present fires now, and asyncio itself counts the cancellations.
            alarm = self._set_alarm(seconds, lambda: scope.reschedule(loop.time()))
            try:
                yield scope
            finally:
                alarm.cancel()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread. The clock stops meanwhile."""
        with self.still():
            return await asyncio.to_thread(work)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Stop the clock while the body waits for something outside of the observatory."""
        idle = _Idle.of_running_loop()
        idle.hold()
        try:
            yield
        finally:
            idle.release()

    def _set_alarm(self, seconds: float, ring: Callable[[], object]) -> "_Alarm":
        alarm = _Alarm(self, self._now + max(0.0, seconds), ring)
        _Idle.of_running_loop().add(alarm)
        return alarm


def _ring(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)


class _Alarm:
    """Call on a virtual clock at a given time, unless it is cancelled."""

    __slots__ = ("cancelled", "clock", "due", "ring")

    def __init__(self, clock: VirtualClock, due: float, ring: Callable[[], object]) -> None:
        self.clock = clock
        self.due = due
        self.ring = ring
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class _Idle:
    """Alarms of all virtual clocks on one loop, called when the loop has nothing else to do."""

    _of_loop: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, _Idle]"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # asyncio has no public way to ask whether nothing is ready to run; its loops keep that in `_ready`.
        self._ready = getattr(loop, "_ready", None)
        if self._ready is None:
            raise EngineError("virtual time (--speed max) needs asyncio's own event loop; use another --speed")
        self._loop = loop
        self._clocks: dict[VirtualClock, list[tuple[float, int, _Alarm]]] = {}
        self._order = itertools.count()
        self._holds = 0
        self._watching = False

    @classmethod
    def of_running_loop(cls) -> "_Idle":
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loop:
            cls._of_loop[loop] = cls(loop)
        return cls._of_loop[loop]

    def add(self, alarm: _Alarm) -> None:
        heapq.heappush(self._clocks.setdefault(alarm.clock, []), (alarm.due, next(self._order), alarm))
        self._watch()

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        self._watch()

    def _watch(self) -> None:
        if not self._watching and not self._holds and self._clocks:
            self._watching = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._watching = False
        if not self._holds and not self._ready:
            self._ring_next()
        self._watch()

    def _ring_next(self) -> None:
        """Let each clock jump to its next alarm, and ring all that are due then."""
        for clock, alarms in list(self._clocks.items()):
            while alarms and alarms[0][2].cancelled:
                heapq.heappop(alarms)
            if not alarms:
                del self._clocks[clock]
                continue
            clock._now = max(clock._now, alarms[0][0])  # noqa: SLF001 - the alarms are the clock's other half
            while alarms and alarms[0][0] <= clock._now:  # noqa: SLF001
                due = heapq.heappop(alarms)[2]
                if not due.cancelled:
                    due.ring()


def clock_for(speed: float | str) -> Clock:
    """Return the clock for `--speed`: 1 is real, `max` virtual, any other number from SLOWEST to FASTEST scaled.

    Raises:
        EngineError: if the speed is none of these.
    """
    if speed == "max":
        return VirtualClock()
    try:
        number = float(speed)
    except ValueError:
        raise EngineError(f"--speed {speed!r}: expected {_SPEEDS}") from None
    if not SLOWEST <= number <= FASTEST:
        raise EngineError(f"--speed {speed}: expected {_SPEEDS}")
    return Clock() if number == 1 else ScaledClock(number)
