"""Journals and frames that can't be written while a run goes on."""

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.engine.errors import JournalError
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.engine.run.runner import Runner
from safelight.engine.run.start import Request, RunResult, perform
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm

DEMO = ["bias-001", "Quartz-120s-001"]


def run_with(case: Case, on_event: Callable[[str, Runner], None]) -> RunResult:
    """Run, with something done at each event."""
    runners: list[Runner] = []
    request = Request(
        case.sequence,
        observatory=case.observatory,
        home=case.home,
        frames=case.frames,
        speed="max",
        journal=case.journal,
    )

    def hear(said: Any) -> None:
        if runners:
            on_event(f"{said['event']} {said.get('kind')}", runners[0])

    return asyncio.run(perform(request, listeners=[hear], on_start=runners.append, guarded=False))


def resume_it(case: Case) -> RunResult:
    """Resume to the end."""
    return asyncio.run(resume(ResumeRequest(home=case.home, speed="max", journal=case.journal), guarded=False))


def fill(runner: Runner) -> None:
    """From now on the journal's database may not grow by a single page."""
    connection = runner.record.journal._connection  # type: ignore[attr-defined]
    connection.exec_driver_sql("PRAGMA max_page_count = 1")
    # A page that is begun would still take some rows.
    runner.record.journal.write = _no_room  # type: ignore[attr-defined]


def _no_room(*_: Any) -> int:
    raise JournalError("the journal failed: the disk is full")


@pytest.mark.parametrize(
    "moment",
    [
        "state.started point",
        "state.started lamp-warmup",
        "state.started expose",
        "state.ended expose",
        "state.ended readout",
    ],
)
def test_a_full_journal(case: Case, moment: str) -> None:
    """A run whose journal is full ends faulted with its lamps off, and goes on when there is room again."""
    result = run_with(case, lambda event, runner: fill(runner) if event == moment else None)
    assert result.outcome == "faulted"
    assert "full" in str(result.reason)
    assert not result.internal
    assert case.burning() == []
    assert set(result.lamps.values()) == {"off"}
    again = resume_it(case)
    assert again.outcome == "done"
    assert_whole(case, again.run, DEMO)


def test_sqlite_itself_is_full(case: Case) -> None:
    """The same where SQLite itself has no room: nothing half written, and the journal works on."""
    pages: list[str] = []

    def squeeze(event: str, runner: Runner) -> None:
        if event.startswith("state.started"):
            connection = runner.record.journal._connection  # type: ignore[attr-defined]
            pages.append(event)
            connection.exec_driver_sql("PRAGMA max_page_count = 1")

    case = Case(case.home, case.frames, case.observatory, case.journal, "normal", case.speed)
    result = run_with(case, squeeze)
    assert result.outcome == "faulted"
    assert "the disk is full" in str(result.reason)
    assert case.burning() == []
    again = resume_it(case)
    assert again.outcome == "done"
    assert len(again.frames) == 12
    assert_whole(case, again.run, [frame.frame for frame in again.frames])


def test_a_locked_journal(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that does not let go of the journal faults the run, lamps off. Afterwards it goes on."""
    monkeypatch.setattr("safelight.engine.records.database._BUSY_S", 0.2)
    monkeypatch.setattr("safelight.engine.records.writer_thread._PATIENCE_S", 0.5)
    monkeypatch.setattr("safelight.engine.records.writer_thread._LEAVING_S", 0.5)
    held: list[Journal] = []

    def hold(event: str, runner: Runner) -> None:
        if event == "state.ended lamp-warmup" and not held:
            held.append(Journal(case.journal))
            held[0].write(tables.control.insert(), {"run": "x", "time": "t", "word": "w", "who": "me"})

    try:
        result = run_with(case, hold)
    finally:
        for journal in held:
            journal.close()
    assert result.outcome == "faulted"
    assert "another process holds it" in str(result.reason)
    assert case.burning() == []
    assert resume_it(case).outcome == "done"


def test_no_room_for_files(warm: Warm, case: Case) -> None:
    """Where no file may grow over a limit the run faults or is refused, lamps off. With room it goes on to its end."""
    for limit in (20_000, 60_000, 120_000, 200_000):
        at = Case.at(case.home.parent / str(limit), Path(case.observatory), case.sequence)
        ended = warm.do(at.job("run", limit=limit))
        assert ended.outcome in {"faulted", "JournalError", "done"}, ended
        assert at.burning() == []
        again = warm.do(at.job("resume"))
        if again.outcome in {"RunRefused", "JournalError"}:
            assert ended.outcome in {"JournalError", "done"}
            continue
        assert again.outcome == "done", again
        assert_whole(at, again.answer["run"], DEMO)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_run_without_room_for_its_entry(case: Case) -> None:
    """A run that can't be written down does not begin."""
    journal = Journal(case.journal)
    journal.close()
    case.home.joinpath("journal.sqlite").chmod(0o644)

    def nothing(event: str, runner: Runner) -> None:
        raise AssertionError(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "write", _no_room)
        with pytest.raises(JournalError, match="full"):
            run_with(case, nothing)
    assert rows_of(case.journal, tables.runs) == []
    assert rows_of(case.journal, tables.locks) == []
    assert case.outlets() == {}
