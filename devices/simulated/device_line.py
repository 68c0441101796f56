"""Line to a simulated device: every verb goes through it, with its duration and its faults.

    no fault     begin, wait, finish
    error        refused at once, nothing done
    timeout      begin, wait, finish, and no answer; if cancelled during the command, the device obeys all the same
    hang         nothing done, and no answer
    lie          wait, nothing done, and an answer that reports success
    disconnect   half the wait, done or not at random, then the device is away for some seconds

Commands that stop something (off, stop, abort, reset) act in `begin`, when they arrive. Commands that start
something (on) act in `finish`, when they are acknowledged. Faults affect single units (a lamp, a telescope);
the other units of the same call obey.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from safelight.devices.errors import DeviceDisconnected, DeviceFailed, DeviceUnknown
from safelight.devices.simulated.faults import FaultBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from safelight.devices.protocols import Timekeeper
    from safelight.devices.simulated.faults import Fault

__all__ = ["Command", "DeviceLine", "Units"]

T = TypeVar("T")
Units = tuple[str, ...]

_AWAY_S = 2.0  # time that a disconnected device stays away by default


def _nothing(_units: Units) -> None:
    """Do nothing, as the `begin` or `cancelled` of a command that needs none."""


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """One call of one verb.

    Attributes:
        verb: as in the protocol.
        units: the parts that it addresses.
        takes_s: time from the command to the answer, s.
        finish: (units that obeyed, units that report a wrong state) -> the answer.
        begin: action of the obeying units when the command arrives.
        cancelled: their action when the caller gives up during the command.
        together: whether one unit that refuses keeps all from beginning.
        reading: whether a unit without connection is only left out of the answer, while others answer.
        in_thread: whether `finish` is slow and runs in a thread.
    """

    verb: str
    units: Units
    takes_s: float
    finish: Callable[[Units, Units], T]
    begin: Callable[[Units], None] = _nothing
    cancelled: Callable[[Units], None] = _nothing
    together: bool = False
    reading: bool = False
    in_thread: bool = False


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Units of a call, sorted by their outcome."""

    obey: Units
    late: Units
    lie: Units
    refuse: Units
    silent: Units
    away: Units


