"""Safing: switch every lamp off and read back that it is off. The only way out of a run.

Each lamp is treated alone, with a deadline for every try, and nothing that happens to one stops another. What is
tried escalates: the lamp's own off command several times, then the switch's all-off, then the second path where the
observatory names one. Off means read back as off; unreadable is `unknown`. Nothing here can be cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from safelight.devices import DeviceError, Lamps, LampState, Observatory, Timekeeper

__all__ = ["Safing", "patience_of", "safing_for", "uncancelled"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Safing:
    """How lamps are made safe on one observatory.

    Attributes:
        lamps: the switch.
        second: an independent way to the same lamps, or None.
        clock: the observatory's time.
        waits_s: pauses between the tries of a lamp, s; there is one try more than pauses.
        try_s: deadline of a single command or read-back, s.
        tell: called with the lamp and what was done or seen; its failures are ignored.
    """

    lamps: Lamps
    second: Lamps | None
    clock: Timekeeper
    waits_s: tuple[float, ...]
    try_s: float
    tell: Callable[[str, str], None] = lambda lamp, words: None  # noqa: ARG005

    async def all_lamps(self) -> dict[str, LampState]:
        """Make every lamp safe; returns each lamp as it was read back last. Raises nothing."""
        found = await self._each(self.lamps.names, self.one_lamp)
        if self._doubtful(found):
            found |= await self._escalate(found)
        return found

    async def read_all(self) -> dict[str, LampState]:
        """Read every lamp back and command nothing; a lamp that can't be read is `unknown`."""
        status = await self._bounded("all", "status", self.lamps.status) or {}
        return {lamp: status.get(lamp, "unknown") for lamp in self.lamps.names}

    async def one_lamp(self, lamp: str) -> LampState:
        """One lamp by every way that there is, again and again; returns how it was read back last. Raises nothing."""
        state: LampState = "unknown"
        for wait_s in (None, *self.waits_s):
            if wait_s is not None:
                with suppress(asyncio.CancelledError):
                    await self.clock.sleep(wait_s)
            state = await self._by(self.lamps, lamp)
            if state != "off" and self.second is not None:
                state = await self._by(self.second, lamp)
            if state == "off":
                return state
        return state

    async def _by(self, lamps: Lamps, lamp: str) -> LampState:
        """One try on one path; where the two paths disagree, the lamp is not confirmed."""
        path = "off" if lamps is self.lamps else "off by the second path"
        await self._bounded(lamp, path, lambda: lamps.off(lamp))
        return await self._seen(lamps, lamp)

    async def _seen(self, lamps: Lamps, lamp: str) -> LampState:
        """As read on one path, and not contradicted by the other: a switch that hangs may answer all from memory."""
        state = await self._read(lamps, lamp)
        other = self.second if lamps is self.lamps else self.lamps
        if state == "off" and other is not None and await self._read(other, lamp) == "on":
            return "unknown"
        return state

    async def _escalate(self, found: dict[str, LampState]) -> dict[str, LampState]:
        """All-off, by the first path and then by the second, for as long as a lamp is not confirmed."""
        for lamps in (self.lamps, self.second):
            if lamps is not None and self._doubtful(found):
                await self._bounded("all", "all-off", lamps.all_off)
                found |= await self._each(self._doubtful(found), partial(self._seen, lamps))
        return found

    async def _each(
        self, lamps: Iterable[str], make_safe: Callable[[str], Coroutine[Any, Any, LampState]]
    ) -> dict[str, LampState]:
        """The same for each lamp, at once, to the end: a loop that shuts down cancels all tasks, and is not heard."""
        tasks = {lamp: asyncio.ensure_future(make_safe(lamp)) for lamp in lamps}
        while not all(task.done() for task in tasks.values()):
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks.values())
        return {lamp: "unknown" if task.cancelled() else task.result() for lamp, task in tasks.items()}

    @staticmethod
    def _doubtful(found: dict[str, LampState]) -> list[str]:
        return [lamp for lamp, state in found.items() if state != "off"]

    async def _read(self, lamps: Lamps, lamp: str) -> LampState:
        status = await self._bounded(lamp, "status", lamps.status)
        state: LampState = status.get(lamp, "unknown") if status else "unknown"
        self._say(lamp, state)
        return state

    async def _bounded(self, lamp: str, verb: str, command: Callable[[], Awaitable[T]]) -> T | None:
        """Send one command; a failure is told and means nothing more than that it has to be tried again."""
        try:
            async with self.clock.timeout(self.try_s):
                return await command()
        except (DeviceError, TimeoutError) as error:
            self._say(lamp, f"{verb}: {error or 'no answer'}")
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001
            # Whatever it was, the lamp comes first.
            self._say(lamp, f"{verb}: {error!r}")
        return None

    def _say(self, lamp: str, words: str) -> None:
        # A full disk or a closed terminal keeps no lamp burning.
        with suppress(Exception):
            self.tell(lamp, words)


def safing_for(
    observatory: Observatory,
    lamps: Lamps,
    second: Lamps | None,
    clock: Timekeeper,
    tell: Callable[[str, str], None] = lambda lamp, words: None,  # noqa: ARG005
) -> Safing:
    """Safing with the observatory's own policy; everybody who switches off does it in this way."""
    waits_s, try_s = patience_of(observatory)
    return Safing(lamps=lamps, second=second, clock=clock, waits_s=waits_s, try_s=try_s, tell=tell)


def patience_of(observatory: Observatory) -> tuple[tuple[float, ...], float]:
    """The pauses between tries, and the deadline of each try, s."""
    policy = observatory.retries.of("safing")
    waits_s = (policy.first_wait_s * policy.factor**number for number in range(policy.attempts - 1))
    try_s = observatory.deadlines.deadline_s("safing", observatory.lamps.off_s)
    return tuple(min(wait_s, policy.longest_wait_s) for wait_s in waits_s), try_s


async def uncancelled(work: Awaitable[T], on_cancel: Callable[[], None] = lambda: None) -> T:
    """Await work to its end, however often the caller is cancelled meanwhile; a cancellation is raised afterwards.

    Args:
        work: what must not be broken off.
        on_cancel: called at each attempt to cancel.

    Raises:
        CancelledError: after the work has ended, if the caller was cancelled.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
            on_cancel()
        except BaseException:  # noqa: BLE001, S110 - it is the task's own, and is raised below
            pass
    if cancelled:
        task.exception()
        raise asyncio.CancelledError
    return task.result()
