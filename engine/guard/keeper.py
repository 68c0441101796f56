"""Keeper: a guard on another host, which switches the lamps off when the host of a run is lost.

It watches the heartbeats in a shared journal. A heartbeat is a number that rises, and silence is measured on the
keeper's own clock: no wall clocks are compared. After some seconds without one it switches all lamps off, whoever may
hold them, because darkening needs no fence. When the tenure of the run is certainly over, it ends the run in the
journal, so that it can be resumed anywhere. A keeper that can't read the journal knows nothing, and begins to count
anew.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from safelight.devices import Observatory
from safelight.engine.clock import boot_s, real_wait, wall_utc
from safelight.engine.errors import JournalError, in_words
from safelight.engine.fleet.signs_of_life import LifeSigns
from safelight.engine.guard.safing import Safing
from safelight.engine.notify import Notice, notify
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, owner_of
from safelight.engine.records.run_writer import write_lamp_events
from safelight.engine.records.takeover import end_for
from safelight.engine.records.tenure import TAKE_S

__all__ = ["DARK_S", "Keeper", "Silence"]

T = TypeVar("T")

DARK_S = 4.0
"""Silence after which the lamps are switched off, s."""
_LOOK_S = 0.25
"""Interval between two looks at the journal, s of wall time."""
_BLIND_S = 2.0
"""Longest time between two looks, s. After a longer one the keeper itself stood still, or could not read."""


@dataclass(slots=True)
class Silence:
    """Time since the last sign of life of an owner, on this host's clock."""

    _mark: tuple[str, int, int] | None = None
    _since_s: float = 0.0
    _looked_s: float = 0.0

    def of(self, owner: Owner, asked_s: float) -> float:
        """Return the silence of an owner, s: 0 at each heartbeat, each other owner, and after a time without looks.

        Args:
            owner: as read from the journal.
            asked_s: time before it was read, on the clock that counts, s.
        """
        if owner.mark != self._mark or asked_s - self._looked_s > _BLIND_S:
            self._mark, self._since_s = owner.mark, asked_s
        self._looked_s = asked_s
        return asked_s - self._since_s


