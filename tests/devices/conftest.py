"""A tiny virtual clock, and the simulated observatory on it."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Devices, Observatory, load_observatory, open_devices
from tests.matrix.commands import Commands

T = TypeVar("T")

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class QuickClock:
    """Time that jumps to the next sleeper when nothing else can run."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = 0.0
        self._count = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def utc(self) -> datetime:
        """Return the time, UTC."""
        return self._start + timedelta(seconds=self._now)

    async def sleep(self, seconds: float) -> None:
        """Wait until nothing else can run before that time."""
        await self._alarm(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[object]:
        """Raise TimeoutError after as many seconds."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            alarm = self._alarm(seconds)
            alarm.add_done_callback(lambda done: done.cancelled() or scope.reschedule(loop.time()))
            try:
                yield scope
            finally:
                alarm.cancel()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do the work at once."""
        return work()

    def _alarm(self, seconds: float) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        alarm = loop.create_future()
        self._count += 1
        if not self._sleepers:
            loop.call_soon(self._pump, loop)
        heapq.heappush(self._sleepers, (self._now + seconds, self._count, alarm))
        return alarm

    def _pump(self, loop: Any) -> None:
        if not loop._ready:
            due, _, alarm = heapq.heappop(self._sleepers)
            if not alarm.done():
                self._now = due
                alarm.set_result(None)
        if self._sleepers:
            loop.call_soon(self._pump, loop)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Yield the warm process from which runs are started."""
    with Commands.warm() as process:
        yield process


@pytest.fixture
def clock() -> QuickClock:
    """Return a clock that stands at its start."""
    return QuickClock()


@pytest.fixture(scope="session")
def observatory() -> Observatory:
    """Return the shipped simulated observatory."""
    return load_observatory("simulated")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder for the simulated instrument."""
    return tmp_path / "home"


@pytest.fixture
def devices(observatory: Observatory, clock: QuickClock, home: Path) -> Devices:
    """Return a new simulated instrument."""
    return open_devices(observatory, clock=clock, home=home)


@pytest.fixture
def run() -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end. A leaked task is an error."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            result = await work
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"
            return result

        return asyncio.run(whole())

    return runner
