"""One run at a time, and stopping it from elsewhere."""

import asyncio
import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.devices.simulated.faults import load_faults
from safelight.engine import Request, perform
from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, owner_of, running
from safelight.engine.records.stop_requests import request_stop
from safelight.processes import process_started
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm, small_observatory

MakeCase = Callable[..., Case]

DEMO = ["bias-001", "Quartz-120s-001"]


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """Yield an open journal of either kind."""
    opened = Journal(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def other() -> Iterator[Warm]:
    """Yield a second warm process, for runs in parallel."""
    with Warm.ready() as process:
        yield process


def lock_of(journal: Journal, **changes: Any) -> None:
    """A lock as another process has left it: of a living one, on this host, unless changed."""
    parent = os.getppid()
    now = wall_utc().isoformat(timespec="seconds")
    values = {
        "observatory": "small",
        "run": "their-run",
        "host": socket.gethostname(),
        "pid": parent,
        "process_started": process_started(parent),
        "since": "2026-01-02T03:04:05+00:00",
        "beat": now,
    }
    journal.write(sa.insert(tables.locks), values | changes)
    journal.commit()


def ago(seconds: float) -> str:
    """Return a time in the past."""
    return (wall_utc() - timedelta(seconds=seconds)).isoformat(timespec="seconds")


# ---- the lock


def test_taken_and_let_go(journal: Journal) -> None:
    """A lock is the run's while it is held, and nobody's afterwards."""
    lock = Lock.take(journal, "small", "my-run")
    owner = owner_of(journal, "small")
    assert owner is not None
    assert (owner.run, owner.pid, owner.alive) == ("my-run", os.getpid(), True)
    assert lock.taken_from is None
    lock.release()
    assert owner_of(journal, "small") is None


def test_a_living_owner_keeps_it(journal: Journal) -> None:
    """A living owner's lock is refused with whose it is and since when, and stays as it is."""
    lock_of(journal)
    before = owner_of(journal, "small")
    with pytest.raises(RunRefused) as refused:
        Lock.take(journal, "small", "my-run")
    for words in ("their-run", f"process {os.getppid()}", "since 2026-01-02T03:04:05", "safelight abort their-run"):
        assert words in str(refused.value)
    assert owner_of(journal, "small") == before
    Lock.take(journal, "another-observatory", "my-run").release()


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": 2**22 + 1, "process_started": "x-1"},
        {"process_started": "another-start"},
        {"process_started": ""},
        {"host": "elsewhere", "beat": ago(3600)},
    ],
    ids=["no such process", "its number was given again", "never known", "another host that is silent"],
)
def test_a_dead_owner_loses_it(journal: Journal, changes: dict[str, Any]) -> None:
    """A dead owner's lock is taken over, and it is known from whom."""
    lock_of(journal, **changes)
    lock = Lock.take(journal, "small", "my-run")
    assert lock.taken_from is not None
    assert lock.taken_from.run == "their-run"
    owner = owner_of(journal, "small")
    assert owner is not None
    assert owner.run == "my-run"


def test_another_host_that_beats_keeps_it(journal: Journal) -> None:
    """Another host's owner is believed as long as its heartbeat is young, whatever runs here under its number."""
    lock_of(journal, host="elsewhere", process_started="x", beat=ago(7 if journal.shared else 50))
    with pytest.raises(RunRefused, match="elsewhere"):
        Lock.take(journal, "small", "my-run")


