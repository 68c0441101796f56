"""Runner or guard stand still for a while under a lit lamp, as on a machine that is too busy, and go on."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.devices import load_observatory, open_lamps
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.process import GuardProcess
from safelight.engine.guard.status_files import GuardStatusFile
from safelight.engine.run.start import Request, perform
from tests.crash.check import assert_whole
from tests.crash.crashes import Case, small_observatory

LAMP = "Quartz"
QUICK = {"heartbeat_s": 0.1, "silence_s": 2.0, "retry_s": 0.2}
LONGEST_S = 60.0
WALL = Clock()
SLOW_OFF = Fault.model_validate({"device": "lamps.Neon", "verb": "off", "what": "timeout", "seconds": 1.5})


def comes_true(met: Callable[[], bool], what: str) -> None:
    """Look until it is so, while the whole process stands still."""
    pause = threading.Event()
    for _ in range(int(LONGEST_S / 0.01)):
        if met():
            return
        pause.wait(0.01)
    raise AssertionError(f"never: {what}")


async def a_reader(fd: int) -> asyncio.StreamReader:
    """Return a reader of a pipe."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    return reader


@dataclass
class Watched:
    """A guard in this process, with the pipes that a runner would have."""

    guard: GuardProcess
    listens: asyncio.StreamReader
    answers: asyncio.StreamReader
    say_fd: int

    def say(self, **message: Any) -> None:
        """Send the guard a message."""
        os.write(self.say_fd, json.dumps(message).encode() + b"\n")

    async def until(self, key: str) -> list[Mapping[str, Any]]:
        """Return its answers up to the first one with this key."""
        heard: list[Mapping[str, Any]] = []
        while not heard or key not in heard[-1]:
            heard.append(json.loads(await self.answers.readline()))
        return heard


@asynccontextmanager
async def watched(folder: Path, *faults: Fault) -> AsyncIterator[Watched]:
    """Yield a guard of the simulated observatory in real time."""
    observatory = load_observatory(small_observatory(folder, guard=QUICK))
    order = GuardConfig("by-test", folder / "home", observatory, faults=faults)
    lamps, second, close = open_lamps(observatory, clock=order.clock, home=order.home, faults=faults)
    (hear_fd, say_fd), (answer_fd, told_fd) = os.pipe(), os.pipe()
    guard = GuardProcess(order, lamps, second, told_fd, GuardStatusFile(order.home, order.run))
    try:
        yield Watched(guard, await a_reader(hear_fd), await a_reader(answer_fd), say_fd)
    finally:
        os.close(say_fd)
        os.close(told_fd)
        await close()
        guard.book.close()


def test_no_lamp_is_lit_into_a_round(tmp_path: Path) -> None:
    """A guard that switches all lamps off lets one be lit after its round, and has said before what it did."""

    async def act() -> None:
        async with watched(tmp_path, SLOW_OFF) as pair:
            watching = asyncio.create_task(pair.guard.watch(pair.listens))
            while pair.guard.book.doing != "acting":
                await WALL.sleep(0.005)
            assert pair.guard._acting is not None
            first = pair.guard._acting
            assert not first.done(), "the round is to last longer"
            pair.say(lease=LAMP, s=100.0)
            told = [next(iter(each)) for each in await pair.until("lit")]
            assert first.done()
            assert told[-2:] == ["acted", "lit"]
            pair.say(end=0.0)
            await watching

    asyncio.run(asyncio.wait_for(act(), LONGEST_S))


def test_a_guard_that_stood_still_reads_first(tmp_path: Path) -> None:
    """A guard that was stopped itself does not take for silence what it has not read yet."""

    async def act() -> None:
        async with watched(tmp_path) as pair:
            guard = pair.guard
            guard._last_beat = guard.wall.now() - QUICK["silence_s"]
            line = asyncio.create_task(guard._next_line(pair.listens))
            await WALL.sleep(0.0)
            pair.say(beat=1)
            # The whole process stands still, for longer than the guard would wait.
            threading.Event().wait(0.2)
            assert json.loads(await line or b"null") == {"beat": 1}

    asyncio.run(asyncio.wait_for(act(), LONGEST_S))


def test_a_lamp_that_guards_put_out_is_lit_again(make_case: Callable[..., Case], tmp_path: Path) -> None:
    """A runner that stands still right before the check of its frame finds its lamp dark, and lights it again."""
    case = make_case(observatory=small_observatory(tmp_path, name="quick", guard=QUICK), speed=60)
    events: list[Mapping[str, Any]] = []

    def hear(said: Mapping[str, Any]) -> None:
        events.append(said)
        if said["event"] == "state.started" and said["state"] == "ready/Quartz-120s-001" and said["attempt"] == 1:
            assert case.burning() == [LAMP]
            comes_true(lambda: not case.burning(), "the guards switch it off")

    request = Request(
        "demo", observatory=case.observatory, home=case.home, frames=case.frames, speed=case.speed, journal=case.journal
    )
    result = asyncio.run(perform(request, listeners=[hear]))
    assert (result.outcome, result.reason) == ("done", None)
    acted = [said for said in events if said["event"] == "guard.acted"]
    assert [(said["lamps"], said["reason"]) for said in acted] == [([LAMP], "no heartbeat came from the run for 2 s")]
    assert_whole(case, result.run, ["bias-001", "Quartz-120s-001"])
    assert [frame.attempt for frame in result.frames] == [1, 1]
