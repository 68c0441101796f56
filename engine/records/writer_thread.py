"""Thread that writes a run's journal, so that the event loop never waits for a disk or a lock.

Batches are written in the order in which they were passed, each in one transaction. If another process holds the
journal, the writer keeps trying. Heartbeats to the guards continue meanwhile.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import Clock, real_alarm
from safelight.engine.errors import JournalBusy, JournalError
from safelight.engine.records.database import Journal

__all__ = ["Batch", "Entry", "Writer"]

Entry = tuple[sa.Executable, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
"""Statement and its values: one row, or several."""
Batch = Sequence[Entry]

_PATIENCE_S = 60.0
"""Time for which another process may hold the journal during a run, s of wall time. Backups take seconds."""
_LEAVING_S = 5.0
"""The same at the end of a run, s of wall time. The lamps are off, and a person may be waiting."""
_HUNG_S = 20.0
"""Additional time limit of a batch before the journal is given up, s of wall time (a server that does not answer)."""
_JOIN_S = 1.0
"""Time limit for the idle thread to end, s of wall time."""

_Job = tuple[Batch, "asyncio.Future[None]", asyncio.AbstractEventLoop]


class Writer:
    """Writer of batches into one open journal, which no other thread may use until `close` has returned.

    Args:
        journal: the open journal.
        clock: the run's clock; virtual time stops while a batch is written.
        on_wait: called in the event loop when another process has held the journal for some seconds.
    """

    def __init__(self, journal: Journal, clock: Clock, on_wait: Callable[[], None] = lambda: None) -> None:
        self._journal = journal
        self._on_wait = on_wait
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._run_clock = clock
        self._wall = Clock()
        self._leaving = Event()
        # A daemon thread, so that one that hangs in a dead file system does not keep the process alive.
        self._thread = Thread(target=self._work, name="journal-writer", daemon=True)
        self._thread.start()

    def write(self, batch: Batch) -> "asyncio.Future[None]":
        """Pass a batch. The future is done when the batch is durable, and raises JournalError if it can't be.

        Cancelling the future does not cancel the batch: it is written all the same.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        longest_s = (_LEAVING_S if self._leaving.is_set() else _PATIENCE_S) + _HUNG_S
        hung = JournalError(f"the journal {self._journal} has not answered for {longest_s:.0f} s")
        until_then = ExitStack()
        until_then.enter_context(self._run_clock.still())
        until_then.callback(real_alarm(longest_s, lambda: _settle(answer, hung)).cancel)
        answer.add_done_callback(lambda _: until_then.close())
        answer.add_done_callback(_note_error)
        self._jobs.put((batch, answer, loop))
        return answer

    def hurry(self) -> None:
        """Wait less long for other processes from now on, because the run is ending."""
        self._leaving.set()

    async def close(self) -> None:
        """End the thread. A journal in which it hangs is abandoned to it."""
        self._jobs.put(None)
        if not await asyncio.to_thread(self._ended):
            self._journal.abandon()

    def _ended(self) -> bool:
        self._thread.join(_JOIN_S + _LEAVING_S)
        return not self._thread.is_alive()

    # ---- in the thread

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, answer, loop = job
            error: Exception | None = None
            try:
                self._write(batch, loop)
            except Exception as failure:  # noqa: BLE001 - whatever it is, the caller that waits for it gets it
                error = failure
            # A closed loop waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, answer, error)
        self._journal.close_if_abandoned()

    def _write(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Write a batch, with retries while another process holds the journal."""
        began_s, told = self._wall.now(), False
        while True:
            try:
                self._journal.enter(batch)
            except JournalBusy:
                patience_s = _LEAVING_S if self._leaving.is_set() else _PATIENCE_S
                if self._wall.now() - began_s >= patience_s:
                    raise
                if not told:
                    told = True
                    with suppress(RuntimeError):
                        loop.call_soon_threadsafe(self._on_wait)
            else:
                return


def _note_error(answer: "asyncio.Future[None]") -> None:
    """Mark an error as retrieved, so that it is not reported when an abandoned future is collected."""
    if not answer.cancelled():
        answer.exception()


def _settle(answer: "asyncio.Future[None]", error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)
