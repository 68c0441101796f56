"""Thread that writes the journal for runs, so that the event loop never waits for a disk or a lock.

All runs of a process that write to one SQLite file share a thread and its transactions: what waits while the disk is
busy is committed together, with one wait for the disk (a group commit). The batches of a run are written in the order
in which they were passed, each whole or not at all, whatever becomes of the batches of other runs. A journal on a
server has a thread for each run, because the server itself lets concurrent commits share a wait for its disk.

If another process holds the journal, the thread keeps trying. Heartbeats to the guards continue meanwhile.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from threading import Condition, Event, Lock, Thread
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa

from safelight.engine.clock import Clock, real_alarm
from safelight.engine.errors import JournalBusy, JournalError, JournalMoved
from safelight.engine.records.database import Journal
from safelight.engine.records.tenure import Tenure

__all__ = ["Batch", "Entry", "Writer", "in_journal_thread"]

Entry = tuple[sa.Executable, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
"""Statement and its values: one row, or several."""
Batch = Sequence[Entry]

T = TypeVar("T")

_NAME = "journal-writer"
"""Name of the threads."""
_PATIENCE_S = 60.0
"""Time for which another process may hold the journal during a run, s of wall time. Backups take seconds."""
_LEAVING_S = 5.0
"""The same at the end of a run, s of wall time. The lamps are off, and a person may be waiting."""
_HUNG_S = 20.0
"""Additional time limit of a batch before the journal is given up, s of wall time (a server that does not answer)."""
_JOIN_S = 1.0
"""Time limit for the thread to finish with a connection that nothing is written through, s of wall time."""
_TOGETHER = 64
"""Largest number of batches in one transaction. Other processes wait for its end, some 50 ms at most."""


async def in_journal_thread(work: Callable[[], T], clock: Clock) -> T:
    """Work with an open journal in a thread, before its writer begins or after it has left. It is never interrupted.

    Args:
        work: what is done. No other thread may use the journal meanwhile.
        clock: the run's clock; virtual time stops meanwhile.

    Raises:
        CancelledError: after the work has ended, if the caller was cancelled.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def do() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(_settle, answer, None, work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            settle = partial(_settle, answer, error)
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    cancelled = False
    with clock.still():
        # A daemon thread, as that of the writer.
        Thread(target=do, name=_NAME, daemon=True).start()
        while not answer.done():
            try:
                await asyncio.shield(answer)
            except asyncio.CancelledError:
                cancelled = True
            except BaseException:
                # A signal, or a loop that is closing. What the work itself has raised is raised below.
                if not answer.done():
                    raise
    _note_error(answer)
    if cancelled:
        raise asyncio.CancelledError
    return answer.result()


class Writer:
    """Writer of batches into one open journal, which no other thread may use until `close` has returned.

    Args:
        journal: the open journal.
        clock: the run's clock; virtual time stops while a batch is written.
        on_wait: called in the event loop when another process has held the journal for some seconds.

    Attributes:
        leaving: set when its run is ending.
        gone: whether it has left with batches that were not written.
    """

    def __init__(self, journal: Journal, clock: Clock, on_wait: Callable[[], None] = lambda: None) -> None:
        self.journal = journal
        self.on_wait = on_wait
        self.leaving = Event()
        self.gone = False
        self._run_clock = clock
        self._thread = _WriterThread.joined_by(self)

    def write(self, batch: Batch) -> "asyncio.Future[None]":
        """Pass a batch. The future is done when the batch is durable, and raises JournalError if it can't be.

        Cancelling the future does not cancel the batch: it is written all the same.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        longest_s = self.patience_s + _HUNG_S
        hung = JournalError(f"the journal {self.journal} has not answered for {longest_s:.0f} s")
        until_then = ExitStack()
        until_then.enter_context(self._run_clock.still())
        until_then.callback(real_alarm(longest_s, lambda: _settle(answer, hung)).cancel)
        answer.add_done_callback(lambda _: until_then.close())
        answer.add_done_callback(_note_error)
        self._thread.put(_Job(self, batch, self.journal.tenure, answer, loop))
        return answer

    @property
    def patience_s(self) -> float:
        """Time for which another process may hold the journal now, s of wall time."""
        return _LEAVING_S if self.leaving.is_set() else _PATIENCE_S

    def hurry(self) -> None:
        """Wait less long for other processes from now on, because the run is ending."""
        self.leaving.set()

    async def close(self) -> None:
        """Leave the thread. A journal in which it hangs is abandoned to it."""
        await asyncio.to_thread(self._thread.leave, self)


@dataclass(slots=True, eq=False)
class _Job:
    """Batch that waits to be written.

    Attributes:
        tenure: tenure of its run, which the transaction checks.
        answer: told in its event loop when the batch is durable, or can't be written.
        began_s: when it was tried first, on the thread's clock, s.
        told: whether its run knows that another process holds the journal.
    """

    writer: Writer
    batch: Batch
    tenure: Tenure | None
    answer: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop
    began_s: float | None = None
    told: bool = False


_Outcomes = list[tuple[_Job, Exception | None]]
"""Batches that are settled: durable, or failed with an error."""


class _WriterThread:
    """Thread that writes for its members, through the connection of the oldest one that stays."""

    _of_file: ClassVar[dict[tuple[int, tuple[str, int, int]], "_WriterThread"]] = {}
    """The thread of each process and SQLite file. One whose file was moved, or that hangs, is not found any more."""
    _finding: ClassVar[Lock] = Lock()

    def __init__(self) -> None:
        self._members: list[Writer] = []
        self._waiting: deque[_Job] = deque()
        self._at_work: list[_Job] = []
        self._using: Writer | None = None
        self._changed = Condition()
        self._clock = Clock()
        # A daemon thread, so that one that hangs in a dead file system does not keep the process alive.
        self._thread = Thread(target=self._work, name=_NAME, daemon=True)

    @classmethod
    def joined_by(cls, writer: Writer) -> "_WriterThread":
        """Return the thread of a writer's file, begun where there is none; on a server one of its own."""
        file = writer.journal.file
        with cls._finding:
            found = None if file is None else cls._of_file.get((os.getpid(), file))
            if found is not None and found.join(writer):
                return found
            begun = cls()
            begun.begin(writer)
            if file is not None:
                cls._of_file[os.getpid(), file] = begun
            return begun

    def begin(self, writer: Writer) -> None:
        """Begin, with a first member."""
        self._members.append(writer)
        self._thread.start()

    def join(self, writer: Writer) -> bool:
        """Add a member, unless the last one has left."""
        with self._changed:
            if self._members:
                self._members.append(writer)
            return bool(self._members)

    def _retire(self) -> None:
        """Let later runs begin a thread of their own."""
        with self._finding:
            for key in [key for key, thread in self._of_file.items() if thread is self]:
                del self._of_file[key]

    def put(self, job: _Job) -> None:
        """Add a batch."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def leave(self, writer: Writer) -> None:
        """Remove a member when its batches are settled and its connection is not in use. Wait some seconds for that.

        After that its waiting batches are dropped, and a connection in which the thread hangs is abandoned to it.
        """
        with self._changed:
            # Another one's connection is used from now on, if there is one.
            self._members.remove(writer)
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._works_for(writer), _JOIN_S + _LEAVING_S)
            if not done:
                writer.gone = True
                self._waiting = deque(job for job in self._waiting if job.writer is not writer)
                if self._using is writer:
                    writer.journal.abandon()
            ended = not self._members
        if ended or not done:
            self._retire()

    def _works_for(self, writer: Writer) -> bool:
        return self._using is writer or any(job.writer is writer for job in (*self._at_work, *self._waiting))

    # ---- in the thread

    def _work(self) -> None:
        while jobs := self._next():
            settled = self._try(jobs)
            done = {job for job, _ in settled}
            with self._changed:
                self._at_work = []
                self._waiting.extendleft(job for job in reversed(jobs) if job not in done)
                self._changed.notify_all()
            _tell(settled)

    def _next(self) -> list[_Job]:
        """Wait for batches, and return them in their order, or nothing when the last member has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._members)
            self._at_work = list(islice(self._waiting, _TOGETHER))
            for job in self._at_work:
                self._waiting.popleft()
                job.began_s = self._clock.now() if job.began_s is None else job.began_s
            return self._at_work

    def _try(self, jobs: list[_Job]) -> _Outcomes:
        """Write batches in one transaction, or one after the other where it fails as a whole.

        Returns:
            Those that are settled. The others wait for another process that holds the journal.
        """
        try:
            with self._connection(jobs) as journal:
                return list(zip(jobs, _written(journal, jobs), strict=True))
        except JournalBusy as error:
            return [(job, error) for job in jobs if not self._stays(job)]
        except JournalMoved as error:
            self._retire()
            return [(job, error) for job in jobs]
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller that waits for it gets it
            if len(jobs) == 1:
                return [(jobs[0], error)]
        return self._one_by_one(jobs)

    def _one_by_one(self, jobs: list[_Job]) -> _Outcomes:
        """Write each batch in a transaction of its own. Behind one that waits, the later ones of its run wait too."""
        settled: _Outcomes = []
        waiting: list[Writer] = []
        for job in jobs:
            outcomes = [] if job.writer in waiting else self._try([job])
            settled += outcomes
            if not outcomes:
                waiting.append(job.writer)
        return settled

    def _stays(self, job: _Job) -> bool:
        """Return whether a batch continues to wait for another process, and let its run say so once."""
        if job.writer.gone or self._clock.now() - (job.began_s or 0.0) >= job.writer.patience_s:
            return False
        if not job.told:
            job.told = True
            with suppress(RuntimeError):
                job.loop.call_soon_threadsafe(job.writer.on_wait)
        return True

    @contextmanager
    def _connection(self, jobs: Sequence[_Job]) -> Iterator[Journal]:
        """Yield the journal of the oldest member, so that one connection is warm, for one transaction."""
        with self._changed:
            # Where all have left, the one whose batch is written still waits for it.
            writer = self._members[0] if self._members else jobs[0].writer
            if writer.gone:
                raise JournalError(f"the journal {writer.journal} does not answer")
            self._using = writer
        try:
            yield writer.journal
        finally:
            with self._changed:
                self._using = None
                self._changed.notify_all()
            writer.journal.close_if_abandoned()


def _written(journal: Journal, jobs: list[_Job]) -> Sequence[Exception | None]:
    if len(jobs) == 1 and jobs[0].writer.journal is journal:
        journal.enter(jobs[0].batch)
        return [None]
    return journal.enter_together([(job.batch, job.tenure) for job in jobs])


def _tell(settled: _Outcomes) -> None:
    """Settle the futures, with one call for each event loop. A closed loop waits for nothing."""
    for loop in {job.loop for job, _ in settled}:
        answers = [(job.answer, error) for job, error in settled if job.loop is loop]
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, answers)


def _settle_all(answers: Sequence[tuple["asyncio.Future[None]", Exception | None]]) -> None:
    for answer, error in answers:
        _settle(answer, error)


def _note_error(answer: "asyncio.Future[Any]") -> None:
    """Mark an error as retrieved, so that it is not reported when an abandoned future is collected."""
    if not answer.cancelled():
        answer.exception()


def _settle(answer: "asyncio.Future[Any]", error: BaseException | None, value: Any = None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
