"""Paths to the lamps, commanded and read in parallel, so that a path that hangs delays no other one.

A lamp counts as off where one path reads it as off and no path reads it as on. Where they disagree it is `unknown`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from safelight.devices.protocols import Devices, Lamps, LampState, Timekeeper

__all__ = ["LampPaths", "PathOutcome", "lamps_now", "read_lamps"]

T = TypeVar("T")
Task = asyncio.Task[Any]

_GRACE_S = 1.0
"""Time in which a slower path may contradict the one that has answered, observatory seconds."""
_LET_GO_S = 0.05
"""Time in which a cancelled command may end, s of wall time. Then it is abandoned."""
_NAMES = ("", " by the second path")
_SOON_S = 1.0
"""Time after which a slower path is announced, observatory seconds."""


@dataclass(frozen=True, slots=True)
class PathOutcome:
    """Result of switching one lamp off.

    Attributes:
        state: as read back by all paths together.
        error: why the first path did not obey; None if it did, or if that is not known yet.
        obeyed: whether a path has taken the command without an error.
    """

    state: LampState
    error: BaseException | None
    obeyed: bool


@dataclass(frozen=True, slots=True)
class LampPaths:
    """Paths to the lamps, the first one first.

    Attributes:
        try_s: deadline of a single command or read-back, s.
        grace_s: how long slower paths are waited for once one has confirmed, s.
        tell: called with the lamp and what was done or read.
        early: called with a lamp that one path reads as off while a slower one is still waited for, and
            with the seconds that are left for that.
    """

    paths: tuple[Lamps, ...]
    clock: Timekeeper
    try_s: float
    grace_s: float = _GRACE_S
    tell: Callable[[str, str], None] = lambda lamp, words: None  # noqa: ARG005
    early: Callable[[str, float], None] = lambda lamp, left_s: None  # noqa: ARG005

    @classmethod
    def of(cls, devices: Devices, clock: Timekeeper, try_s: float) -> "LampPaths":
        """Return the paths of an instrument."""
        second = () if devices.second_lamps is None else (devices.second_lamps,)
        return cls((devices.lamps, *second), clock, try_s)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lamps."""
        return self.paths[0].names

    async def off(self, lamp: str) -> PathOutcome:
        """Command one lamp off by every path at once, then read it back by every path. Raises nothing."""
        async with _tasks(self._sent(lamp, "off", lambda path: path.off(lamp))) as commands:
            await self._until(commands, lambda sent: sent is None)
            state = (await self._seen((lamp,)))[lamp]
            if state != "off" and not _done(commands):
                # A lamp that one path reads as on may just be switched off by another one.
                await self._bounded_wait(commands, self.try_s)
                state = (await self._seen((lamp,)))[lamp]
            ended = [command.result() for command in commands if _ended(command)]
            error = commands[0].result() if _ended(commands[0]) else None
        return PathOutcome(state, error, obeyed=None in ended)

    async def all_off(self, lamps: Collection[str]) -> dict[str, LampState]:
        """Send the switch's own all-off by every path at once, then read these lamps back. Raises nothing."""
        async with _tasks(self._sent("all", "all-off", lambda path: path.all_off())) as commands:
            await self._until(commands, lambda sent: sent is None)
            found = await self._seen(lamps)
            if any(state != "off" for state in found.values()) and not _done(commands):
                await self._bounded_wait(commands, self.try_s)
                found = await self._seen(lamps)
        return found

    async def status(self, grace_s: float = _GRACE_S) -> dict[str, LampState]:
        """Read every lamp by every path at once. A lamp that no path can read is `unknown`. Raises nothing."""
        return await self._seen(self.names, grace_s=grace_s, lamp="all")

    def _sent(
        self, lamp: str, verb: str, send: Callable[[Lamps], Coroutine[Any, Any, None]]
    ) -> list[Coroutine[Any, Any, BaseException | None]]:
        """Return one command for each path. Each returns why it failed, or None."""

        async def one(path: Lamps, name: str) -> BaseException | None:
            try:
                async with self.clock.timeout(self.try_s):
                    await send(path)
            except BaseException as error:  # noqa: BLE001 - whatever it was, the lamp comes first
                self._say(lamp, f"{verb}{name}: {_words(error)}")
                return error
            return None

        return [one(path, name) for path, name in zip(self.paths, _NAMES, strict=False)]

    async def _seen(
        self, lamps: Collection[str], *, grace_s: float | None = None, lamp: str | None = None
    ) -> dict[str, LampState]:
        """Read by all paths at once and compare."""

        def tells(answer: Mapping[str, LampState]) -> bool:
            return all(answer.get(lamp, "unknown") != "unknown" for lamp in lamps)

        failures: list[str] = []
        async with _tasks(
            [self._read(path, failures, name) for path, name in zip(self.paths, _NAMES, strict=False)]
        ) as reads:
            await self._until(reads, tells)
            await self._wait_for_slower(reads, lamps, self.grace_s if grace_s is None else grace_s)
            answers = [read.result() for read in reads if read.done() and not read.cancelled()]
        found = {name: _together([answer.get(name, "unknown") for answer in answers]) for name in lamps}
        for name, state in found.items():
            # The state, then the reason: an alarm repeats the last words.
            if lamp is None:
                self._say(name, state)
            if state == "unknown":
                for words in failures or _disagreement(name, answers):
                    self._say(lamp or name, words)
        return found

    async def _wait_for_slower(self, reads: list[Task], lamps: Collection[str], grace_s: float) -> None:
        """Wait for the paths that have not answered, and announce the lamps that are read as off until then."""
        soon_s = min(_SOON_S, grace_s)
        await self._bounded_wait(reads, soon_s)
        if _done(reads) or soon_s == grace_s:
            return
        answers = [read.result() for read in reads if _ended(read)]
        for lamp in lamps:
            if _together([answer.get(lamp, "unknown") for answer in answers]) == "off":
                with suppress(Exception):
                    self.early(lamp, grace_s - soon_s)
        await self._bounded_wait(reads, grace_s - soon_s)

    async def _read(self, path: Lamps, failures: list[str], name: str) -> Mapping[str, LampState]:
        try:
            async with self.clock.timeout(self.try_s):
                return await path.status()
        except BaseException as error:  # noqa: BLE001 - unreadable is unknown, whatever the reason
            failures.append(f"status{name}: {_words(error)}")
        return {}

    async def _until(self, tasks: list[Task], good: Callable[[Any], bool]) -> None:
        """Wait until one task has succeeded, or all have ended, or the deadline of a try is over."""
        with suppress(TimeoutError):
            async with self.clock.timeout(self.try_s):
                while not _done(tasks) and not any(good(task.result()) for task in tasks if _ended(task)):
                    pending = [task for task in tasks if not task.done()]
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    async def _bounded_wait(self, tasks: list[Task], seconds: float) -> None:
        if not _done(tasks):
            with suppress(TimeoutError):
                async with self.clock.timeout(seconds):
                    await asyncio.wait(tasks)

    def _say(self, lamp: str, words: str) -> None:
        # A full disk or a closed terminal must not keep a lamp on.
        with suppress(Exception):
            self.tell(lamp, words)


