"""Safing: switch every lamp off and read back that it is off. The only way out of a run.

Each lamp is treated alone, with a deadline for every try, and nothing that happens to one stops another. What is
tried escalates: the lamp's own off command several times, then the switch's all-off, then the second path where the
observatory names one. Off means read back as off; unreadable is `unknown`. Nothing here can be cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from safelight.devices import DeviceError, Lamps, LampState, Timekeeper

__all__ = ["Safing", "uncancelled"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Safing:
    """How lamps are made safe on one observatory.

    Attributes:
        lamps: the switch.
        second: an independent way to the same lamps, or None.
        clock: the observatory's time.
        tries: how often each lamp's own off command is sent before all-off is tried.
        try_s: deadline of a single command or read-back, s.
        wait_s: pause between two tries, s.
        tell: called with the lamp and what was done or seen; its failures are ignored.
    """

    lamps: Lamps
    second: Lamps | None
    clock: Timekeeper
    tries: int
    try_s: float
    wait_s: float
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
        """One lamp's own off command, read back, again; returns how it was read back last. Raises nothing."""
        state: LampState = "unknown"
        for number in range(self.tries):
            if number:
                with suppress(asyncio.CancelledError):
                    await self.clock.sleep(self.wait_s)
            await self._bounded(lamp, "off", lambda: self.lamps.off(lamp))
            state = await self._read(self.lamps, lamp)
            if state == "off":
                return state
        return state

    async def _escalate(self, found: dict[str, LampState]) -> dict[str, LampState]:
        """All-off, then the second path, for as long as a lamp is not confirmed."""
        await self._bounded("all", "all-off", self.lamps.all_off)
        seen = await self._each(self._doubtful(found), lambda lamp: self._read(self.lamps, lamp))
        if self.second is None:
            return seen
        second = self.second
        return seen | await self._each(self._doubtful(seen), lambda lamp: self._by(second, lamp))

    async def _by(self, second: Lamps, lamp: str) -> LampState:
        """One lamp by the second path; where the two paths disagree, the lamp is not confirmed."""
        await self._bounded(lamp, "off by the second path", lambda: second.off(lamp))
        state = await self._read(second, lamp)
        return "unknown" if state == "off" and await self._read(self.lamps, lamp) == "on" else state

    async def _each(
        self, lamps: Iterable[str], make_safe: Callable[[str], Coroutine[Any, Any, LampState]]
    ) -> dict[str, LampState]:
        """The same for each lamp, at once and to the end: a loop that shuts down cancels all tasks, and is not heard."""
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
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it was, the lamp comes first
            self._say(lamp, f"{verb}: {error!r}")
        return None

    def _say(self, lamp: str, words: str) -> None:
        # A full disk or a closed terminal keeps no lamp burning.
        with suppress(Exception):
            self.tell(lamp, words)


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
