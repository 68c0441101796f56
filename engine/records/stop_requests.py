"""Stopping of a run from another process, by a request in the journal that the run polls for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import Clock, real_sleep, real_wait, wall_utc
from safelight.engine.errors import JournalBusy, JournalError, JournalFenced, JournalMoved, RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, owner_of, running
from safelight.engine.records.run_list import last_lamps
from safelight.engine.requester import requester_name

__all__ = ["StopListener", "StopStatus", "request_stop", "stop_status", "wait_until_over"]

_LOOK_S = 0.2
"""Interval at which a run polls for requests, s of wall time."""
_TELL_EVERY = 25
"""Number of polls between two reports of a journal that can't be read."""


_CHECK_S = 0.1
"""Interval of checks whether the run is over, s of wall time."""


def request_stop(journal: Journal, run: str | None, word: str, who: str | None = None) -> Owner:
    """Leave a request for a run, or for the only one that is running.

    Args:
        journal: the run's journal.
        run: its id or the beginning of it; `last`: the newest one; None: the only one.
        word: `abort` or `pause`.
        who: the requester (`requester_name`); None: this process.

    Raises:
        RunRefused: no such run is running, or several are and none was named.
    """
    alive = running(journal)
    if run == "last":
        # Ids begin with the time.
        run = max((owner.run for owner in alive), default=run)
    exact = [owner for owner in alive if owner.run == run]
    found = exact or [owner for owner in alive if run is None or owner.run.startswith(run)]
    if not found:
        raise RunRefused(f"run {run} is not running" if run else "no run is running")
    if len(found) > 1:
        names = ", ".join(owner.run for owner in found)
        raise RunRefused(f"several runs are running, name one: {names}")
    journal.write(
        sa.insert(tables.control),
        {
            "run": found[0].run,
            "time": wall_utc().isoformat(timespec="milliseconds"),
            "word": word,
            "who": who or requester_name("Python"),
        },
    )
    journal.commit()
    return found[0]


@dataclass(slots=True)
class StopListener:
    """Listener for requests, with its own connection and thread, so that a slow journal delays nothing.

    Attributes:
        held: the run's open journal, checked only for whether its file was moved.
        stop: called with the word (`fault` if the journal was moved) and the reason.
        tell: called with an event and its facts.
    """

    held: Journal
    owner: Owner
    stop: Callable[[str, str], None]
    tell: Callable[..., None] = lambda event, **facts: None  # noqa: ARG005
    _done: asyncio.Event = field(default_factory=asyncio.Event)
    _journal: Journal | None = None

    async def listen(self) -> None:
        """Poll until `finish` is called. The connection is closed in any case."""
        # A single thread, so that a connection that was opened in an abandoned poll is closed after it.
        thread = ThreadPoolExecutor(1, thread_name_prefix="listening")
        try:
            in_thread = partial(asyncio.get_running_loop().run_in_executor, thread)
            await self._listen(in_thread)
            await in_thread(self._close)
        finally:
            thread.submit(self._close)
            thread.shutdown(wait=False)

    async def _listen(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        looks = 0
        while not self._done.is_set():
            try:
                for word, who in await in_thread(self._look):
                    self.stop(word, f"{word} was requested by {who}")
            except (JournalFenced, JournalMoved) as error:
                self.stop("fault", str(error))
            except JournalBusy:
                pass  # another process holds it; the run's own writer reports that, and waits
            except JournalError as error:
                if looks % _TELL_EVERY == 0:
                    self.tell("journal.failed", error=str(error))
            looks += 1
            await real_wait(self._done, _LOOK_S)

    def finish(self) -> None:
        """End the listening. Await its task afterwards."""
        self._done.set()

    # ---- in the thread

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _look(self) -> list[tuple[str, str]]:
        self.held.see_in_place()
        if self._journal is None:
            self._journal = Journal(self.held.url, create=False)
            self._journal.tenure = self.held.tenure
        journal = self._journal
        waiting = (tables.control.c.run == self.owner.run) & tables.control.c.obeyed.is_(None)
        rows = journal.read(sa.select(tables.control).where(waiting).order_by(tables.control.c.id))
        for row in rows:
            statement = sa.update(tables.control).where(tables.control.c.id == row["id"])
            journal.write(statement, {"obeyed": wall_utc().isoformat(timespec="milliseconds")})
        if rows:
            journal.commit()
        return [(row["word"], row["who"]) for row in rows]


@dataclass(frozen=True, slots=True)
class StopStatus:
    """Status of a run after a request to stop.

    Attributes:
        status: its outcome, `running` (still), or `killed`.
        lamps: last journaled state of each lamp.
        reason: why it did not end as done.
    """

    status: str
    lamps: Mapping[str, str]
    reason: str | None


async def wait_until_over(
    journal: Journal, owner: Owner, patience_s: float, tell: Callable[[Sequence[tuple[str, str | None]]], None]
) -> bool:
    """Wait until the run has released its observatory, or its process is gone.

    Args:
        journal: the journal with the lock.
        owner: owner of the run.
        patience_s: longest wait, s of wall time.
        tell: called with what it waits for, whenever that changes: ids and frames of the states at work.

    Returns:
        Whether it is over.
    """
    clock = Clock()
    told: tuple[tuple[str, str | None], ...] = ()
    while holds(journal, owner):
        if clock.now() >= patience_s:
            return False
        at_work = _at_work(journal, owner.run)
        if at_work and at_work != told:
            tell(at_work)
            told = at_work
        await real_sleep(_CHECK_S)
    return True


def holds(journal: Journal, owner: Owner) -> bool:
    """Return whether that process still holds the observatory for that run."""
    now = owner_of(journal, owner.observatory)
    return now is not None and now.alive and _holder(now) == _holder(owner)


def _holder(owner: Owner) -> tuple[str, int, str, int]:
    return owner.run, owner.pid, owner.host, owner.epoch


def _at_work(journal: Journal, run: str) -> tuple[tuple[str, str | None], ...]:
    """Return the ids and frames of the states that have begun and not ended."""
    states = tables.states
    last = sa.select(sa.func.max(tables.segments.c.segment)).where(tables.segments.c.run == run).scalar_subquery()
    begun = (states.c.run == run, states.c.segment == last, states.c.ended.is_(None))
    query = sa.select(states.c.state, states.c.frame).where(*begun).order_by(states.c.number)
    return tuple((row["state"], row["frame"]) for row in journal.read(query))


def stop_status(journal: Journal, owner: Owner) -> StopStatus:
    """Return the present status of the run, as journaled."""
    from safelight.engine.records.stored_run import run_page  # noqa: PLC0415 - slow, and a request comes first

    outcome = run_page(journal, owner.run).outcome
    segments = tables.segments
    query = sa.select(segments.c.reason).where(segments.c.run == owner.run).order_by(segments.c.segment.desc())
    rows = journal.read(query.limit(1))
    still = "running" if holds(journal, owner) else "killed"
    lamps = last_lamps(journal, [owner.run]).get(owner.run, {})
    return StopStatus(outcome or still, lamps, rows[0]["reason"] if rows and outcome else None)
