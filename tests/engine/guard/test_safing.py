"""Safing against switches that misbehave in every way. Fakes, so that each way is exact."""

import asyncio
import gc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.devices import DeviceDisconnected, DeviceFailed, Lamps, LampState
from safelight.engine import VirtualClock
from safelight.engine.guard.safing import Safing, uncancelled, wait_for

NAMES = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")
TRY_S = 5.0
WAIT_S = 0.25
TRIES = 4
WAITS_S = (WAIT_S,) * (TRIES - 1)

Trouble = str
TROUBLES = ("error", "hang", "lie", "crash", "gone", "cancel")


class Switch:
    """A power switch whose lamps are told how to misbehave.

    Args:
        clock: its time.
        lamps: shared with a second path to the same lamps.
        off: lamp -> what its off command does instead.
        all_off: what the common off command does instead.
        status: what reading does instead; `blind` reads every lamp as unknown.
    """

    def __init__(
        self,
        clock: VirtualClock,
        lamps: dict[str, LampState] | None = None,
        *,
        off: Mapping[str, Trouble] | None = None,
        all_off: Trouble | None = None,
        status: Trouble | None = None,
    ) -> None:
        self.clock = clock
        self.lamps: dict[str, LampState] = dict.fromkeys(NAMES, "on") if lamps is None else lamps
        self.troubles = dict(off or {})
        self.common = all_off
        self.reading = status
        self.heard: list[tuple[float, str]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """All six."""
        return NAMES

    async def on(self, lamp: str) -> None:
        """Safing never lights."""
        raise AssertionError(f"{lamp} was lit")

    async def off(self, lamp: str) -> None:
        """Darken one lamp, or not."""
        self.heard.append((self.clock.now(), lamp))
        if not await self._trouble(self.troubles.get(lamp)):
            self.lamps[lamp] = "off"

    async def all_off(self) -> None:
        """Darken all, or not."""
        self.heard.append((self.clock.now(), "all"))
        if not await self._trouble(self.common):
            self.lamps.update(dict.fromkeys(NAMES, "off"))

    async def status(self) -> Mapping[str, LampState]:
        """Return what is, or nothing."""
        if self.reading == "blind":
            return dict.fromkeys(NAMES, "unknown")
        if self.reading == "empty":
            return {}
        if self.reading == "stale":
            return dict.fromkeys(NAMES, "on")
        await self._trouble(self.reading)
        return dict(self.lamps)

    async def _trouble(self, what: Trouble | None) -> bool:
        if what == "error":
            raise DeviceFailed("refused", device="lamps", verb="off")
        if what == "gone":
            raise DeviceDisconnected("gone", device="lamps", verb="off")
        if what == "crash":
            raise ZeroDivisionError
        if what == "cancel":
            raise asyncio.CancelledError
        if what == "hang":
            await asyncio.get_running_loop().create_future()
        return what == "lie"


class Story:
    """Safing with one switch, or two."""

    def __init__(self, *, second: Mapping[str, Any] | None = None, **switch: Any) -> None:
        self.clock = VirtualClock()
        self.switch = Switch(self.clock, **switch)
        self.second = None if second is None else Switch(self.clock, self.switch.lamps, **second)
        self.told: list[tuple[str, str]] = []
        self.safing = Safing(
            lamps=self.switch,
            second=self.second,
            clock=self.clock,
            waits_s=WAITS_S,
            try_s=TRY_S,
            tell=lambda lamp, words: self.told.append((lamp, words)),
        )

    def play(self) -> dict[str, LampState]:
        """Make safe. Nothing may go on afterwards."""

        async def whole() -> dict[str, LampState]:
            found = await self.safing.all_lamps()
            assert len(asyncio.all_tasks()) == 1
            return found

        return asyncio.run(whole())

    def commands(self, lamp: str) -> int:
        """Return how often a lamp's own off command arrived."""
        return sum(name == lamp for _, name in self.switch.heard)


def test_the_fake_is_a_switch() -> None:
    """The switch of these tests has all that the protocol asks for."""
    assert isinstance(Switch(VirtualClock()), Lamps)


def test_all_is_well() -> None:
    """Six burning lamps are commanded off once each, at once, read back and reported off."""
    story = Story()
    assert story.play() == dict.fromkeys(NAMES, "off")
    assert sorted(story.switch.heard) == sorted((0.0, lamp) for lamp in NAMES)
    assert ("Neon", "off") in story.told


def test_dark_lamps_are_commanded_all_the_same() -> None:
    """What is read or believed as off never makes an off command be skipped."""
    story = Story(lamps=dict.fromkeys(NAMES, "off"))
    story.play()
    assert {lamp for _, lamp in story.switch.heard} == set(NAMES)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_bad_lamp_among_six(trouble: Trouble) -> None:
    """Whatever is wrong with one lamp, the five others are off at once, and the one is tried again, then by all-off."""
    story = Story(off={"LDLS": trouble})
    assert story.play() == dict.fromkeys(NAMES, "off")
    assert {lamp for at, lamp in story.switch.heard if at == 0} == set(NAMES)
    assert story.commands("LDLS") == TRIES
    assert all(story.commands(lamp) == 1 for lamp in NAMES if lamp != "LDLS")
    assert story.switch.heard[-1][1] == "all"


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("common", TROUBLES)
def test_a_lamp_that_never_obeys(trouble: Trouble, common: Trouble) -> None:
    """A lamp that neither its own command nor all-off darkens is reported as on, never as off. And it ends in time."""
    story = Story(off={"Neon": trouble}, all_off=common)
    found = story.play()
    assert found == dict.fromkeys(NAMES, "off") | {"Neon": "on"}
    assert story.clock.now() <= TRIES * (2 * TRY_S + WAIT_S) + 2 * TRY_S
    assert story.commands("all") == 1


@pytest.mark.parametrize("reading", ["error", "hang", "crash", "gone", "cancel", "blind", "empty"])
def test_what_can_not_be_read_is_unknown(reading: Trouble) -> None:
    """A switch that can't be read is commanded by all means, and no lamp is claimed to be off."""
    story = Story(status=reading)
    assert story.play() == dict.fromkeys(NAMES, "unknown")
    assert set(story.switch.lamps.values()) == {"off"}
    assert all(story.commands(lamp) == TRIES for lamp in NAMES)
    assert story.commands("all") == 1


def test_an_answer_is_not_a_proof() -> None:
    """Lamps that are acknowledged and read back as on are reported on, whatever was acknowledged."""
    story = Story(status="stale")
    assert story.play() == dict.fromkeys(NAMES, "on")


def test_everything_hangs() -> None:
    """Where every command and reading hangs, safing ends all the same, as soon as for one lamp."""
    story = Story(off=dict.fromkeys(NAMES, "hang"), all_off="hang", status="hang")
    assert story.play() == dict.fromkeys(NAMES, "unknown")
    assert story.clock.now() <= TRIES * (2 * TRY_S + WAIT_S) + 2 * TRY_S


def test_the_order_of_escalation() -> None:
    """The lamp's own command by both paths, several times with pauses. Then all-off by both paths."""
    story = Story(off={"Neon": "error"}, all_off="error", second={"off": {"Neon": "error"}})
    assert story.play() == dict.fromkeys(NAMES, "off")
    assert story.second is not None
    own = [at for at, lamp in story.switch.heard if lamp == "Neon"]
    other = [at for at, lamp in story.second.heard if lamp == "Neon"]
    assert own == other == [pytest.approx(number * WAIT_S) for number in range(TRIES)]
    common = next(at for at, lamp in story.switch.heard if lamp == "all")
    last = next(at for at, lamp in story.second.heard if lamp == "all")
    assert own[-1] <= common <= last


@pytest.mark.parametrize("trouble", TROUBLES)
def test_every_path_is_commanded_at_once(trouble: Trouble) -> None:
    """Whatever the first path does, each lamp is commanded by the second path at the same moment."""
    story = Story(off=dict.fromkeys(NAMES, trouble), second={})
    assert story.play() == dict.fromkeys(NAMES, "off")
    assert story.second is not None
    assert sorted(story.switch.heard) == sorted(story.second.heard) == sorted((0.0, lamp) for lamp in NAMES)


def test_a_first_path_that_is_frozen_delays_nothing() -> None:
    """Where the first path answers nothing at all, the lamps are dark at once, and known to be within one deadline."""
    story = Story(off=dict.fromkeys(NAMES, "hang"), all_off="hang", status="hang", second={})
    assert story.play() == dict.fromkeys(NAMES, "off")
    assert story.clock.now() <= TRY_S
    assert story.second is not None
    assert {at for at, _ in story.second.heard} == {0.0}


@pytest.mark.parametrize("hangs", ["first", "second"])
def test_reading_takes_the_path_that_answers(hangs: str) -> None:
    """A read-back by both paths tells what one of them can read, and does not wait long for the other one."""
    reading = {"status": "hang"}
    story = Story(**(reading if hangs == "first" else {}), second={} if hangs == "first" else reading)
    assert asyncio.run(story.safing.read_all()) == dict.fromkeys(NAMES, "on")
    assert story.clock.now() <= 1.0


def test_a_reading_that_is_contradicted_is_unknown() -> None:
    """Where the paths disagree about a lamp it is unknown, and both readings are reported."""
    story = Story(lamps=dict.fromkeys(NAMES, "off"), second={"status": "stale"})
    assert asyncio.run(story.safing.read_all()) == dict.fromkeys(NAMES, "unknown")
    assert ("all", "the first path reads off, the second path reads on") in story.told


class Reluctant(Switch):
    """A switch whose off command can't be cancelled."""

    async def off(self, lamp: str) -> None:
        """Wait for ever, whatever is cancelled."""
        for _ in range(5):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.heard.append((self.clock.now(), lamp))


def test_a_path_that_can_not_be_cancelled_delays_nothing() -> None:
    """A driver that ignores cancellation keeps no lamp from being confirmed by the other path."""
    clock = VirtualClock()
    first = Reluctant(clock)
    safing = Safing(first, Switch(clock, first.lamps), clock, WAITS_S, TRY_S)

    async def whole() -> LampState:
        state = await safing.one_lamp("Neon")
        left = asyncio.all_tasks() - {asyncio.current_task()}
        while left:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.01)
            left = {task for task in left if not task.done()}
        return state

    assert asyncio.run(whole()) == "off"
    assert clock.now() <= TRY_S


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_second_path_fails_too(trouble: Trouble) -> None:
    """A second path that does not work either leaves the lamp on, and is bounded."""
    second = {"off": {"Neon": trouble}, "all_off": "lie"}
    story = Story(off={"Neon": "lie"}, all_off="lie", second=second)
    assert story.play()["Neon"] == "on"
    assert story.clock.now() <= TRIES * (4 * TRY_S + WAIT_S) + 5 * TRY_S


