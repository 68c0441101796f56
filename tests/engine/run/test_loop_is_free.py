"""The event loop waits for no journal, neither at the beginning of a run nor at its end: lamps of others may be lit."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.engine import Request, perform
from safelight.engine.clock import Clock, VirtualClock, real_sleep
from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.held_observatory import hold_observatory
from safelight.engine.records.lock import owner_of
from safelight.engine.records.writer_thread import in_journal_thread
from safelight.engine.resume.resumption import ResumeRequest, resume
from tests.crash.check import rows_of
from tests.crash.crashes import small_observatory

HELD_S = 1.5


def request_in(folder: Path) -> Request:
    """Return a request for the demo."""
    frames = folder / "frames"
    return Request("demo", small_observatory(folder), home=folder / "home", frames=frames, speed="max")


async def while_held(path: Path, work: Callable[[], Awaitable[Any]]) -> Any:
    """Do something while another process holds the journal, which only this loop can end."""
    stranger = sqlite3.connect(path, isolation_level=None)  # noqa: TID251 - a stranger
    stranger.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(HELD_S, stranger.execute, "ROLLBACK")
    try:
        return await work()
    finally:
        stranger.close()


def test_a_run_begins(tmp_path: Path) -> None:
    """A run begins while another process holds the journal: the loop is free meanwhile, and the run is done."""
    Journal(f"sqlite:///{tmp_path / 'home' / 'journal.sqlite'}").close()
    request = request_in(tmp_path)
    begin = lambda: perform(request, guarded=False)  # noqa: E731
    result = asyncio.run(while_held(tmp_path / "home" / "journal.sqlite", begin))
    assert result.outcome == "done"


def test_a_run_is_resumed(tmp_path: Path) -> None:
    """The same for a resume."""
    request = request_in(tmp_path)
    stop = lambda runner: runner.stop("pause", "the test says so")  # noqa: E731
    assert asyncio.run(perform(request, guarded=False, on_start=stop)).outcome == "paused"
    wanted = ResumeRequest(home=tmp_path / "home", speed="max")
    begin = lambda: resume(wanted, guarded=False)  # noqa: E731
    result = asyncio.run(while_held(tmp_path / "home" / "journal.sqlite", begin))
    assert result.outcome == "done"


async def cancelled(work: Coroutine[Any, Any, Any], after_s: float) -> None:
    """Begin work and cancel it after a time. Demand that it ends as cancelled."""
    task = asyncio.create_task(work)
    await real_sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.6])
def test_a_run_that_is_cancelled_while_it_begins(tmp_path: Path, after_s: float) -> None:
    """A run that is cancelled before it has begun leaves no lock, and no run that could be resumed."""
    path = tmp_path / "home" / "journal.sqlite"
    Journal(f"sqlite:///{path}").close()
    request = request_in(tmp_path)

    asyncio.run(while_held(path, lambda: cancelled(perform(request, guarded=False), after_s)))
    with closing(Journal(f"sqlite:///{path}")) as journal:
        assert owner_of(journal, "small") is None
        # Either it has left nothing, or it has ended as any other.
        runs = journal.read(sa.select(tables.runs))
    assert [row["outcome"] for row in runs] in ([], ["aborted"])
    assert len(rows_of(f"sqlite:///{path}", tables.segments)) == len(runs)


def test_a_lock_that_was_taken_late_is_given_back(tmp_path: Path) -> None:
    """Whoever is cancelled while the observatory is being taken gives it back."""
    path = tmp_path / "journal.sqlite"
    Journal(f"sqlite:///{path}").close()

    async def hold() -> None:
        async with hold_observatory(f"sqlite:///{path}", "small", "my-run", Clock()):
            raise AssertionError("it was cancelled before")

    asyncio.run(while_held(path, lambda: cancelled(hold(), 0.3)))
    with closing(Journal(f"sqlite:///{path}")) as journal:
        assert owner_of(journal, "small") is None
        assert journal.read(sa.select(tables.fences))


def test_what_the_work_raises_is_raised() -> None:
    """An error of the work reaches who waits for it, and a value as well."""

    def fail() -> None:
        raise RunRefused("no")

    async def story() -> int:
        with pytest.raises(RunRefused, match="no"):
            await in_journal_thread(fail, VirtualClock())
        return await in_journal_thread(lambda: 7, VirtualClock())

    assert asyncio.run(story()) == 7
