"""Observatory held for a run, with a thread that records heartbeats in the journal whatever the run's event loop does.

The guards watch the loop. Heartbeats show other hosts that this host still reaches the journal.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread

from safelight.engine.errors import JournalBusy, JournalError, JournalFenced
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, beat

__all__ = ["hold_observatory"]

_SHARED_EVERY_S = 1.0
"""Interval in a journal on a server, s of wall time."""
_ALONE_EVERY_S = 5.0
"""Interval in a SQLite file, s of wall time. There only a process in another container looks at it."""
_JOIN_S = 1.0
"""Time limit for the end of the thread, s of wall time. One that hangs in a dead server is left behind."""


@contextmanager
def hold_observatory(url: str, observatory: str, run: str, hardware: Sequence[str] = ()) -> Iterator[Lock]:
    """Open the journal, lock the observatory and the hardware of its lamps, and record heartbeats.

    Raises:
        JournalError: the journal can't be opened.
        RunRefused: another run holds the observatory.
    """
    journal = Journal(url)
    try:
        lock = Lock.take(journal, observatory, run, hardware)
        try:
            with _heartbeats(lock):
                yield lock
        finally:
            with suppress(JournalError):
                lock.release()
    finally:
        journal.close()


@contextmanager
def _heartbeats(lock: Lock) -> Iterator[None]:
    """Record heartbeats and renew the lock's tenure for as long as the body takes."""
    over = Event()
    # A daemon thread, so that one that hangs does not keep the process alive.
    thread = Thread(target=_beat, args=(lock, over), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_JOIN_S)


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