@dataclass(slots=True)
class Keeper:
    """Keeper of one observatory.

    Attributes:
        safing: switches its lamps off, with connections of the keeper's own.
        home: state folder for notifications.
        url: the shared journal.
        tell: called with each event, in words.
    """

    observatory: Observatory
    safing: Safing
    home: Path
    url: str
    tell: Callable[[str], None]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _journal: Journal | None = None
    _silence: Silence = field(default_factory=Silence)
    _incident: Owner | None = None
    _lamps: Mapping[str, str] = field(default_factory=dict)
    _acting: "asyncio.Task[None] | None" = None
    _again_s: float = 0.0
    _blind: bool = False
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _signs: LifeSigns = field(init=False)

    def __post_init__(self) -> None:
        self._signs = LifeSigns("guard", self.observatory.name)

    async def watch(self) -> None:
        """Watch until `over` is set."""
        try:
            while not self.over.is_set():
                await self._look()
                await real_wait(self.over, _LOOK_S)
        finally:
            if self._acting is not None:
                await asyncio.gather(self._acting, return_exceptions=True)
            await self._in_thread(self._close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Work with the journal, which one thread at a time may use."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)

    async def _look(self) -> None:
        asked_s = boot_s()
        try:
            owner = await self._in_thread(self._read)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keeper goes on looking
            self._say_blind(in_words(error))
            return
        self._say_blind("")
        silent_s = 0.0 if owner is None else self._silence.of(owner, asked_s)
        if owner is None or silent_s < DARK_S:
            self._after(owner)
            return
        self._begin(owner)
        if silent_s >= TAKE_S and self._lamps:
            await self._end(owner)

    def _after(self, owner: Owner | None) -> None:
        """Keep trying lamps that are not off until another run has begun, which switches them off first."""
        if self._incident is None:
            return
        if owner is None and any(seen != "off" for seen in self._lamps.values()):
            self._begin(self._incident)
            return
        if owner is not None and owner.run == self._incident.run and owner.epoch == self._incident.epoch:
            self.tell(f"run {owner.run} on {owner.host} is heard again")
        self._incident = None

    # ---- the lamps

    def _begin(self, owner: Owner) -> None:
        """Act on the lamps in parallel with the looking: a switch that can't be reached takes its time."""
        first = self._incident is None or self._incident.epoch != owner.epoch
        if first:
            self._incident, self._lamps, self._again_s = owner, {}, 0.0
        if boot_s() >= self._again_s and (self._acting is None or self._acting.done()):
            self._acting = asyncio.create_task(self._darken(owner))

    async def _darken(self, owner: Owner) -> None:
        """Switch all lamps off at the beginning of an incident, and again whenever one is not read as off."""
        why = f"no heartbeat from {owner.host} for {DARK_S:g} s"
        lamps = dict(await self.safing.read_all()) if self._lamps else {}
        if not lamps or any(seen != "off" for seen in lamps.values()):
            lamps = dict(await self.safing.all_lamps())
        self._again_s = boot_s() + self.observatory.guard.retry_s
        changed, self._lamps = lamps != self._lamps, lamps
        if changed:
            self.tell(f"{why}, run {owner.run}: {_in_words(lamps)}")
            await self._report(owner, why, lamps)

    async def _report(self, owner: Owner, why: str, lamps: Mapping[str, str]) -> None:
        """Enter what was done into the journal and notify people, after the lamps. A failure is reported."""
        try:
            await self._in_thread(partial(self._enter, owner, why, lamps))
        except JournalError as error:
            self.tell(str(error))
        targets = self.observatory.notify
        if targets:
            notice = Notice.of_guard(self.observatory, owner.run, lamps, why)
            key = f"{owner.run}.keeper-{owner.epoch}-{_in_words(lamps).replace(' ', '-')[:40]}"
            try:
                await asyncio.to_thread(partial(notify, self.home, targets, notice, key))
            except Exception as error:  # noqa: BLE001 - whatever it is, the lamps are what counts
                self.tell(f"notification failed: {in_words(error)}")

    async def _end(self, owner: Owner) -> None:
        """End the run in the journal."""
        reason = f"fenced: no heartbeat from {owner.host} for {TAKE_S:g} s; a keeper has switched the lamps off"
        try:
            done = await self._in_thread(partial(self._take, owner, reason))
        except JournalError as error:
            self._say_blind(str(error))
            return
        if done:
            self.tell(
                f"run {owner.run} is over on {owner.host}: `safelight resume {owner.run}` takes the rest anywhere"
            )

    # ---- the journal, in a thread

    def _opened(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self.url)
        return self._journal

    def _read(self) -> Owner | None:
        try:
            self._signs.give(self._opened())
            return owner_of(self._opened(), self.observatory.name)
        except BaseException:
            self._close()
            raise

    def _enter(self, owner: Owner, why: str, lamps: Mapping[str, str]) -> None:
        events = [(lamp, "off", seen) for lamp, seen in lamps.items()]
        now = wall_utc().isoformat(timespec="milliseconds")
        write_lamp_events(self._opened(), owner.run, events, who="guard", why=why, time=now)
        self._opened().commit()

    def _take(self, owner: Owner, reason: str) -> bool:
        return end_for(self._opened(), owner, reason, self._lamps)

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            with suppress(Exception):
                journal.close()

    def _say_blind(self, why: str) -> None:
        if why and not self._blind:
            self.tell(f"not watching: {why}")
        elif self._blind and not why:
            self.tell("watching again")
        self._blind = bool(why)


def _in_words(lamps: Mapping[str, str]) -> str:
    burning = [f"{lamp} is {seen}" for lamp, seen in lamps.items() if seen != "off"]
    return f"UNSAFE, {', '.join(burning)}" if burning else f"all {len(lamps)} lamps off"
