"""Epochs, fences and tenure: who was overtaken records nothing, and stops before another host may overtake it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.engine.clock import boot_s
from safelight.engine.errors import JournalFenced, RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, beat, owner_of
from safelight.engine.records.stored_run import write_run
from safelight.engine.records.tenure import LEASE_S, MARGIN_S, Tenure
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm
from tests.engine.records.test_database import a_page
from tests.matrix.wall import pause

MakeCase = Callable[..., Case]

DEMO = ["bias-001", "Quartz-120s-001"]
LONG = {"name": "long", "lamps": {"Quartz": {"warmup": 5, "exposure_time": 600}}}


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """An open journal of either kind."""
    with closing(Journal(url)) as opened:
        yield opened


def abandoned(journal: Journal) -> None:
    """Let every lock look like one of another host that has been silent for long."""
    with closing(Journal(journal.url)) as other:
        other.write(sa.update(tables.locks), {"host": "elsewhere", "beat": "2026-01-02T03:04:05+00:00"})
        other.commit()


def overtaken(journal: Journal, observatory: str = "small", hardware: tuple[str, ...] = ()) -> int:
    """Let another run take the observatory; its epoch. A run that goes on may beat between the two steps."""
    for _ in range(20):
        abandoned(journal)
        with closing(Journal(journal.url)) as other, suppress(RunRefused):
            return Lock.take(other, observatory, "their-run", hardware).owner.epoch
    raise AssertionError("the run beats all the time")


def epochs(journal: Journal) -> dict[str, int]:
    """The fences."""
    return {row["observatory"]: row["epoch"] for row in journal.read(sa.select(tables.fences))}


# ---- epochs


def test_each_taking_has_an_epoch_of_its_own(journal: Journal) -> None:
    """An epoch is given once in a journal, and stays in its fence when the observatory is let go."""
    given = []
    for observatory in ("small", "large", "small"):
        lock = Lock.take(journal, observatory, "my-run")
        owner = owner_of(journal, observatory)
        assert owner is not None
        assert owner.epoch == lock.owner.epoch == lock.tenure.epoch
        given.append(lock.owner.epoch)
        lock.release()
    assert given == [1, 2, 3]
    assert epochs(journal) == {"small": 3, "large": 2}


def test_who_was_overtaken_writes_nothing(journal: Journal) -> None:
    """Every way to write is refused with the reason once a newer epoch was taken, and nothing of it is there."""
    lock = Lock.take(journal, "small", "my-run")
    assert write_run(journal, a_page())
    assert overtaken(journal) == 2
    with pytest.raises(JournalFenced, match=r"fenced: small was taken over \(epoch 2, this run holds 1\)"):
        journal.enter([(sa.update(tables.runs), {"outcome": "done"})])
    with pytest.raises(JournalFenced):
        write_run(journal, a_page("another"))
    with pytest.raises(JournalFenced):
        beat(journal, lock.owner, lock.tenure)
    assert [(row["run"], row["outcome"]) for row in rows_of(journal.url, tables.runs)] == [("a-run", None)]
    assert lock.tenure.over
    lock.release()
    owner = owner_of(journal, "small")
    assert owner is not None
    assert owner.run == "their-run"


def test_the_other_observatory_of_one_switch_is_fenced(journal: Journal) -> None:
    """Who loses its lamps to the document of another observatory writes nothing more either, and keeps no lock."""
    switch = ("10.0.0.7:80/quartz",)
    Lock.take(journal, "one", "my-run", switch)
    overtaken(journal, "two", switch)
    with pytest.raises(JournalFenced):
        write_run(journal, a_page())
    assert {row["run"] for row in rows_of(journal.url, tables.locks)} == {"their-run"}
    assert owner_of(journal, "one") is None


def test_a_taker_waits_for_what_is_being_committed(postgres_url: str) -> None:
    """On a server too a commit is either before the taking or refused: its check locks the fence until then."""
    with closing(Journal(postgres_url)) as journal, closing(Journal(postgres_url)) as other:
        lock = Lock.take(journal, "small", "my-run")
        journal.write(sa.update(tables.runs), {"outcome": "done"})
        lock.tenure.check(journal._connection)
        other.write(sa.text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            other.write(sa.update(tables.fences), {"epoch": 9})
        journal.commit()
        other.write(sa.update(tables.fences), {"epoch": 9})
        other.commit()
        with pytest.raises(JournalFenced):
            write_run(journal, a_page())


def test_one_statement_a_commit(journal: Journal) -> None:
    """A fence costs one statement for each transaction, whatever is in it."""
    Lock.take(journal, "small", "my-run")
    statements: list[str] = []
    sa.event.listen(journal._engine, "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))
    journal.enter([(sa.update(tables.runs), {"outcome": "done"})] * 5)
    assert len([statement for statement in statements if statement != "BEGIN"]) == 6
    assert "fences" in statements[-1]


# ---- tenure


def test_a_tenure_counts_from_the_sending_of_a_beat() -> None:
    """It ends a lease after the last beat that arrived was sent, and a run stops a margin before."""
    now = 100.0
    tenure = Tenure("small", 1, LEASE_S, 100.0, clock=lambda: now)
    now = 100.0 + LEASE_S - MARGIN_S - 0.1
    assert not tenure.end
    tenure.require()
    now += 0.2
    assert "no heartbeat for small has reached the journal for 6 s" in tenure.end
    assert not tenure.over
    with pytest.raises(JournalFenced, match="fenced"):
        tenure.require()
    tenure.renew(now - 1)
    tenure.renew(50.0)
    assert not tenure.end
    now += LEASE_S
    assert tenure.over
    tenure.renew(now)
    assert tenure.over
    assert "no heartbeat for small has reached the journal for 9 s" in tenure.end


def test_no_other_host_reaches_a_file(tmp_path: Path) -> None:
    """A tenure in a SQLite file has no end, and is lost to a newer epoch all the same."""
    with closing(Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")) as journal:
        lock = Lock.take(journal, "small", "my-run")
        lock.tenure.renew(boot_s() - 1e6)
        assert not lock.tenure.end
        overtaken(journal)
        with pytest.raises(JournalFenced):
            beat(journal, lock.owner, lock.tenure)
        assert lock.tenure.end.startswith("fenced")


# ---- runs


def seen(case: Case, *outcomes: Any) -> None:
    """Check the lamps and the outcomes of the segments."""
    assert case.burning() == []
    assert [row["outcome"] for row in rows_of(case.journal, tables.segments)] == list(outcomes)


def test_a_run_that_was_overtaken(warm: Warm, make_case: MakeCase, url: str) -> None:
    """It stops with its lamps off and says that it was fenced, and its end is not in the journal; a resume goes on."""
    case = make_case(journal=url, speed=60)
    warm.begin(case.job("run", tell=True))
    run = warm.until("state.started", kind="lamp-warmup")["run"]
    assert [row["epoch"] for row in rows_of(case.journal, tables.segments)] == [1]
    with closing(Journal(case.journal)) as journal:
        overtaken(journal)
        journal.write(sa.delete(tables.locks))
        journal.commit()
    ended = warm.end()
    assert ended.outcome == "faulted", ended
    assert ended.answer["reason"].startswith("fenced: small was taken over (epoch 2, this run holds 1)")
    assert not (Path(ended.answer["folder"]) / "manifest.json").exists()
    seen(case, None)
    again = warm.do(replace(case, speed="max").job("resume"))
    assert again.outcome == "done"
    assert_whole(case, run, DEMO)
    assert rows_of(case.journal, tables.segments)[1]["epoch"] == 3


def test_a_frozen_run_that_wakes(warm: Warm, make_case: MakeCase, postgres_url: str) -> None:
    """A process that stood still for longer than its tenure darkens when it wakes, and begins nothing else."""
    case = make_case(LONG, journal=postgres_url, speed=10)
    child = warm.begin(case.job("run", tell=True))
    warm.until("state.started", kind="expose")
    os.kill(child, signal.SIGSTOP)
    pause(LEASE_S + 1)
    os.kill(child, signal.SIGCONT)
    ended = warm.end()
    assert ended.outcome == "faulted"
    assert ended.answer["reason"].startswith("fenced: no heartbeat for small has reached the journal for")
    told = [event["event"] for event in ended.events]
    assert "state.started" not in told
    assert ended.answer["good"] == []
    assert case.burning() == []
