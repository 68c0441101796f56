"""Observatory held for a run, with a thread that records heartbeats in the journal whatever the run's event loop does.

The guards watch the loop. Heartbeats show other hosts that this host still reaches the journal.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Event, Thread

from safelight.engine.clock import Clock
from safelight.engine.errors import JournalBusy, JournalError, JournalFenced
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, beat
from safelight.engine.records.writer_thread import in_journal_thread

__all__ = ["hold_observatory"]

_SHARED_EVERY_S = 1.0
"""Interval in a journal on a server, s of wall time."""
_ALONE_EVERY_S = 5.0
"""Interval in a SQLite file, s of wall time. There only a process in another container looks at it."""
_JOIN_S = 1.0
"""Time limit for the end of the thread, s of wall time. One that hangs in a dead server is left behind."""


@asynccontextmanager
async def hold_observatory(
    url: str, observatory: str, run: str, clock: Clock, hardware: Sequence[str] = ()
) -> AsyncIterator[Lock]:
    """Open the journal, lock the observatory and the hardware of its lamps, and record heartbeats.

    All of it is done in threads: lamps of other runs may be lit in this process, and their guards wait for its loop.

    Raises:
        JournalError: the journal can't be opened.
        RunRefused: another run holds the observatory.
    """
    held: list[_Held] = []
    try:
        await in_journal_thread(lambda: held.append(_Held(url, observatory, run, hardware)), clock)
        yield held[0].lock
    finally:
        # Where it was cancelled meanwhile it is held all the same.
        for one in held:
            await in_journal_thread(one.give_back, clock)


class _Held:
    """Observatory that is held, with the thread of its heartbeats."""

    def __init__(self, url: str, observatory: str, run: str, hardware: Sequence[str]) -> None:
        journal = Journal(url)
        try:
            self.lock = Lock.take(journal, observatory, run, hardware)
        except BaseException:
            journal.close()
            raise
        self._over = Event()
        # A daemon thread, so that one that hangs does not keep the process alive.
        self._thread = Thread(target=_beat, args=(self.lock, self._over), name="heartbeat", daemon=True)
        self._thread.start()

    def give_back(self) -> None:
        """End the heartbeats, release the observatory, and close the journal."""
        self._over.set()
        self._thread.join(_JOIN_S)
        try:
            with suppress(JournalError):
                self.lock.release()
        finally:
            self.lock.journal.close()


def _beat(lock: Lock, over: Event) -> None:
    journal: Journal | None = None
    every_s = _SHARED_EVERY_S if lock.journal.shared else _ALONE_EVERY_S
    try:
        while not over.wait(every_s):
            try:
                journal = journal or Journal(lock.journal.url, create=False)
                beat(journal, lock.owner, lock.tenure)
            except JournalFenced:
                return
            except JournalBusy:
                continue
            except JournalError:
                # The run's own writer and listener report it. A connection that was lost is made anew.
                _close(journal)
                journal = None
    finally:
        _close(journal)


def _close(journal: Journal | None) -> None:
    if journal is not None:
        with suppress(Exception):
            journal.close()