def test_another_host_that_is_silent_loses_it(journal: Journal) -> None:
    """In a shared journal 10 s are enough, because an owner stops by itself after 6; in a file, a minute."""
    lock_of(journal, host="elsewhere", process_started="x", beat=ago(13 if journal.shared else 63))
    taken = Lock.take(journal, "small", "my-run")
    assert taken.taken_from is not None
    assert taken.taken_from.run == "their-run"


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "elsewhere", "beat": "an hour ahead"},
        {"host": "elsewhere", "beat": "9999-12-31T23:59:59+00:00"},
        {"host": "elsewhere", "beat": "soon"},
        {"host": "elsewhere", "beat": ""},
        {"pid": 0, "process_started": ""},
        {"pid": -1, "process_started": ""},
        {"pid": 2**31 - 1, "process_started": ""},
        {"process_started": "\x1b[2J"},
        {"host": "", "run": "", "beat": "0000"},
    ],
    ids=repr,
)
def test_a_lock_full_of_nonsense_is_dead(journal: Journal, changes: dict[str, Any]) -> None:
    """A lock whose beat lies far in the future, or with nonsense in it, belongs to nobody and is taken over."""
    lock_of(journal, **(changes | {"beat": ago(-3600)} if changes.get("beat") == "an hour ahead" else changes))
    assert running(journal) == []
    taken = Lock.take(journal, "small", "run")
    assert taken.taken_from is not None
    taken.release()


def test_a_beat_of_an_odd_form_is_read(journal: Journal) -> None:
    """A beat without a zone is UTC, a clock that is some minutes ahead is believed."""
    lock_of(journal, host="elsewhere", beat=ago(-200).removesuffix("+00:00"))
    assert [owner.run for owner in running(journal)] == ["their-run"]


def test_a_beat_that_is_a_bare_date_is_old(journal: Journal) -> None:
    """A date alone is its midnight, and a beat of days ago is nobody's."""
    lock_of(journal, host="elsewhere", beat="2026-11-01")
    assert running(journal) == []


