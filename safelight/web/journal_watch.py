"""Watch of the journal by the server, in a thread. A run is read again only if it has changed."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import Clock, wall_utc
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.fleet.people import Person, people
from safelight.engine.fleet.signs_of_life import LifeSign, life_signs
from safelight.engine.guard.status_files import guards
from safelight.engine.manual.interlock import existing_journal
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, running
from safelight.engine.records.run_list import run_entries
from safelight.show.history.run_history import RunHistory, read_history
from safelight.web.queue_view import NO_SCHEDULES, ScheduleList, queue_view, schedule_list
from safelight.web.run_view import RunView, last_written, run_view
from safelight.web.settings import ServerSettings

__all__ = ["JournalWatch", "Sight"]

_LOOK_S = 0.4
_PATIENCE = 4
"""Ratio of the pause to the duration of the reading before it, so that watching does not slow the run down."""
_LIMIT = 50
"""Largest number of listed runs."""
_SURE_S = 3.0
"""Duration of a run, s, from which its speed can be computed from its journal."""


@dataclass(frozen=True)
class Sight:
    """Content of the journal at one moment. `error` is set if it could not be read.

    Attributes:
        at_s: when it was read last; None: not yet.
        owners: run -> owner, for the running ones.
        accounts: run -> its view, for the watched and the running ones.
        lamp_mark: changes when a lamp event is written.
        queue: requests; the same object while nothing in it changes.
        schedules: with their next times.
        hosts: last signs of life of workers and keepers, as ages at the time of reading, s.
        people: people with tokens, by their hashes. As read last, even if the journal can't be read now.
    """

    at_s: float | None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    runs: tuple[Mapping[str, Any], ...] = ()
    accounts: Mapping[str, RunView] = field(default_factory=dict)
    guards: tuple[Mapping[str, Any], ...] = ()
    lamp_mark: object = None
    error: str | None = None
    queue: tuple[Mapping[str, Any], ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    schedules: ScheduleList = NO_SCHEDULES
    hosts: tuple[LifeSign, ...] = ()

    @property
    def present(self) -> str | None:
        """Return the run to show by default: the running one, or the newest."""
        going = [run["run"] for run in self.runs if run["run"] in self.owners]
        return next(iter(going), self.runs[0]["run"] if self.runs else None)


class JournalWatch:
    """Reader of the journal, until it is stopped.

    Args:
        place: settings with the journal.
        clock: clock for ages.

    Attributes:
        sight: the newest content.
        told: called in the watch's thread after every reading, with the old and the new content.
        speeds: process -> its speed, relative to real time.
    """

    def __init__(self, place: ServerSettings, clock: Clock) -> None:
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
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def hurry(self) -> None:
        """Read now, because of a new request."""
        self._wake.set()

    @contextmanager
    def watching(self, run: str | None) -> Any:
        """Keep the view of a run for the duration of the body."""
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
            return replace(self.sight, guards=(), lamp_mark=None, error=str(error))

    def _opened(self) -> Journal | None:
        """Return the journal, or None if there is none yet.

        Raises:
            JournalError: it can't be opened, or is not there any more.
        """
        if self._journal is not None and not self._journal.in_place:
            self._close()
        if self._journal is None:
            url = existing_journal(self._place.home, self._place.journal)
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
        queue = queue_view(journal)
        queue = self.sight.queue if queue == self.sight.queue else queue
        near, listed = tuple(guards(self._place.home)), schedule_list(journal, self.sight.schedules)
        hosts = tuple(life_signs(journal))
        return Sight(at_s, owners, runs, accounts, near, mark[0], None, queue, people(journal), listed, hosts)

    def _account(self, journal: Journal, run: str, owners: Mapping[str, Owner], at_s: float) -> RunView | None:
        """Return the view of a run, the old one if nothing has changed."""
        pulse = (_pulse(journal, run), owners.get(run))
        before = self.sight.accounts.get(run)
        if before is not None and self._pulses.get(run) == _without_beat(pulse):
            return before
        try:
            story = read_history(journal, run)
        except (RunRefused, JournalError):
            return None
        same = before is not None and len(before.story.segments) == len(story.segments)
        self._pulses[run] = _without_beat(pulse)
        outlook = before.outlook if before is not None and same else None
        return run_view(story, outlook, at_s, self._rate(story))

    def _rate(self, story: RunHistory) -> float:
        """Return the speed of the run's clock relative to real time, which is 1 at every real observatory."""
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
    """Return the same without the heartbeat, which alone is not a change."""
    found, owner = pulse
    return (found, owner and (owner.pid, owner.since))


def _mark(journal: Journal) -> tuple[Any, ...]:
    """Return a value that changes with everything in the list of runs."""
    runs, frames, lamps = tables.runs.c, tables.frames.c, tables.lamp_events.c
    queries: tuple[Any, ...] = (
        sa.select(sa.func.max(lamps.id)),
        sa.select(sa.func.count(runs.run), sa.func.count(runs.outcome)),
        sa.select(sa.func.count(frames.number)),
    )
    return tuple(value for query in queries for value in journal.read(query)[0].values())


def _pulse(journal: Journal, run: str) -> tuple[Any, ...]:
    """Return a value that changes with every record of one run."""
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