def test_the_second_path_reaches_every_lamp_at_once() -> None:
    """Where the switch is dead and the second path hangs for one lamp, the other five do not wait for it."""
    second = {"off": {"Argon": "hang"}, "all_off": "lie"}
    story = Story(off=dict.fromkeys(NAMES, "gone"), all_off="gone", status="gone", second=second)
    found = story.play()
    assert found == dict.fromkeys(NAMES, "off") | {"Argon": "on"}
    assert story.second is not None
    first_round = [at for at, lamp in story.second.heard if lamp != "all"][: len(NAMES)]
    assert set(first_round) == {first_round[0]}


def test_two_paths_that_disagree() -> None:
    """A lamp that one path reads as off and the other as on is unknown."""
    story = Story(status="stale", second={})
    assert story.play() == dict.fromkeys(NAMES, "unknown")


def test_a_listener_that_fails() -> None:
    """A terminal that is closed or a disk that is full keeps no lamp burning."""

    def tell(lamp: str, words: str) -> None:
        raise OSError(28, f"no space left for {lamp} {words}")

    story = Story(off={"Neon": "error"})
    safing = Safing(story.switch, None, story.clock, WAITS_S, TRY_S, tell)
    assert asyncio.run(safing.all_lamps()) == dict.fromkeys(NAMES, "off")


