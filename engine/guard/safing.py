"""Safing (making all lamps safe): switch every lamp off and read it back. Every run ends with it.

Each lamp is treated alone, with a deadline for every try, and a failure of one never stops another. Every path to the
lamps is commanded at once. The tries escalate: the lamp's own off command several times, then the switch's all-off. Off
means read back as off; unreadable is `unknown`. Nothing here can be cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from safelight.devices import Lamps, LampState, Observatory, Timekeeper
from safelight.states.graph import SAFING
from safelight.states.paths import LampPaths, PathOutcome

__all__ = ["FinalSafing", "Safing", "patience_of", "safing_for", "uncancelled", "wait_for"]

T = TypeVar("T")

_AGAIN = 10
"""Number of tries of work that is disturbed by a cancellation each time."""


_SAFINGS = 10
"""Number of times that a safing is started again after it was cancelled before its beginning."""

_LATE_S = 5.0
"""Time after which the lamps are switched off again after a command without an outcome, s.

A slow switch answers after 4.9 s."""


@dataclass(frozen=True, slots=True)
class Safing:
    """Procedure for making lamps safe on one observatory.

    Attributes:
        lamps: the switch.
        second: an independent way to the same lamps, or None.
        clock: the observatory's time.
        waits_s: pauses between the tries of a lamp, s. There is one more try than pauses.
        try_s: deadline of a single command or read-back, s.
        tell: called with the lamp and what was done or read. Its failures are ignored.
        mine: asked before every command but the first ones; a lamp that it does not return is commanded no more, and
            left out of the result. None: all lamps.
        early: called with a lamp that one path reads as off while another one is still waited for, and with the seconds
            that are left for that.
        grace_s: how long a slower path is waited for once one has answered, s; None: `try_s`.
    """

    lamps: Lamps
    second: Lamps | None
    clock: Timekeeper
    waits_s: tuple[float, ...]
    try_s: float
    tell: Callable[[str, str], None] = lambda lamp, words: None  # noqa: ARG005
    mine: Callable[[], Awaitable[Collection[str]]] | None = None
    early: Callable[[str, float], None] = lambda lamp, left_s: None  # noqa: ARG005
    grace_s: float | None = None

    async def all_lamps(self, lamps: Collection[str] | None = None) -> dict[str, LampState]:
        """Make every lamp safe. Return each lamp as it was read back last. Raises nothing.

        Args:
            lamps: where others answer for the rest; None: all.
        """
        found = await self._each(self.lamps.names if lamps is None else lamps, self.one_lamp)
        doubtful = [lamp for lamp, state in found.items() if state != "off"]
        mine = await self._still_mine() if doubtful else self.lamps.names
        if lamps is not None or len(mine) < len(self.lamps.names):
            # The switch's all-off would reach the lamps of the others.
            return {lamp: state for lamp, state in found.items() if lamp in mine}
        if doubtful:
            unknown: dict[str, LampState] = dict.fromkeys(doubtful, "unknown")
            found |= await self._to_the_end(partial(self._paths.all_off, doubtful), unknown)
        return found

    async def read_all(self) -> dict[str, LampState]:
        """Read every lamp back by every path and command nothing. A lamp that can't be read is `unknown`."""
        return await self._paths.status()

    async def one_lamp(self, lamp: str) -> LampState:
        """Make one lamp safe by every path, with retries. Return its last read-back state. Raises nothing."""
        state: LampState = "unknown"
        for wait_s in (None, *self.waits_s):
            if wait_s is not None:
                with suppress(asyncio.CancelledError):
                    await self.clock.sleep(wait_s)
                if lamp not in await self._still_mine():
                    return state
            outcome = await self._to_the_end(partial(self._paths.off, lamp), PathOutcome("unknown", None, obeyed=False))
            state = outcome.state
            if state == "off":
                return state
        return state

    async def _still_mine(self) -> Collection[str]:
        if self.mine is not None:
            with suppress(asyncio.CancelledError):
                return await self.mine()
        return self.lamps.names

    @property
    def _paths(self) -> LampPaths:
        paths = (self.lamps,) if self.second is None else (self.lamps, self.second)
        grace_s = self.try_s if self.grace_s is None else self.grace_s
        return LampPaths(paths, self.clock, self.try_s, grace_s, self.tell, self.early)

    @staticmethod
    async def _to_the_end(work: Callable[[], Coroutine[Any, Any, T]], otherwise: T) -> T:
        """Do the work to its end in spite of cancellations. Work that a cancellation has disturbed is repeated."""
        found = otherwise
        for _ in range(_AGAIN):
            task, disturbed = asyncio.ensure_future(work()), False
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    disturbed = True
            if not task.cancelled():
                found = task.result()
                if not disturbed:
                    break
        return found

    async def _each(
        self, lamps: Iterable[str], make_safe: Callable[[str], Coroutine[Any, Any, LampState]]
    ) -> dict[str, LampState]:
        """Do the same for each lamp at once, to the end, even if a closing loop cancels all tasks."""
        tasks = {lamp: asyncio.ensure_future(make_safe(lamp)) for lamp in lamps}
        while not all(task.done() for task in tasks.values()):
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks.values())
        return {lamp: "unknown" if task.cancelled() else task.result() for lamp, task in tasks.items()}