def test_a_zombie_is_dead() -> None:
    """A process that has died and was not yet waited for counts as dead."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.read()
        while process_started(child.pid):
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}").exists()
    finally:
        child.communicate()


def test_only_the_owner_lets_go(journal: Journal) -> None:
    """A run whose lock was taken over meanwhile does not take it from its new owner."""
    lock = Lock.take(journal, "small", "my-run")
    journal.write(sa.update(tables.locks), {"run": "their-run"})
    journal.commit()
    lock.release()
    owner = owner_of(journal, "small")
    assert owner is not None
    assert owner.run == "their-run"


@pytest.mark.parametrize("verbs", [("run", "run"), ("resume", "resume"), ("run", "resume")])
def test_two_at_the_same_instant(warm: Warm, other: Warm, case: Case, tmp_path: Path, verbs: tuple[str, str]) -> None:
    """Of two that start at the same instant one runs, and the other is refused, and has touched nothing."""
    if "resume" in verbs:
        assert warm.do(case.job("run", at={"what": "commit", "n": 26, "do": "kill"})).killed
    runs_before = {row["run"] for row in rows_of(case.journal, tables.runs)} if "resume" in verbs else set()
    gate = tmp_path / "gate"
    gate.touch()
    with gate.open() as closed:
        fcntl.flock(closed, fcntl.LOCK_EX)
        for process, verb in zip((warm, other), verbs, strict=True):
            process.begin(case.job(verb, gate=str(gate), request={"speed": 200}))
    ended = [warm.end(), other.end()]
    outcomes = sorted(end.outcome for end in ended)
    assert outcomes == ["RunRefused", "done"], ended
    winner = next(end for end in ended if end.outcome == "done")
    loser = next(end for end in ended if end.outcome != "done")
    assert "in use by run" in loser.answer["words"] or "is running" in loser.answer["words"]
    assert winner.answer["run"] in loser.answer["words"]
    assert_whole(case, winner.answer["run"], DEMO)
    rows = {row["run"] for row in rows_of(case.journal, tables.runs)}
    assert rows == runs_before | {winner.answer["run"]}
    assert {path.name for path in case.frames.iterdir()} == rows


def test_a_killed_runs_lock_is_taken_over(warm: Warm, case: Case) -> None:
    """After a kill another run begins at once, lamps off first, and the killed one can still be resumed."""
    assert warm.do(case.job("run", at={"what": "during move", "n": 3, "do": "kill"})).killed
    assert case.burning() == ["Quartz"]
    lock = rows_of(case.journal, tables.locks)[0]
    assert lock["run"] == rows_of(case.journal, tables.runs)[0]["run"]
    second = warm.do(case.job("run"))
    assert second.outcome == "done"
    assert_whole(case, second.answer["run"], DEMO)
    first = warm.do(case.job("resume"))
    assert first.answer["run"] == lock["run"]
    assert_whole(case, lock["run"], DEMO)


# ---- the hardware behind the name

SWITCH = ("10.0.0.7:80/argon", "10.0.0.7:80/quartz")


def test_two_documents_for_one_switch(journal: Journal) -> None:
    """Two observatories that share an outlet exclude each other, and it is said which. Others do not."""
    one = Lock.take(journal, "one", "run-1", SWITCH)
    with pytest.raises(RunRefused, match=r"10\.0\.0\.7:80/quartz is in use by run run-1"):
        Lock.take(journal, "two", "run-2", ("10.0.0.7:80/quartz",))
    assert owner_of(journal, "two") is None
    Lock.take(journal, "three", "run-3", ("10.0.0.8:80/quartz",)).release()
    assert [owner.observatory for owner in running(journal)] == ["one"]
    one.release()
    assert journal.read(sa.select(tables.locks)) == []
    Lock.take(journal, "two", "run-2", SWITCH).release()


def test_long_names_of_hardware(journal: Journal) -> None:
    """A name that is longer than a key may be is told apart by all of it."""
    long = "h" * 300
    lock = Lock.take(journal, "one", "run-1", (f"a{long}", f"b{long}"))
    with pytest.raises(RunRefused, match="in use"):
        Lock.take(journal, "two", "run-2", (f"b{long}",))
    Lock.take(journal, "three", "run-3", (f"c{long}",)).release()
    lock.release()


def test_two_documents_for_one_simulated_switch(warm: Warm, other: Warm, case: Case, tmp_path: Path) -> None:
    """In one home two documents are refused in parallel: their lamps are on the same simulated switch."""
    second = small_observatory(tmp_path, name="second")
    warm.begin(case.job("run", tell=True, request={"speed": 60}))
    run = warm.until("state.started", kind="lamp-warmup")["run"]
    refused = other.do(case.job("run", request={"observatory": str(second)}))
    assert refused.outcome == "RunRefused"
    assert run in refused.answer["words"]
    assert warm.end().outcome == "done"
    assert other.do(case.job("run", request={"observatory": str(second)})).outcome == "done"


# ---- stopping from elsewhere


def asked(case: Case, word: str, run: str | None = None) -> str:
    """Ask from this process. Return which run was asked."""
    journal = Journal(case.journal, create=False)
    try:
        return request_stop(journal, run, word).run
    finally:
        journal.close()


@pytest.mark.parametrize(("word", "outcome"), [("abort", "aborted"), ("pause", "paused")])
def test_stopped_from_elsewhere(warm: Warm, case: Case, word: str, outcome: str) -> None:
    """A request in the journal ends the run as it says, tells who asked, is marked as obeyed. The run is resumable."""
    warm.begin(case.job("run", tell=True, request={"speed": 60}))
    run = warm.until("state.started", kind="lamp-warmup")["run"]
    assert asked(case, word) == run
    ended = warm.end()
    assert ended.outcome == outcome
    assert f"{word} was requested by" in ended.answer["reason"]
    assert f"process {os.getpid()}" in ended.answer["reason"]
    assert case.burning() == []
    (request,) = rows_of(case.journal, tables.control)
    assert (request["run"], request["word"]) == (run, word)
    assert request["obeyed"] is not None
    assert warm.do(case.job("resume")).outcome == "done"
    assert_whole(case, run, DEMO)


def test_an_old_request_stops_no_later_segment(warm: Warm, case: Case) -> None:
    """A request that came too late for a run does not stop its resume."""
    warm.begin(case.job("run", tell=True, request={"speed": 60}))
    run = warm.until("state.started", kind="lamp-warmup")["run"]
    for word in ("abort", "abort", "pause"):
        assert asked(case, word) == run
    assert warm.end().outcome == "aborted"
    journal = Journal(case.journal)
    values = {"run": run, "time": ago(1), "word": "abort", "who": "somebody, too late"}
    journal.write(sa.insert(tables.control), values)
    journal.commit()
    journal.close()
    assert warm.do(case.job("resume", request={"speed": 60})).outcome == "done"
    assert_whole(case, run, DEMO)


def test_nothing_is_running(journal: Journal) -> None:
    """Asking where nothing runs, or for a run that does not, is refused. A dead owner does not count."""
    lock_of(journal, process_started="dead")
    assert running(journal) == []
    with pytest.raises(RunRefused, match="no run is running"):
        request_stop(journal, None, "abort")
    with pytest.raises(RunRefused, match="run their-run is not running"):
        request_stop(journal, "their-run", "abort")
    assert journal.read(sa.select(tables.control)) == []


def test_several_are_running(journal: Journal) -> None:
    """Where several run one has to be named, and only that one is asked."""
    lock_of(journal)
    lock_of(journal, observatory="large", run="another-run")
    with pytest.raises(RunRefused, match=r"name one: .*their-run"):
        request_stop(journal, None, "abort")
    assert request_stop(journal, "another-run", "pause").run == "another-run"
    assert [row["run"] for row in journal.read(sa.select(tables.control))] == ["another-run"]


def test_two_observatories_at_once(warm: Warm, other: Warm, make_case: MakeCase, tmp_path: Path, small: Path) -> None:
    """Runs on two observatories with one journal do not hold each other up, and each hears only its own requests."""
    one = make_case()
    two = make_case(observatory=small_observatory(tmp_path, name="second"), journal=one.journal)
    warm.begin(one.job("run", tell=True, request={"speed": 60}))
    other.begin(two.job("run", tell=True, request={"speed": 60}))
    first = warm.until("state.started", kind="lamp-warmup")["run"]
    second = other.until("state.started", kind="lamp-warmup")["run"]
    assert asked(one, "abort", second) == second
    assert (other.end().outcome, warm.end().outcome) == ("aborted", "done")
    assert_whole(one, first, DEMO)


TROUBLE = """
- {device: spectrographs, verb: read_out, nth: 2, what: error}
- {device: lamps.Quartz, verb: "on", nth: 1, what: error, times: 9}
"""


def test_nobody_waits_for_a_run_in_trouble(small: Path, tmp_path: Path) -> None:
    """Whatever happens in a run (a retry, a fault, safing), nothing keeps another writer of the journal waiting."""
    path = tmp_path / "journal.sqlite"
    (tmp_path / "faults.yaml").write_text(TROUBLE, encoding="utf-8")
    waits: list[tuple[str, str | None]] = []
    events: list[str] = []

    def write_beside(event: Mapping[str, Any]) -> None:
        events.append(event["event"])
        # Half a second: the thread that listens for requests writes too, now and then, and lets go at once.
        with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as other:  # noqa: TID251 - a stranger
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
            except sqlite3.OperationalError:
                waits.append((event["event"], event.get("state")))

    request = Request(
        {"name": "one", "biases": {"count": 3}, "lamps": {"Quartz": {"exposure_time": 1}}},
        small,
        home=tmp_path / "home",
        frames=tmp_path / "frames",
        journal=f"sqlite:///{path}",
        speed="max",
        faults=load_faults(tmp_path / "faults.yaml"),
    )
    result = asyncio.run(perform(request, listeners=[write_beside], guarded=False))
    assert result.outcome == "faulted"
    assert {"state.failed", "state.retried", "safing.started", "run.finished"} <= set(events)
    assert waits == []
