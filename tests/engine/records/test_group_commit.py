"""Runs of one process that write to one SQLite file: committed together, and each failing alone."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event, active_count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from safelight.engine import Request, perform
from safelight.engine.clock import Clock, VirtualClock, real_sleep
from safelight.engine.errors import JournalBusy, JournalError, JournalFenced, JournalMoved
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock
from safelight.engine.records.writer_thread import Batch, Writer
from tests.crash.check import rows_of
from tests.crash.crashes import small_observatory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is."""
    return tmp_path / "journal.sqlite"


def url_of(path: Path) -> str:
    """Return the journal's URL."""
    return f"sqlite:///{path}"


def row(run: str, word: str | None = "w") -> dict[str, Any]:
    """Return values of a row; without a word they can't be written."""
    values = {"run": run, "time": "t", "word": word, "who": "me"}
    return {name: value for name, value in values.items() if value is not None}


def batch(*rows: dict[str, Any]) -> Batch:
    """Return a batch of rows."""
    return [(sa.insert(tables.control), one) for one in rows]


def written(path: Path) -> list[str]:
    """Return the runs of the rows, in their order."""
    return [one["run"] for one in rows_of(url_of(path), tables.control)]


@contextmanager
def commits() -> Iterator[list[int]]:
    """Count the transactions of this process that are committed, by connection."""
    found: list[int] = []

    def listen(connection: sa.Connection) -> None:
        found.append(id(connection.connection.driver_connection))

    sa.event.listen(Engine, "commit", listen)
    try:
        yield found
    finally:
        sa.event.remove(Engine, "commit", listen)


@asynccontextmanager
async def writers(path: Path, number: int) -> AsyncIterator[list[Writer]]:
    """Open a journal and a writer for each of several runs."""
    with ExitStack() as journals:
        opened = [journals.enter_context(closing(Journal(url_of(path)))) for _ in range(number)]
        found = [Writer(journal, Clock()) for journal in opened]
        try:
            yield found
        finally:
            for writer in found:
                if writer.journal not in left:
                    await writer.close()


left: list[Journal] = []
"""Journals of writers that a test has closed itself."""


async def leave(writer: Writer) -> None:
    """Close a writer and its journal, as at the end of a run."""
    await writer.close()
    left.append(writer.journal)
    writer.journal.close()


@contextmanager
def held(path: Path) -> Iterator[Callable[[], object]]:
    """Let another process hold the journal until the yielded function is called."""
    stranger = sqlite3.connect(path, isolation_level=None)  # noqa: TID251 - a stranger
    stranger.execute("BEGIN IMMEDIATE")
    try:
        yield partial(stranger.execute, "ROLLBACK")
    finally:
        stranger.close()


async def answers(futures: Sequence["asyncio.Future[None]"]) -> list[BaseException | None]:
    """Return how batches have ended."""
    return await asyncio.gather(*futures, return_exceptions=True)


def test_what_waits_is_committed_together(path: Path) -> None:
    """Batches of twenty runs that wait for the journal take two transactions by one thread, in each run's order."""

    async def story() -> None:
        async with writers(path, 20) as runs:
            threads = active_count()
            with commits() as found, held(path) as let_go:
                waiting = [run.write(batch(row(f"{n}-{turn}"))) for turn in range(3) for n, run in enumerate(runs)]
                await real_sleep(0.1)
                assert active_count() == threads
                let_go()
                assert await answers(waiting) == [None] * 60
            assert len(found) <= 3
            assert len(set(found)) == 1

    asyncio.run(story())
    assert sorted(written(path)) == sorted(f"{n}-{turn}" for n in range(20) for turn in range(3))
    for n in range(20):
        assert [one for one in written(path) if one.startswith(f"{n}-")] == [f"{n}-0", f"{n}-1", f"{n}-2"]


def test_a_batch_fails_alone(path: Path) -> None:
    """A batch with a row that can't be written is undone as a whole, and those of other runs are durable."""

    async def story() -> None:
        async with writers(path, 3) as (one, bad, other):
            with commits() as found, held(path) as let_go:
                first = one.write(batch(row("first")))
                waiting = [
                    one.write(batch(row("one"))),
                    bad.write(batch(row("half"), row("no word", None))),
                    bad.write(batch(row("next"))),
                    other.write(batch(row("other"))),
                ]
                await real_sleep(0.1)
                let_go()
                ends = await answers(waiting)
            assert [type(end) for end in ends] == [type(None), JournalError, type(None), type(None)]
            assert "NOT NULL" in str(ends[1]) or "CONSTRAINT" in str(ends[1])
            await first
            # The first one has waited alone.
            assert len(found) <= 2

    asyncio.run(story())
    assert written(path) == ["first", "one", "next", "other"]