def safing_for(
    observatory: Observatory,
    lamps: Lamps,
    second: Lamps | None,
    clock: Timekeeper,
    tell: Callable[[str, str], None] = lambda lamp, words: None,  # noqa: ARG005
    mine: Callable[[], Awaitable[Collection[str]]] | None = None,
) -> Safing:
    """Return safing with the observatory's own policy. Every part that switches lamps off uses it."""
    waits_s, try_s = patience_of(observatory)
    return Safing(lamps=lamps, second=second, clock=clock, waits_s=waits_s, try_s=try_s, tell=tell, mine=mine)


def patience_of(observatory: Observatory) -> tuple[tuple[float, ...], float]:
    """Return the pauses between tries, and the deadline of each try, s."""
    policy = observatory.retries.of("safing")
    waits_s = (policy.first_wait_s * policy.factor**number for number in range(policy.attempts - 1))
    try_s = observatory.deadlines.deadline_s("safing", observatory.lamps.off_s)
    return tuple(min(wait_s, policy.longest_wait_s) for wait_s in waits_s), try_s


async def uncancelled(work: Awaitable[T], on_cancel: Callable[[], None] = lambda: None) -> T:
    """Await work to its end, even if the caller is cancelled meanwhile. A cancellation is raised afterwards.

    Args:
        work: the work that must not be interrupted.
        on_cancel: called at each attempt to cancel.

    Raises:
        CancelledError: after the work has ended, if the caller was cancelled.
        KeyboardInterrupt, SystemExit: the same, if a signal raised it here.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    interruption: BaseException | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
            on_cancel()
        except (KeyboardInterrupt, SystemExit) as error:
            if not task.done():  # a signal arrived here; the task has not ended
                interruption = error
                on_cancel()
        except BaseException:
            # The loop is closing, or is not asyncio's, so that another try would fail in the same way.
            if not task.done():
                raise
    if interruption is not None:
        task.exception()
        raise interruption
    if cancelled:
        task.exception()
        raise asyncio.CancelledError
    return task.result()


@dataclass(frozen=True, slots=True)
class FinalSafing:
    """Safing at the end of a run.

    Attributes:
        safing: switches them off and reads them.
        doubtful: lamps whose on-command has no known outcome, as the run has it now.
    """

    safing: Safing
    clock: Timekeeper
    doubtful: Collection[str]

    def begin(self) -> "asyncio.Task[dict[str, LampState]]":
        """Start immediately."""
        return asyncio.create_task(self._make_safe(), name=SAFING)

    async def reached(self, safing: "asyncio.Task[dict[str, LampState]]") -> dict[str, LampState]:
        """Return each lamp as safing has read it. An interrupted safing starts again, a limited number of times."""
        for _ in range(_SAFINGS):
            await wait_for([safing], None)
            if not safing.cancelled() and safing.exception() is None:
                return safing.result()
            safing = self.begin()
        safing.cancel()
        return dict.fromkeys(self.safing.lamps.names, "unknown")

    async def _make_safe(self) -> dict[str, LampState]:
        """Make all lamps safe, and repeat it later if an on-command without an outcome may still be obeyed."""
        lamps = await self.safing.all_lamps()
        if self.doubtful:
            with suppress(asyncio.CancelledError):
                await self.clock.sleep(_LATE_S)
            lamps = await self.safing.all_lamps()
        return lamps


async def wait_for(tasks: list[asyncio.Task[Any]], seconds: float | None) -> None:
    """Wait for all tasks, at most `seconds` of wall time. Their exceptions are ignored, also those of later."""
    for task in tasks:
        task.add_done_callback(_ignored)
    waiting = True
    while waiting and tasks:
        with suppress(asyncio.CancelledError):
            await asyncio.wait(tasks, timeout=seconds)
            waiting = False


def _ignored(task: asyncio.Task[Any]) -> None:
    """Look at a task's exception, so that asyncio does not print it with a traceback."""
    if not task.cancelled():
        task.exception()
