import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.engine import Clock, EngineError, ScaledClock, VirtualClock, clock_for
from safelight.engine.clock import _Idle, real_sleep, wall_utc

NEVER = 1e9


def alarms() -> int:
    """Return how many alarms of any virtual clock still wait on the running loop."""
    return sum(not alarm.cancelled for queue in _Idle.of_running_loop()._clocks.values() for *_, alarm in queue)


def in_virtual_time(story: Callable[[VirtualClock], Coroutine[Any, Any, Any]]) -> Any:
    """Tell a story on a virtual clock. No alarm and no task may be left of it."""

    async def whole() -> Any:
        result = await story(VirtualClock())
        assert alarms() == 0
        assert len(asyncio.all_tasks()) == 1
        return result

    return asyncio.run(whole())


# ---- which clock


def test_clock_for() -> None:
    """`--speed` names the real, a scaled or the virtual clock."""
    assert type(clock_for(1)) is Clock
    assert type(clock_for("1")) is Clock
    assert isinstance(clock_for("max"), VirtualClock)
    scaled = clock_for("20")
    assert isinstance(scaled, ScaledClock)
    assert scaled.speed == 20


@pytest.mark.parametrize(
    "speed", ["fast", "", "MAX", 0, -1, "0", "nan", "inf", "-inf", "1e308", "1e-300", "0.001", 0.999, 1_000_001]
)
def test_no_such_speed(speed: float | str) -> None:
    """Any other word or number is refused, and it is said what is allowed: slower than real, a stop would be late."""
    with pytest.raises(EngineError, match="a number from 1 to 1e\\+06, or `max`"):
        clock_for(speed)


@pytest.mark.parametrize("clock", [Clock(), ScaledClock(1e6), VirtualClock()], ids=["real", "scaled", "virtual"])
def test_every_clock(clock: Clock) -> None:
    """Each clock starts near 0, never goes back, is aware of its zone, sleeps and works in threads, within timeouts."""

    async def story() -> None:
        first, utc = clock.now(), clock.utc()
        assert utc.tzinfo is UTC
        await clock.sleep(-1)
        await clock.sleep(0.001)
        assert clock.now() >= first + 0.001
        assert clock.utc() >= utc
        async with clock.timeout(NEVER):
            assert await clock.in_thread(threading.get_ident) != threading.get_ident()

    asyncio.run(story())


@pytest.mark.parametrize("clock", [Clock(), VirtualClock()], ids=["real", "virtual"])
@pytest.mark.parametrize("seconds", [0.001, 0, -5])
def test_timeouts(clock: Clock, seconds: float) -> None:
    """Real and virtual timeouts strike after their time, at once where that is over already."""

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with clock.timeout(seconds):
                await asyncio.get_running_loop().create_future()

    asyncio.run(story())


def test_a_scaled_timeout_is_patient() -> None:
    """A accelerated clock gives the computer its time: work that takes a moment is no timeout at any speed."""

    async def story() -> None:
        clock = ScaledClock(1e6)
        async with clock.timeout(0.001):
            await real_sleep(0.01)

    asyncio.run(story())


def test_a_scaled_clock_counts_its_own_seconds() -> None:
    """A million times faster, an hour passes in a wink and counts as an hour."""

    async def story() -> float:
        clock = ScaledClock(1e6)
        await clock.sleep(3600)
        return clock.now()

    assert asyncio.run(story()) >= 3600


# ---- virtual time


def test_virtual_time_takes_none() -> None:
    """A year of sleep returns at once, exactly a year later. The wall's clock is not touched."""

    async def story(clock: VirtualClock) -> None:
        start, wall = clock.utc(), wall_utc()
        await clock.sleep(365 * 86400)
        assert clock.now() == 365 * 86400
        assert clock.utc() - start == timedelta(days=365)
        assert wall_utc() - wall < timedelta(days=1)

    in_virtual_time(story)