def test_a_fenced_run_fails_alone(path: Path) -> None:
    """A run whose observatory was taken over writes nothing more, and a run in the same transaction does."""

    async def story() -> None:
        async with writers(path, 2) as (fenced, other):
            Lock.take(fenced.journal, "taken", "my-run")
            Lock.take(other.journal, "free", "other-run")
            with closing(Journal(url_of(path))) as theirs, theirs.alone():
                theirs.write(sa.update(tables.fences).where(tables.fences.c.observatory == "taken"), {"epoch": 99})
            with held(path) as let_go:
                waiting = [run.write(batch(row(name))) for run, name in ((other, "a"), (fenced, "b"), (other, "c"))]
                await real_sleep(0.1)
                let_go()
                ends = await answers(waiting)
            assert [type(end) for end in ends] == [type(None), JournalFenced, type(None)]
            assert fenced.journal.tenure is not None
            assert fenced.journal.tenure.over
            assert other.journal.tenure is not None
            assert not other.journal.tenure.over

    asyncio.run(story())
    assert written(path) == ["a", "c"]


def test_a_transaction_that_fails_as_a_whole_is_taken_apart(path: Path) -> None:
    """Where the disk is too full for one batch, SQLite undoes all of the transaction. The others are written alone."""

    async def story() -> None:
        async with writers(path, 3) as runs:
            connection = runs[0].journal._connection
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
            connection.rollback()
            large = row("large") | {"who": "x" * 500_000}
            with held(path) as let_go:
                waiting = [runs[0].write(batch(row("first")))]
                waiting += [run.write(batch(one)) for run, one in zip(runs, (row("a"), large, row("c")), strict=True)]
                await real_sleep(0.1)
                let_go()
                ends = await answers(waiting)
            assert [type(end) for end in ends] == [type(None), type(None), JournalError, type(None)]
            assert "full" in str(ends[2])

    asyncio.run(story())
    assert written(path) == ["first", "a", "c"]


def test_a_batch_that_waits_is_not_overtaken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where batches are written alone and one has to wait for another process, the next one of its run waits too."""
    failing = iter([JournalError("the journal failed: the disk failed"), JournalBusy("another process holds it")])
    enter_together, enter = Journal.enter_together, Journal.enter

    def together(journal: Journal, batches: Any) -> Any:
        for error in islice(failing, 1):
            raise error
        return enter_together(journal, batches)

    def alone(journal: Journal, entries: Any) -> None:
        entries = list(entries)
        if "first" not in str(entries):
            for error in islice(failing, 1):
                raise error
        enter(journal, entries)

    async def story() -> None:
        async with writers(path, 1) as (run,):
            with held(path) as let_go:
                waiting = [run.write(batch(row("first")))]
                await real_sleep(0.1)
                monkeypatch.setattr(Journal, "enter_together", together)
                monkeypatch.setattr(Journal, "enter", alone)
                waiting += [run.write(batch(row(name))) for name in ("a", "b", "c")]
                let_go()
                assert await answers(waiting) == [None] * 4

    asyncio.run(story())
    assert written(path) == ["first", "a", "b", "c"]
    assert list(failing) == []


def test_the_oldest_run_leaves(path: Path) -> None:
    """The run whose connection is used ends and closes it, while others wait: they go on through another one."""

    async def story() -> None:
        async with writers(path, 3) as runs:
            for name in ("a", "b", "c"):
                await asyncio.gather(*(run.write(batch(row(name))) for run in runs))
                if name != "c":
                    await leave(runs.pop(0))

    asyncio.run(story())
    assert written(path) == ["a"] * 3 + ["b"] * 2 + ["c"]


def test_a_run_that_ends_does_not_wait_for_the_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the journal, a run that is ending gives up, and one that is running waits."""
    monkeypatch.setattr("safelight.engine.records.database._BUSY_S", 0.2)
    monkeypatch.setattr("safelight.engine.records.writer_thread._LEAVING_S", 0.3)

    async def story() -> None:
        told: list[str] = []
        async with writers(path, 2) as (ending, running):
            running.on_wait = lambda: told.append("running")
            with held(path) as let_go:
                waiting = [running.write(batch(row("running"))), ending.write(batch(row("ending")))]
                ending.hurry()
                done, _ = await asyncio.wait(waiting, timeout=2.0)
                assert done == {waiting[1]}
                assert isinstance(waiting[1].exception(), JournalBusy)
                await leave(ending)
                assert not waiting[0].done()
                let_go()
                await waiting[0]
            assert told == ["running"]

    asyncio.run(story())
    assert written(path) == ["running"]