class DeviceLine:
    """Line to one device (`lamps`, `telescopes`, ...)."""

    def __init__(self, family: str, units: Units, faults: Iterable[Fault], clock: Timekeeper) -> None:
        self.family = family
        self._book = FaultBook(family, units, faults)
        self._clock = clock
        self._away_until: dict[str, float] = {}
        self._coin = random.Random(family)  # noqa: S311  # reproducible rehearsals, not secrets

    async def send(self, command: Command[T]) -> T:
        """Do it, as far as the faults allow.

        Raises:
            DeviceFailed: refused, nothing done.
            DeviceDisconnected: the device is away, or went away in mid-command.
            DeviceUnknown: the line gave up waiting.
        """
        struck = self._book.strike(command.verb, command.units)
        away = self._away(command.units)
        if not struck and not away:
            return await self._healthy(command)
        return await self._faulty(command, struck, away)

    async def _healthy(self, command: Command[T]) -> T:
        command.begin(command.units)
        try:
            await self._wait(command.takes_s)
        except asyncio.CancelledError:
            command.cancelled(command.units)
            raise
        return await self._finish(command, command.units, ())

    async def _faulty(self, command: Command[T], struck: dict[str, Fault], away: Units) -> T:
        self._refuse_if_hopeless(command, struck, away)
        dropping = self._dropping(struck, away)
        sort = self._sort(command.units, struck, away, dropping)
        obey = sort.obey + sort.late
        command.begin(obey)
        try:
            await self._wait(command.takes_s / 2 if dropping else command.takes_s)
        except asyncio.CancelledError:
            command.cancelled(sort.obey)
            if sort.late:
                command.finish(sort.late, ())
            raise
        self._drop(struck, dropping)
        answer = await self._finish(command, obey, sort.lie)
        if sort.silent:
            await self._silence([struck[unit] for unit in sort.silent], command, sort.silent)
        self._complain(command, sort, dropping)
        return answer

    def _refuse_if_hopeless(self, command: Command[T], struck: dict[str, Fault], away: Units) -> None:
        """Raise at once where no unit could obey, or where one refusal is enough."""
        refusing = [u for u in command.units if u in struck and struck[u].what == "error" and u not in away]
        for units, raiser in ((away, self._gone), (tuple(refusing), self._refused)):
            if units and (command.together or len(units) == len(command.units)):
                raiser(units[0] if len(units) < len(command.units) else "", command.verb)

    def _sort(self, units: Units, struck: dict[str, Fault], away: Units, dropping: dict[str, bool]) -> _Sorted:
        def of(*what: str) -> Units:
            return tuple(u for u in units if u not in away and u in struck and struck[u].what in what)

        free = tuple(u for u in units if u not in away and u not in struck)
        done = tuple(unit for unit, coin in dropping.items() if coin)
        return _Sorted(free, of("timeout") + done, of("lie"), of("error"), of("timeout", "hang"), away)

    def _dropping(self, struck: dict[str, Fault], away: Units) -> dict[str, bool]:
        """Return the units that lose their line in this command, and whether they obey before (one coin for all)."""
        coin = self._coin.choice((True, False))
        return {u: coin for u, fault in struck.items() if fault.what == "disconnect" and u not in away}

    def _drop(self, struck: dict[str, Fault], dropping: dict[str, bool]) -> None:
        """Disconnect these units from now on, or the whole device if the fault is its own."""
        for unit in dropping:
            fault = struck[unit]
            away_s = _AWAY_S if fault.seconds is None else fault.seconds
            self._away_until[unit if "." in fault.device else ""] = self._clock.now() + away_s

    def _away(self, units: Units) -> Units:
        if not self._away_until:
            return ()
        now = self._clock.now()
        self._away_until = {unit: until for unit, until in self._away_until.items() if until > now}
        if "" in self._away_until:
            return units
        return tuple(unit for unit in units if unit in self._away_until)

    async def _finish(self, command: Command[T], obey: Units, lie: Units) -> T:
        if command.in_thread:
            return await self._clock.in_thread(lambda: command.finish(obey, lie))
        return command.finish(obey, lie)

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)

    async def _silence(self, faults: list[Fault], command: Command[T], units: Units) -> None:
        """Give no answer: for ever, until it comes late (timeout), or until the line gives up (hang)."""
        if any(fault.seconds is None for fault in faults):
            await asyncio.get_running_loop().create_future()
        await self._wait(max(fault.seconds or 0.0 for fault in faults))
        hanging = [unit for unit, fault in zip(units, faults, strict=True) if fault.what == "hang"]
        if hanging:
            raise DeviceUnknown(
                "no answer; read it back before you repeat the command",
                device=self.name(hanging[0]),
                verb=command.verb,
            )

    def _complain(self, command: Command[T], sort: _Sorted, dropping: dict[str, bool]) -> None:
        whole = len(command.units)
        if dropping and not (command.reading and len(dropping) < whole):
            self._gone(next(iter(dropping)) if len(dropping) < whole else "", command.verb)
        if command.reading:
            return
        if sort.refuse:
            self._refused(sort.refuse[0], command.verb)
        if sort.away:
            self._gone(sort.away[0], command.verb)

    def _refused(self, unit: str, verb: str) -> NoReturn:
        raise DeviceFailed("refused (a fault of the rehearsal)", device=self.name(unit), verb=verb)

    def _gone(self, unit: str, verb: str) -> NoReturn:
        raise DeviceDisconnected("the connection was lost", device=self.name(unit), verb=verb)

    def name(self, unit: str) -> str:
        """Return the name of a unit in errors, such as `lamps.Argon`, or of the whole device, such as `lamps`."""
        return f"{self.family}.{unit}" if unit and unit != self.family else self.family
