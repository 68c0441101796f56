"""The journal as the server reads it: in a thread, cheaply, and whole again only where something has changed."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.chronicle import Chronicle, chronicle
from safelight.engine.clock import Clock, wall_utc
from safelight.engine.control import running
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.guardbook import guards
from safelight.engine.hands import the_journal
from safelight.engine.journal import Journal
from safelight.engine.lock import Owner
from safelight.engine.runlist import run_entries
from safelight.web.account import Account, account_of, last_written
from safelight.web.place import Place

__all__ = ["JournalWatch", "Sight"]

_LOOK_S = 0.4
_PATIENCE = 4
"""A look that took long is followed by a pause so many times as long: watching must not slow the run down."""
_LIMIT = 50
"""So many runs are listed."""
_SURE_S = 3.0
"""From so many seconds of a run on, its speed can be told from its journal."""


@dataclass(frozen=True)
class Sight:
    """The journal at one moment; `error` where it could not be read.

    Attributes:
        at_s: when it was read last; None: never yet, and nothing is known.
        owners: the runs that go on, by run.
        accounts: run -> what is known of it, for the runs that are watched and those that go on.
        lamp_mark: changes when a lamp event is written.
    """

    at_s: float | None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    runs: tuple[Mapping[str, Any], ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    guards: tuple[Mapping[str, Any], ...] = ()
    lamp_mark: object = None
    error: str | None = None

    @property
    def present(self) -> str | None:
        """The run that a watcher wants to see: the one that goes on, or the newest."""
        going = [run["run"] for run in self.runs if run["run"] in self.owners]
        return next(iter(going), self.runs[0]["run"] if self.runs else None)


class JournalWatch:
    """Reads the journal until told to stop.

    Args:
        place: whose journal.
        clock: on which ages are counted.

    Attributes:
        sight: the newest.
        told: called in the watch's thread after every look, with the sight before and the new one.
        speeds: process -> how much faster than real it was told to run.
    """

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock
        self.told: Callable[[Sight, Sight], None] = lambda before, after: None  # noqa: ARG005
        self.sight = Sight(None)
        self.speeds: dict[int, float] = {}
        self._watched: Counter[str] = Counter()
        self._wake, self._stopped = Event(), False
        self._pulses: dict[str, Any] = {}
        self._journal: Journal | None = None
        self._was_there = False
        self._thread = Thread(target=self._watch, name="journal-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def hurry(self) -> None:
        """Look now: something has been asked for."""
        self._wake.set()

    @contextmanager
    def watching(self, run: str | None) -> Any:
        """Keep an account of a run for as long as the body lasts."""
        if run is not None:
            self._watched[run] += 1
            self.hurry()
        try:
            yield
        finally:
            if run is not None:
                self._watched[run] -= 1
                if not self._watched[run]:
                    del self._watched[run]

    def _watch(self) -> None:
        while not self._stopped:
            began_s = self._clock.now()
            before = self.sight
            self.sight = self._look()
            self.told(before, self.sight)
            self._wake.wait(max(_LOOK_S, _PATIENCE * (self._clock.now() - began_s)))
            self._wake.clear()
        self._close()

    def _look(self) -> Sight:
        at_s = self._clock.now()
        try:
            journal = self._opened()
            return Sight(at_s) if journal is None else self._read(journal, at_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page says that nothing is known
            self._close()
            before = self.sight
            return Sight(before.at_s, before.owners, before.runs, before.accounts, (), None, str(error))

    def _opened(self) -> Journal | None:
        """The journal; None where nothing has been run yet.

        Raises:
            JournalError: it can't be opened, or is not there any more.
        """
        if self._journal is not None and not self._journal.in_place:
            self._close()
        if self._journal is None:
            url = the_journal(self._place.home, self._place.journal)
            if url is None:
                if self._was_there:
                    raise JournalError("it has been there, and is gone")
                return None
            self._journal, self._was_there = Journal(url, create=False), True
        return self._journal

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
            self._pulses.clear()

    def _read(self, journal: Journal, at_s: float) -> Sight:
        owners = {owner.run: owner for owner in running(journal)}
        mark = _mark(journal)
        runs = self.sight.runs
        if self._pulses.get("") != (mark, tuple(owners)):
            runs = tuple({**asdict(entry), "resumable": entry.resumable} for entry in run_entries(journal, _LIMIT))
            self._pulses[""] = (mark, tuple(owners))
        wanted = dict.fromkeys([*owners, *(run["run"] for run in runs[:1]), *self._watched.copy()])
        accounts = {run: account for run in wanted if (account := self._account(journal, run, owners, at_s))}
        return Sight(at_s, owners, runs, accounts, tuple(guards(self._place.home)), mark[0])

    def _account(self, journal: Journal, run: str, owners: Mapping[str, Owner], at_s: float) -> Account | None:
        """The account as it was, where nothing has changed."""
        pulse = (_pulse(journal, run), owners.get(run))
        before = self.sight.accounts.get(run)
        if before is not None and self._pulses.get(run) == _without_beat(pulse):
            return before
        try:
            story = chronicle(journal, run)
        except (RunRefused, JournalError):
            return None
        same = before is not None and len(before.story.segments) == len(story.segments)
        self._pulses[run] = _without_beat(pulse)
        outlook = before.outlook if before is not None and same else None
        return account_of(story, outlook, at_s, self._rate(story))

    def _rate(self, story: Chronicle) -> float:
        """How much faster than real the run's clock goes: 1 at every real observatory."""
        owner = story.owner
        if owner is None or not story.segments:
            return 1.0
        if owner.pid in self.speeds:
            return self.speeds[owner.pid]
        wall_s = (wall_utc() - datetime.fromisoformat(owner.since)).total_seconds()
        began = datetime.fromisoformat(story.segments[-1]["started"])
        told_s = (datetime.fromisoformat(last_written(story)) - began).total_seconds()
        rate = told_s / wall_s if wall_s > _SURE_S else 1.0
        return rate if rate > 1.5 else 1.0  # noqa: PLR2004 - a run that waits has written nothing for a while


def _without_beat(pulse: tuple[Any, Owner | None]) -> tuple[Any, ...]:
    """A heartbeat alone is no news."""
    found, owner = pulse
    return (found, owner and (owner.pid, owner.since))


def _mark(journal: Journal) -> tuple[Any, ...]:
    """Changes with everything that the list of runs shows."""
    runs, frames, lamps = tables.runs.c, tables.frames.c, tables.lamp_events.c
    queries: tuple[Any, ...] = (
        sa.select(sa.func.max(lamps.id)),
        sa.select(sa.func.count(runs.run), sa.func.count(runs.outcome)),
        sa.select(sa.func.count(frames.number)),
    )
    return tuple(value for query in queries for value in journal.read(query)[0].values())


def _pulse(journal: Journal, run: str) -> tuple[Any, ...]:
    """Changes with everything that is written down of one run."""
    states, frames, segments, control = tables.states.c, tables.frames.c, tables.segments.c, tables.control.c
    lamps = tables.lamp_events.c
    queries: tuple[Any, ...] = (
        sa.select(sa.func.count(states.number), sa.func.count(states.ended)).where(states.run == run),
        sa.select(sa.func.count(frames.number), sa.func.max(frames.verdict)).where(frames.run == run),
        sa.select(sa.func.count(segments.segment), sa.func.count(segments.ended)).where(segments.run == run),
        sa.select(sa.func.count(control.id), sa.func.count(control.obeyed)).where(control.run == run),
        sa.select(sa.func.max(lamps.id)).where(lamps.run == run),
    )
    return tuple(value for query in queries for value in journal.read(query)[0].values())