@given(seconds=st.lists(st.integers(0, 50), min_size=1, max_size=60))
@settings(max_examples=50)
def test_sleepers_wake_in_order(seconds: list[int]) -> None:
    """However many sleep, they wake in order of their times, those of one time in the order in which they lay down."""

    async def story(clock: VirtualClock) -> None:
        woken: list[tuple[float, int]] = []

        async def sleeper(number: int, for_s: float) -> None:
            await clock.sleep(for_s)
            assert clock.now() == for_s
            woken.append((for_s, number))

        await asyncio.gather(*(sleeper(number, for_s) for number, for_s in enumerate(seconds)))
        assert woken == sorted(woken)

    in_virtual_time(story)


def test_time_stands_still_while_anybody_works() -> None:
    """A task that yields a thousand times without sleeping finds the clock where it was."""

    async def story(clock: VirtualClock) -> None:
        async def busy() -> None:
            for _ in range(1000):
                await asyncio.sleep(0)  # noqa: TID251 - it only yields
                assert clock.now() == 0

        async with asyncio.TaskGroup() as group:
            group.create_task(clock.sleep(5))
            group.create_task(busy())
        assert clock.now() == 5

    in_virtual_time(story)


def test_a_timeout_strikes_on_time() -> None:
    """The body is cancelled when its time is over, and TimeoutError comes in its place."""

    async def story(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            async with clock.timeout(10):
                await clock.sleep(11)
        assert clock.now() == 10

    in_virtual_time(story)


def test_a_timeout_that_is_kept() -> None:
    """A body that is done in time is not disturbed, nor is what comes after it."""

    async def story(clock: VirtualClock) -> None:
        async with clock.timeout(10):
            await clock.sleep(9)
        await clock.sleep(9)
        assert clock.now() == 18

    in_virtual_time(story)


@pytest.mark.parametrize(("outer_s", "inner_s", "strikes"), [(5, 10, "outer"), (10, 5, "inner"), (5, 5, "outer")])
def test_nested_timeouts(outer_s: float, inner_s: float, strikes: str) -> None:
    """Of two nested timeouts the one that is due first strikes, each at its own place."""

    async def story(clock: VirtualClock) -> str:
        try:
            async with clock.timeout(outer_s):
                try:
                    async with clock.timeout(inner_s):
                        await clock.sleep(NEVER)
                except TimeoutError:
                    if clock.now() < outer_s:
                        return "inner"
                    await clock.sleep(1)
        except TimeoutError:
            return "outer"
        return "none"

    assert in_virtual_time(story) == strikes


def test_a_body_that_swallows_its_timeout() -> None:
    """A body that catches the cancellation of its timeout and goes on is over with TimeoutError all the same."""

    async def story(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):  # noqa: PT012 - the block is what is tested
            async with clock.timeout(1):
                try:
                    await clock.sleep(5)
                except asyncio.CancelledError:
                    await clock.sleep(2)
                    raise
        assert clock.now() == 3

    in_virtual_time(story)


def test_a_cancelled_timeout_is_no_timeout() -> None:
    """A task that is cancelled within a timeout ends cancelled, and its alarm is gone."""

    async def story(clock: VirtualClock) -> None:
        async def body() -> None:
            async with clock.timeout(100):
                await clock.sleep(50)

        task = asyncio.ensure_future(body())
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert alarms() == 0
        assert clock.now() == 1

    in_virtual_time(story)


def test_cancelled_in_the_moment_of_the_timeout() -> None:
    """Where a cancellation and a timeout meet, the cancellation wins: nobody's wish to stop is lost."""

    async def story(clock: VirtualClock) -> None:
        async def body() -> None:
            async with clock.timeout(10):
                await clock.sleep(NEVER)

        task = asyncio.ensure_future(body())
        await clock.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    in_virtual_time(story)


def test_a_task_group_in_a_timeout() -> None:
    """A timeout around a group of tasks cancels all of them. One within a task of the group comes out of the group."""

    async def story(clock: VirtualClock) -> None:
        ended: list[float] = []

        async def member(for_s: float) -> None:
            try:
                await clock.sleep(for_s)
            finally:
                ended.append(clock.now())

        with pytest.raises(TimeoutError):  # noqa: PT012 - the block is what is tested
            async with clock.timeout(10), asyncio.TaskGroup() as group:
                for for_s in (3, 30, 300):
                    group.create_task(member(for_s))
        assert ended == [3, 10, 10]

        async def bounded() -> None:
            async with clock.timeout(5):
                await clock.sleep(50)

        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the block is what is tested
            async with asyncio.TaskGroup() as group:
                group.create_task(bounded())
                group.create_task(member(500))
        assert [type(error) for error in caught.value.exceptions] == [TimeoutError]
        assert ended[-1] == 15

    in_virtual_time(story)


def test_cancelled_sleepers_leave_nothing_behind() -> None:
    """A thousand sleepers that are cancelled leave no alarm, and time does not run on to theirs."""

    async def story(clock: VirtualClock) -> None:
        sleepers = [asyncio.ensure_future(clock.sleep(1000 + number)) for number in range(1000)]
        await clock.sleep(1)
        for sleeper in sleepers:
            sleeper.cancel()
        await asyncio.wait(sleepers)
        assert alarms() == 0
        await clock.sleep(1)
        assert clock.now() == 2

    in_virtual_time(story)


def test_work_in_a_thread_holds_the_clock() -> None:
    """While a thread works no virtual time passes, however long the thread takes. Afterwards it goes on."""

    async def story(clock: VirtualClock) -> None:
        going, let_go = threading.Event(), threading.Event()
        seen: list[float] = []

        def work() -> str:
            going.set()
            assert let_go.wait(30)
            return "done"

        async def sleeper() -> None:
            await clock.sleep(7)
            seen.append(clock.now())

        sleeping = asyncio.ensure_future(sleeper())
        working = asyncio.ensure_future(clock.in_thread(work))
        await asyncio.to_thread(going.wait, 30)
        for _ in range(50):
            await asyncio.sleep(0)  # noqa: TID251 - it only yields
        assert clock.now() == 0
        assert not sleeping.done()
        let_go.set()
        assert await working == "done"
        await sleeping
        assert seen == [7]

    in_virtual_time(story)


def test_a_still_clock() -> None:
    """While something outside of the observatory is waited for, no virtual time passes. Two may hold it at once."""

    async def story(clock: VirtualClock) -> None:
        sleeping = asyncio.ensure_future(clock.sleep(7))
        with clock.still():
            with clock.still():
                await real_sleep(0.001)
            await real_sleep(0.001)
            assert clock.now() == 0
        await sleeping
        assert clock.now() == 7

    in_virtual_time(story)


def test_a_thread_that_fails_lets_the_clock_go() -> None:
    """An error in the thread comes out, and the clock goes on."""

    async def story(clock: VirtualClock) -> None:
        with pytest.raises(ZeroDivisionError):
            await clock.in_thread(lambda: 1 // 0)
        await clock.sleep(3)
        assert clock.now() == 3

    in_virtual_time(story)


def test_two_clocks_on_one_loop() -> None:
    """Two virtual clocks count for themselves, and neither keeps the other from going on."""

    async def story(one: VirtualClock) -> None:
        other = VirtualClock()

        async def ticks(clock: VirtualClock, every_s: float, count: int) -> None:
            for _ in range(count):
                await clock.sleep(every_s)

        await asyncio.gather(ticks(one, 1, 10), ticks(other, 100, 7))
        assert one.now() == 10
        assert other.now() == 700

    in_virtual_time(story)


def test_real_waiting_beside_virtual_time() -> None:
    """A task that waits of wall time's clock neither stops virtual time nor is stopped by it."""

    async def story(clock: VirtualClock) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(real_sleep(0.001))
            for _ in range(100):
                await clock.sleep(10)
            assert clock.now() == 1000
            await waiting

    in_virtual_time(story)


def test_a_loop_after_another() -> None:
    """One clock may be used on several loops one after the other, and goes on from where it stood."""
    clock = VirtualClock()
    for turn in (1, 2, 3):
        asyncio.run(clock.sleep(5))
        assert clock.now() == 5 * turn


def test_other_loops_are_refused() -> None:
    """On a loop that can't tell whether it is idle, virtual time says what to do instead of waiting for ever."""

    class Strange:
        """A loop of another make."""

    with pytest.raises(EngineError, match="use another --speed"):
        _Idle(Strange())  # type: ignore[arg-type]