@given(
    off=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TROUBLES)),
    common=st.sampled_from([None, *TROUBLES]),
    reading=st.sampled_from([None, "error", "hang", "blind", "empty", "stale", "cancel"]),
    second=st.none()
    | st.fixed_dictionaries({"off": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TROUBLES))}),
)
@settings(max_examples=150)
def test_never_a_false_off(
    off: dict[str, Trouble], common: Trouble | None, reading: Trouble | None, second: dict[str, Any] | None
) -> None:
    """However a switch misbehaves, a lamp that is reported off is off, every lamp is reported, and it ends."""
    story = Story(off=off, all_off=common, status=reading, second=second)
    found = story.play()
    assert set(found) == set(NAMES)
    assert all(story.switch.lamps[lamp] == "off" for lamp, state in found.items() if state == "off")
    assert story.clock.now() <= TRIES * (2 * TRY_S + WAIT_S) + 5 * TRY_S + 0.001
    if reading is None:
        # What can be read is known, and what obeyed is known to be off.
        assert found == story.switch.lamps


# ---- nothing can cancel it


@pytest.mark.parametrize("times", [1, 2, 50])
def test_cancelled_again_and_again(times: int) -> None:
    """However often the caller is cancelled, the work ends. The cancellation is raised afterwards, each one noted."""

    async def story() -> tuple[int, list[str]]:
        clock, ended, noted = VirtualClock(), list[str](), 0

        async def work() -> None:
            await clock.sleep(1000)
            ended.append("done")

        def note() -> None:
            nonlocal noted
            noted += 1

        task = asyncio.ensure_future(uncancelled(work(), note))
        for _ in range(times):
            await clock.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return noted, ended

    assert asyncio.run(story()) == (times, ["done"])