def test_a_journal_that_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that hangs is left behind: each run closes, a later one has a thread of its own, nothing comes late."""
    monkeypatch.setattr("safelight.engine.records.writer_thread._LEAVING_S", 0.2)
    monkeypatch.setattr("safelight.engine.records.writer_thread._JOIN_S", 0.2)
    hangs, may_go_on = Event(), Event()
    enter = Journal.enter

    def hang(journal: Journal, entries: Any) -> None:
        if not hangs.is_set():
            hangs.set()
            may_go_on.wait(30)
        enter(journal, entries)

    monkeypatch.setattr(Journal, "enter", hang)

    async def story() -> None:
        async with writers(path, 2) as (first, second):
            waiting = [first.write(batch(row("hung")))]
            assert await asyncio.to_thread(hangs.wait, 10)
            waiting.append(second.write(batch(row("dropped"))))
            # The connection of the second one is free, that of the first one is in use.
            await leave(second)
            await leave(first)
            async with writers(path, 1) as (third,):
                await third.write(batch(row("later")))
            may_go_on.set()
            ends = await answers(waiting[:1])
            assert "does not answer" in str(ends[0])
            assert not waiting[1].done()

    asyncio.run(story())
    assert written(path) == ["later"]


def test_a_file_that_was_replaced(path: Path) -> None:
    """Runs of a journal that was replaced learn that. A run that begins afterwards writes into the new one."""

    async def story() -> None:
        async with writers(path, 2) as runs:
            await asyncio.gather(*(run.write(batch(row("before"))) for run in runs))
            for part in path.parent.glob("journal.sqlite*"):
                part.unlink()
            async with writers(path, 1) as (late,):
                ends = await answers([run.write(batch(row("lost"))) for run in (*runs, late)])
            assert [type(end) for end in ends] == [JournalMoved, JournalMoved, type(None)]

    asyncio.run(story())
    assert written(path) == ["lost"]


def test_two_files_have_two_threads(tmp_path: Path) -> None:
    """A journal that is held by another process delays no run with another journal."""
    held_one, free = tmp_path / "held.sqlite", tmp_path / "free.sqlite"

    async def story() -> None:
        async with writers(held_one, 1) as (one,), writers(free, 1) as (other,):
            with held(held_one) as let_go:
                waiting = one.write(batch(row("one")))
                await asyncio.wait_for(other.write(batch(row("other"))), 2.0)
                assert not waiting.done()
                let_go()
                await waiting

    asyncio.run(story())


def test_a_closed_loop_waits_for_nothing(path: Path) -> None:
    """A batch whose event loop was closed is written, and one of another loop is told."""
    with closing(Journal(url_of(path))) as journal:

        async def pass_on() -> Writer:
            writer = Writer(journal, VirtualClock())
            writer.write(batch(row("nobody waits")))
            return writer

        first = asyncio.run(pass_on())

        async def story() -> None:
            async with writers(path, 1) as (second,):
                await second.write(batch(row("somebody")))
            await first.close()

        asyncio.run(story())
    assert written(path) == ["nobody waits", "somebody"]


def test_runs_at_once(tmp_path: Path) -> None:
    """Thirty runs of one process end with all their frames, in fewer transactions than they have batches."""
    batches: list[int] = []
    put = Writer.write

    def counted(writer: Writer, one: Batch) -> "asyncio.Future[None]":
        batches.append(1)
        return put(writer, one)

    async def story() -> list[str]:
        sites = [small_observatory(tmp_path, name=f"site-{n}") for n in range(30)]
        wanted = [
            Request("demo", site, home=tmp_path / site.stem, frames=tmp_path / "frames", speed="max", journal=url)
            for site in sites
        ]
        ended = await asyncio.gather(*(perform(one, guarded=False) for one in wanted))
        return [result.outcome for result in ended]

    url = url_of(tmp_path / "journal.sqlite")
    with pytest.MonkeyPatch.context() as patch, commits() as found:
        patch.setattr(Writer, "write", counted)
        assert asyncio.run(story()) == ["done"] * 30
    kept = rows_of(url, tables.frames)
    assert len(kept) == 60
    assert {one["verdict"] for one in kept} == {"good"}
    assert {one["ended"] is None for one in rows_of(url, tables.states)} == {False}
    assert len(found) < len(batches)
