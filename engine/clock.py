"""Time, as an argument: a real, a scaled and a virtual clock. This file alone sleeps or asks the time.

A clock counts *observatory seconds*. On the real clock these are seconds; on a scaled one they pass N times faster;
on the virtual one they pass only while every task waits, and then at once. The virtual clock needs no loop of its
own: it looks whether the running loop has anything left to do, and if not, jumps to the next sleeper.
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

__all__ = ["Clock", "ScaledClock", "VirtualClock", "clock_for", "real_sleep", "real_wait", "wall_utc"]

T = TypeVar("T")


def wall_utc() -> datetime:
    """The time on the wall, aware, UTC."""
    return datetime.now(UTC)


async def real_sleep(seconds: float) -> None:
    """Wait for seconds on the wall, whatever clock the observatory lives by (heartbeats, other processes)."""
    await asyncio.sleep(seconds)


async def real_wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for so many seconds on the wall at the most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Clock:
    """The real clock: an observatory second is a second."""

    def __init__(self) -> None:
        self._start_utc = wall_utc()
        self._start = time.monotonic()

    def now(self) -> float:
        """Observatory seconds since the clock was made; never goes back."""
        return time.monotonic() - self._start

    def utc(self) -> datetime:
        """The observatory's time, aware, UTC: the wall's time when the clock was made, plus `now()`."""
        return self._start_utc + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Return after so many observatory seconds."""
        await asyncio.sleep(max(0.0, seconds))

    @property
    def computing_s(self) -> float:
        """What the computer may take beyond what the observatory allows: none, where time is not hurried."""
        return 0.0

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body after so many observatory seconds and raise TimeoutError in its place."""
        return asyncio.timeout(max(0.0, seconds))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread."""
        return await asyncio.to_thread(work)

    def still(self) -> AbstractContextManager[None]:
        """While the body waits for something outside of the observatory; virtual time stands still meanwhile."""
        return nullcontext()


_COMPUTING_S = 2.0
"""What pixels, files and imports may take within any deadline, s on the wall: the computer is not hurried with time."""


class ScaledClock(Clock):
    """Observatory seconds that pass `speed` times faster than on the wall."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        if not 0 < speed < float("inf"):
            raise EngineError(f"a clock can't run {speed} times faster: give a number above 0, or `max`")
        self.speed = speed

    def now(self) -> float:
        """Observatory seconds since the clock was made."""
        return super().now() * self.speed

    async def sleep(self, seconds: float) -> None:
        """Return after so many observatory seconds."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    @property
    def computing_s(self) -> float:
        """What the computer may take: it is not hurried with time."""
        return _COMPUTING_S * self.speed

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body after so many observatory seconds, and what the computer may take, and raise TimeoutError."""
        return asyncio.timeout(max(0.0, seconds) / self.speed + _COMPUTING_S)


class VirtualClock(Clock):
    """Observatory seconds that take no time: when every task waits, the clock jumps to the next sleeper."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def now(self) -> float:
        """Observatory seconds since the clock was made."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when all else has waited for so many observatory seconds."""
        woken = asyncio.get_running_loop().create_future()
        alarm = self._set_alarm(seconds, lambda: _ring(woken))
        try:
            await woken
        finally:
            alarm.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[object]:
        """Cancel the body after so many observatory seconds and raise TimeoutError in its place."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            # An asyncio timeout that is moved to the present fires now: cancel counts stay asyncio's own affair.
            alarm = self._set_alarm(seconds, lambda: scope.reschedule(loop.time()))
            try:
                yield scope
            finally:
                alarm.cancel()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread; the clock stands still meanwhile."""
        with self.still():
            return await asyncio.to_thread(work)

    @contextmanager
    def still(self) -> Iterator[None]:
        """While the body waits for something outside of the observatory, the clock stands still."""
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
    """Something that happens on a virtual clock at a given time, unless cancelled."""

    __slots__ = ("cancelled", "clock", "due", "ring")

    def __init__(self, clock: VirtualClock, due: float, ring: Callable[[], object]) -> None:
        self.clock = clock
        self.due = due
        self.ring = ring
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class _Idle:
    """The alarms of all virtual clocks on one loop, rung when the loop has nothing else to do."""

    _of_loop: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, _Idle]"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # asyncio has no public word for "nothing is ready to run"; its loops keep that in `_ready`.
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
    """The clock for `--speed`: 1 is real, `max` virtual, any other number above 0 scaled.

    Raises:
        EngineError: if the speed is no such word.
    """
    if speed == "max":
        return VirtualClock()
    try:
        number = float(speed)
    except ValueError:
        raise EngineError(f"--speed {speed!r} is not allowed: a number above 0, or `max`") from None
    return Clock() if number == 1 else ScaledClock(number)