def test_cancelled_within_one_moment() -> None:
    """Cancellations that come faster than they are noticed do not break it either."""

    async def story() -> list[str]:
        clock, ended = VirtualClock(), list[str]()

        async def work() -> None:
            await clock.sleep(10)
            ended.append("done")

        task = asyncio.ensure_future(uncancelled(work()))
        await clock.sleep(1)
        for _ in range(20):
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended

    assert asyncio.run(story()) == ["done"]


def test_not_cancelled() -> None:
    """Without a cancellation the result comes out, and an error comes out as it is."""

    async def fails() -> None:
        raise ZeroDivisionError

    async def story() -> int:
        with pytest.raises(ZeroDivisionError):
            await uncancelled(fails())
        return await uncancelled(asyncio.wait_for(_seven(), None))

    assert asyncio.run(story()) == 7


async def _seven() -> int:
    return 7


def test_cancelled_and_failed() -> None:
    """A caller who was cancelled gets his cancellation, also where the work has failed meanwhile."""

    async def story() -> None:
        clock = VirtualClock()

        async def fails() -> None:
            await clock.sleep(5)
            raise ZeroDivisionError

        task = asyncio.ensure_future(uncancelled(fails()))
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())


@pytest.mark.parametrize("at_s", [0.0, 0.1, 4.9, 5.0, 5.1, 20.0])
@pytest.mark.parametrize("times", [1, 3])
def test_every_task_of_the_loop_is_cancelled(at_s: float, times: int) -> None:
    """Where a loop shuts down and cancels all tasks, safing's own included, each lamp is commanded and read back."""
    story = Story(off={"Neon": "hang", "Argon": "error"})

    async def whole() -> dict[str, LampState]:
        safing = asyncio.ensure_future(story.safing.all_lamps())
        await story.clock.sleep(at_s)
        for _ in range(times):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.wait([safing], timeout=0)
        return await safing

    assert asyncio.run(whole()) == dict.fromkeys(NAMES, "off")
    assert set(story.switch.lamps.values()) == {"off"}


def test_a_loop_that_breaks() -> None:
    """An error that is not the work's own comes out, and does not make it try again for ever."""

    async def story() -> None:
        work = uncancelled(_seven())
        work.send(None)
        with pytest.raises(TypeError, match="not asyncio's"):
            work.throw(TypeError("not asyncio's"))

    asyncio.run(story())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_signal_comes_out_afterwards(error: type[BaseException]) -> None:
    """What a signal raises in the wait is told to the work, which goes on to its end, and comes out afterwards."""

    async def story() -> list[str]:
        ended: list[str] = []
        stopped = asyncio.Event()

        async def work() -> None:
            await stopped.wait()
            ended.append("done")

        waiting = uncancelled(work(), stopped.set)
        future = waiting.send(None)
        future = waiting.throw(error())
        while not future.done():
            await asyncio.wait([future])
        with pytest.raises(error):
            waiting.send(None)
        return ended

    assert asyncio.run(story()) == ["done"]


@pytest.mark.parametrize("late", [False, True])
def test_a_failure_that_nobody_asks_for(*, late: bool) -> None:
    """Work that fails while or after it was waited for leaves no traceback on anybody's terminal."""
    told: list[object] = []

    async def act() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        over = asyncio.Event()

        async def fail() -> None:
            await over.wait()
            raise OSError("the disk is full")

        task = asyncio.create_task(fail())
        if not late:
            over.set()
        await wait_for([task], 0.01)
        over.set()
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(act())
    assert told == []