def _together(states: list[LampState]) -> LampState:
    """Return the state on which the paths agree."""
    known = set(states) - {"unknown"}
    return known.pop() if len(known) == 1 else "unknown"


def _disagreement(lamp: str, answers: list[Mapping[str, LampState]]) -> list[str]:
    states = [answer.get(lamp, "unknown") for answer in answers]
    return ["the first path reads {}, the second path reads {}".format(*states)] if {"on", "off"} <= set(states) else []


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or "no answer"
    return str(error) if type(error).__module__.startswith("safelight.") else repr(error)


def _done(tasks: list[Task]) -> bool:
    return all(task.done() for task in tasks)


def _ended(task: Task) -> bool:
    return task.done() and not task.cancelled()


@asynccontextmanager
async def _tasks(works: list[Coroutine[Any, Any, T]]) -> AsyncIterator[list["asyncio.Task[T]"]]:
    """Run tasks in parallel with the body. Those that are left at its end are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LET_GO_S)


async def lamps_now(devices: Devices, clock: Timekeeper) -> Mapping[str, LampState]:
    """Read the lamps of an instrument, as `read_lamps`."""
    return await read_lamps(devices.lamps, devices.second_lamps, clock)


async def read_lamps(first: Lamps, second: Lamps | None, clock: Timekeeper) -> Mapping[str, LampState]:
    """Read the lamps by the first path. If it fails or is slow, read them by the second one as well.

    Raises:
        DeviceError: no path answers; the first path's error.
    """
    if second is None:
        return await first.status()
    async with _tasks([_status(first)]) as (one,):
        async with _tasks([clock.sleep(_GRACE_S)]) as (grace,):
            # This is not a deadline: nothing is given up here, so accelerated time needs no allowance for the computer.
            await asyncio.wait([one, grace], return_when=asyncio.FIRST_COMPLETED)
        if _ended(one) and one.exception() is None:
            return one.result()
        async with _tasks([_status(second)]) as (other,):
            return await _first_answer(one, other)


async def _status(path: Lamps) -> Mapping[str, LampState]:
    return await path.status()


async def _first_answer(one: "asyncio.Task[T]", other: "asyncio.Task[T]") -> T:
    """Return the first answer that is not an error."""
    pending: set[asyncio.Task[T]] = {task for task in (one, other) if not task.done()}
    while True:
        for task in (one, other):
            if _ended(task) and task.exception() is None:
                return task.result()
        if not pending:
            return await one
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
