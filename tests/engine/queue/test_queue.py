"""Requests in the journal: their order, their windows, and a worker that brings each to its end exactly once."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.devices import load_observatory
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine import Request, perform
from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.queue.requests import QueuedRequest, add, cancel, due, move, requests, settle
from safelight.engine.queue.worker import Worker, WorkerPlace
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, owner_of
from tests.crash.check import rows_of
from tests.matrix.wall import now, pause

TEXT = "name: short\nbiases: {count: 1}\nlamps: {Quartz: {warmup: 1, exposure_time: 3}}\n"
FRAMES = ["Quartz-3s-001", "bias-001"]
LOST = {"state": "running", "tries": 1, "run": "never-begun", "host": "another"}
"""A request whose worker was lost, or has begun its run right now."""
SHORT = QueuedRequest("a test", "small", "short", TEXT, 100.0, options={"point": False})


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """An open journal of either kind."""
    with closing(Journal(url)) as opened:
        yield opened


def in_s(seconds: float) -> Any:
    """A time from now."""
    return wall_utc() + timedelta(seconds=seconds)


def state_of(journal: Journal, number: int) -> str:
    """A request's state."""
    return next(one.state for one in requests(journal) if one.id == number)


def ended(journal: Journal, number: int, state: str) -> None:
    """Let a request end."""
    assert settle(journal, next(one for one in requests(journal) if one.id == number), state, None)


def order(journal: Journal) -> list[int]:
    """The order in which requests begin, each done before the next one."""
    found = []
    while (one := due(journal, "small")) is not None:
        found.append(one.id)
        ended(journal, one.id, "done")
    return found


# ---- order and windows


def test_the_order(journal: Journal) -> None:
    """Higher priorities begin first, then older requests; other observatories have a queue of their own."""
    for priority in (0, 5, 0, 5):
        add(journal, replace(SHORT, priority=priority))
    other = add(journal, replace(SHORT, observatory="large", priority=9))
    assert order(journal) == [2, 4, 1, 3]
    assert state_of(journal, other) == "waiting"


def test_a_request_is_moved(journal: Journal) -> None:
    """A waiting request is moved right before another one, again and again, or gets another priority."""
    for priority in (0, 0, 0, 5):
        add(journal, replace(SHORT, priority=priority))
    move(journal, 3, before=2)
    move(journal, 4, before=3)
    move(journal, 1, before=4)
    move(journal, 2, before=3)
    other = add(journal, replace(SHORT, observatory="large"))
    last, first = add(journal, SHORT), add(journal, SHORT)
    move(journal, first, priority=1)
    for number, before, words in (
        (1, 1, "expected another request of small"),
        (1, other, "of large"),
        (1, 77, "there is no request 77"),
        (77, 1, "there is no request 77"),
    ):
        with pytest.raises(RunRefused, match=words):
            move(journal, number, before=before)
    assert order(journal) == [first, 1, 4, 2, 3, last]
    with pytest.raises(RunRefused, match="got request 1, which is done"):
        move(journal, 1, priority=2)


def test_one_after_another(journal: Journal) -> None:
    """A request that comes after another one waits until that is done, and for ever if it ended otherwise."""
    first, second = add(journal, SHORT), add(journal, replace(SHORT, priority=9, after=1))
    assert order(journal) == [first, second]
    third = add(journal, SHORT)
    add(journal, replace(SHORT, after=third))
    ended(journal, third, "aborted")
    assert due(journal, "small") is None
    with pytest.raises(RunRefused, match="there is no request 77"):
        add(journal, replace(SHORT, after=77))


def test_windows(journal: Journal) -> None:
    """A request begins in its window only, and one that can't end in it by its plan is missed and holds up nobody."""
    early = add(journal, replace(SHORT, not_before=in_s(60)))
    late = add(journal, replace(SHORT, priority=9, not_after=in_s(SHORT.expected_s - 5)))
    now_ = add(journal, replace(SHORT, not_before=in_s(-5), not_after=in_s(SHORT.expected_s + 30)))
    assert order(journal) == [now_]
    assert (state_of(journal, early), state_of(journal, late)) == ("waiting", "missed")
    with pytest.raises(RunRefused, match="expected at least 100 s"):
        add(journal, replace(SHORT, not_before=in_s(0), not_after=in_s(50)))


@pytest.mark.parametrize(("state", "free"), [("unsafe", False), ("faulted", True), ("aborted", True)])
def test_unsafe_stops_the_queue(journal: Journal, state: str, free: bool) -> None:  # noqa: FBT001
    """After an unsafe end nothing begins until a person cancels that request."""
    first, second = add(journal, SHORT), add(journal, SHORT)
    ended(journal, first, state)
    assert (due(journal, "small") is not None) == free
    if not free:
        assert cancel(journal, first, "somebody") == "unsafe"
        found = due(journal, "small")
        assert found is not None
        assert found.id == second


def test_what_has_ended_is_not_cancelled(journal: Journal) -> None:
    """A waiting request can be cancelled once, with who did it; one that is done, or that there is not, is refused."""
    first, second = add(journal, SHORT), add(journal, SHORT)
    assert cancel(journal, first, "somebody") == "waiting"
    assert requests(journal)[0].reason == "cancelled by somebody"
    ended(journal, second, "done")
    for number in (first, second, 77):
        with pytest.raises(RunRefused):
            cancel(journal, number, "somebody")


# ---- the worker


@dataclass
class Desk:
    """A worker, and what it works with."""

    worker: Worker
    journal: Journal
    said: list[str]

    def until(self, number: int, *states: str, seconds: float = 120.0) -> QueuedRequest:
        """Let it work until a request has one of these states."""
        began = now()
        while True:
            self.worker.look()
            found = next(one for one in requests(self.journal) if one.id == number)
            if found.state in states:
                return found
            assert now() - began < seconds, self.said
            pause(0.2)

    def until_begun(self) -> int:
        """Let it work until a run exposes under a lit lamp; the process of the run."""
        began = now()
        while not rows_of(self.journal.url, tables.states, kind="expose", frame=FRAMES[0]):
            self.worker.look()
            assert now() - began < 120, self.said
            pause(0.2)
        owner = owner_of(self.journal, "small")
        assert owner is not None
        return owner.pid


@pytest.fixture
def desk(journal: Journal, small: Path, tmp_path: Path) -> Iterator[Desk]:
    """A worker of the small observatory."""
    said: list[str] = []
    place = WorkerPlace(str(small), tmp_path / "home", journal.url, tmp_path / "frames", "20")
    worker = Worker(load_observatory(small), place, said.append, waits_s=(0.0, 0.5, 0.5))
    made = Desk(worker, journal, said)
    yield made
    made.worker._close()
    for process in (*worker._processes.values(), *worker._exiting):
        process.wait(60)


def taken(journal: Journal) -> list[str]:
    """The good frames."""
    return sorted(row["frame"] for row in rows_of(journal.url, tables.frames, verdict="good"))


def test_a_request_is_done(desk: Desk) -> None:
    """A request becomes one run with its pinned document and options, under the name of who asked."""
    number = add(desk.journal, SHORT)
    found = desk.until(number, "done")
    (run,) = rows_of(desk.journal.url, tables.runs)
    assert (run["run"], run["outcome"], run["sequence"]) == (found.run, "done", "short")
    assert '"point": false' in run["options"]
    assert rows_of(desk.journal.url, tables.control)[0]["who"] == f"a test, request {number}"
    assert taken(desk.journal) == FRAMES


def test_what_is_done_is_not_taken_again(desk: Desk) -> None:
    """A request is skipped if a run of the same sequence was done since its time, and its followers begin."""
    journal, early = desk.journal, in_s(-60)
    first = desk.until(add(journal, replace(SHORT, sequence_hash="0" * 64, unless_done_since=early)), "done")
    mine = replace(SHORT, sequence_hash=rows_of(journal.url, tables.runs)[0]["sequence_hash"])
    late = add(journal, replace(mine, unless_done_since=in_s(86_400)))  # accelerated runs end later than now
    other = add(journal, replace(SHORT, sequence_hash="0" * 64, unless_done_since=early))
    skipped = add(journal, replace(mine, unless_done_since=early))
    follower = add(journal, replace(mine, after=skipped))
    assert order(journal) == [late, other, follower]
    found = next(one for one in requests(journal) if one.id == skipped)
    assert (found.state, found.reason) == ("skipped", f"run {first.run} has taken the same")


def a_condition(desk: Desk, folder: Path, *, abort: bool) -> Path:
    """A condition of the observatory, `quiet`, which is met while a file is there."""
    path = folder / "it-is-quiet"
    path.touch()
    model = ConditionModel(command=("test", "-e", str(path)), abort=abort, timeout_s=60.0)
    desk.worker._conditions.models = {"quiet": model}
    desk.worker._conditions.clock_s = itertools.count(0.0, 100.0).__next__
    return path


@pytest.mark.parametrize(("abort", "outcome"), [(False, "paused"), (True, "aborted")])
def test_a_condition_that_is_lost(desk: Desk, tmp_path: Path, abort: bool, outcome: str) -> None:  # noqa: FBT001
    """A run that loses a condition is paused, or aborted where the condition says so, once and with the reason."""
    path = a_condition(desk, tmp_path, abort=abort)
    text = "name: short\nlamps: {Quartz: {warmup: 1, exposure_time: [3, 400, 300]}}\n"
    number = add(desk.journal, replace(SHORT, sequence_text=text, requires=("quiet",)))
    desk.until_begun()
    path.unlink()
    found = desk.until(number, "done", outcome)
    assert found.state == outcome
    assert "because of quiet: exit code 1" in str(found.reason)
    words = [row["word"] for row in rows_of(desk.journal.url, tables.control)]
    assert words == ["start", "abort" if abort else "pause"]
    lamps = rows_of(desk.journal.url, tables.segments)[-1]["lamps"]
    assert set(json.loads(lamps).values()) == {"off"}


def test_the_rest_waits_for_a_condition(desk: Desk, tmp_path: Path) -> None:
    """A run that was killed is not resumed before its conditions are met again."""
    path = a_condition(desk, tmp_path, abort=False)
    number = add(desk.journal, replace(SHORT, requires=("quiet",)))
    pid = desk.until_begun()
    desk.worker._processes[number].send_signal(signal.SIGKILL)
    desk.worker._processes[number].wait(60)
    assert pid
    path.unlink()
    began = now()
    while not any("the rest waits for quiet: exit code 1" in words for words in desk.said):
        desk.worker.look()
        assert now() - began < 120, desk.said
        pause(0.2)
    assert state_of(desk.journal, number) == "running"
    path.touch()
    assert desk.until(number, "done").tries == 2


def test_a_killed_run_is_resumed(desk: Desk) -> None:
    """A run whose process dies is resumed, and each frame is there once."""
    number = add(desk.journal, SHORT)
    os.kill(desk.until_begun(), signal.SIGKILL)
    found = desk.until(number, "done")
    assert found.tries == 2
    assert taken(desk.journal) == FRAMES
    assert [row["outcome"] for row in rows_of(desk.journal.url, tables.segments)][-1] == "done"


def test_another_worker_goes_on(desk: Desk) -> None:
    """A worker that ends does not end the run, and the next one attends to it without another try."""
    number = add(desk.journal, SHORT)
    desk.until_begun()
    processes = desk.worker._processes
    desk.worker._close()
    desk.worker = replace(desk.worker, _journal=None, _processes={})
    found = desk.until(number, "done")
    assert found.tries == 1
    assert len(rows_of(desk.journal.url, tables.segments)) == 1
    for process in processes.values():
        assert process.wait(60) == 0


def test_two_workers_begin_one_run(desk: Desk) -> None:
    """Of two workers that have read the same waiting request, only one begins it."""
    number = add(desk.journal, SHORT)
    request = due(desk.journal, "small")
    assert request is not None
    other = replace(desk.worker, _journal=None, _processes={})
    with closing(Journal(desk.journal.url)) as theirs:
        desk.worker._begin(desk.journal, request)
        other._begin(theirs, request)
    assert (len(desk.worker._processes), len(other._processes)) == (1, 0)
    desk.until(number, "done")
    assert len(rows_of(desk.journal.url, tables.runs)) == 1


def test_a_run_of_another_host(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A try of another host is given time to start, and none once its run has ended in the journal."""
    number = add(desk.journal, SHORT)
    os.kill(desk.until_begun(), signal.SIGKILL)
    desk.worker._processes.pop(number).wait(60)
    monkeypatch.setattr("safelight.engine.queue.worker._OTHERS_S", 1000.0)
    desk.journal.write(sa.update(tables.requests), {"host": "another"})
    desk.journal.commit()
    assert desk.until(number, "done").tries == 2
    lost = add(desk.journal, SHORT)
    desk.journal.write(sa.update(tables.requests).where(tables.requests.c.id == lost), LOST)
    desk.journal.commit()
    desk.worker.look()
    desk.worker.look()
    assert state_of(desk.journal, lost) == "running"
    assert desk.worker._processes == {}


def idle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the worker start nothing. Return where the requests will be that it begins or resumes."""
    begun: list[int] = []
    monkeypatch.setattr(Worker, "_start", lambda _worker, request, _words: begun.append(request.id))
    assert desk.worker._processes == {}
    return begun


def enter_run(journal: Journal, run: str, outcome: str | None) -> None:
    """Enter a run of the small observatory."""
    page = dict.fromkeys((column.name for column in tables.runs.columns), "x")
    journal.write(sa.insert(tables.runs), page | {"run": run, "frames_asked": 1, "outcome": outcome})
    journal.commit()


def test_two_requests_without_a_process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests that are running at one observatory, with nobody working on either, are both tried again."""
    begun = idle(desk, monkeypatch)
    monkeypatch.setattr("safelight.engine.queue.worker._OTHERS_S", 0.5)
    for _ in range(2):
        number = add(desk.journal, SHORT)
        values = LOST | {"run": f"lost-{number}"}
        desk.journal.write(sa.update(tables.requests).where(tables.requests.c.id == number), values)
        desk.journal.commit()
    began = now()
    while set(begun) != {1, 2}:
        desk.worker.look()
        assert now() - began < 20, begun
        pause(0.1)


def test_two_workers_begin_two_requests(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has chosen a request begins nothing if another worker has begun another one since."""
    begun = idle(desk, monkeypatch)
    add(desk.journal, SHORT)
    first = due(desk.journal, "small")
    urgent = add(desk.journal, replace(SHORT, priority=9))
    second = due(desk.journal, "small")
    assert first is not None
    assert second is not None
    other = replace(desk.worker, _journal=None, _processes={}, _begun={}, _idle={})
    other._begin(desk.journal, second)
    desk.worker._begin(desk.journal, first)
    assert begun == [urgent]
    assert state_of(desk.journal, first.id) == "waiting"


def test_the_last_try_may_still_be_starting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request does not end as faulted while another worker's last try may still be starting."""
    idle(desk, monkeypatch)
    number = add(desk.journal, SHORT)
    enter_run(desk.journal, "lost", "faulted")
    desk.journal.write(sa.update(tables.requests), LOST | {"run": "lost", "tries": 3})
    desk.journal.commit()
    desk.worker.look()
    desk.worker.look()
    assert state_of(desk.journal, number) == "running"
    monkeypatch.setattr("safelight.engine.queue.worker._OTHERS_S", 0.0)
    assert desk.until(number, "faulted", seconds=10).tries == 3


@pytest.mark.parametrize("by_hand", [False, True], ids=["its process hangs", "a run by hand has begun"])
def test_a_request_ends_with_its_run(desk: Desk, monkeypatch: pytest.MonkeyPatch, by_hand: bool) -> None:  # noqa: FBT001
    """The request of a run that is done ends, also if its process hangs at its exit, or another run has begun."""
    idle(desk, monkeypatch)
    number = add(desk.journal, SHORT)
    desk.worker.look()
    (request,) = requests(desk.journal)
    enter_run(desk.journal, str(request.run), "done")
    with closing(Journal(desk.journal.url)) as theirs, subprocess.Popen(["sleep", "60"]) as hanging:  # noqa: S607
        if by_hand:
            Lock.take(theirs, "small", "by-hand")
        else:
            desk.worker._processes[number] = hanging
        desk.worker.look()
        hanging.kill()
    assert state_of(desk.journal, number) == "done"


def test_a_dead_owner_holds_up_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by hand that was killed leaves its lock behind. The queue goes on."""
    begun = idle(desk, monkeypatch)
    with closing(Journal(desk.journal.url)) as theirs:
        lock = Lock.take(theirs, "small", "by-hand")
        number = add(desk.journal, SHORT)
        desk.worker.look()
        assert begun == []
        theirs.write(sa.update(tables.locks).values({"process_started": "before", "pid": 2**22 + 1}))
        theirs.commit()
        desk.worker.look()
        assert begun == [number]
        lock.release()


def test_a_try_that_can_not_be_started(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started the worker says so, goes on, and the request ends as faulted after its tries."""

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Worker, "_start", fail)
    number = add(desk.journal, SHORT)
    found = desk.until(number, "faulted", seconds=20)
    assert found.tries == 3
    assert sum("No space left" in words for words in desk.said) == 3


def test_a_worker_survives_a_look(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that fails in whatever way is reported, and the next one is done."""
    looks: list[int] = []

    def look(worker: Worker) -> None:
        looks.append(1)
        if len(looks) > 1:
            worker.over.set()
        raise ZeroDivisionError("no reason")

    monkeypatch.setattr(Worker, "look", look)
    monkeypatch.setattr("safelight.engine.queue.worker._LOOK_S", 0.01)
    asyncio.run(desk.worker.work())
    assert len(looks) == 2
    assert "internal error" in desk.said[0]


def test_a_running_request_is_cancelled(desk: Desk) -> None:
    """Cancelling aborts the run, and no worker resumes it."""
    number = add(desk.journal, SHORT)
    desk.until_begun()
    assert cancel(desk.journal, number, "somebody") == "running"
    desk.worker._processes[number].wait(60)
    desk.worker.look()
    assert state_of(desk.journal, number) == "cancelled"
    assert [row["outcome"] for row in rows_of(desk.journal.url, tables.segments)] == ["aborted"]


def test_a_run_that_never_begins(desk: Desk) -> None:
    """A request whose run is refused again and again ends as faulted, with the reason that was printed."""
    number = add(desk.journal, replace(SHORT, sequence_text="lamps: {Nonsense: {exposure_time: 3}}\n"))
    found = desk.until(number, "faulted")
    assert found.tries == 3
    assert "Nonsense" in str(found.reason)
    assert rows_of(desk.journal.url, tables.runs) == []


def test_a_run_that_no_request_names(journal: Journal, small: Path, tmp_path: Path) -> None:
    """A process that comes late, after its request was given another run or cancelled, takes nothing."""
    add(journal, SHORT)
    journal.write(sa.update(tables.requests), {"state": "cancelled", "run": "late"})
    journal.commit()
    request = Request(
        "demo",
        small,
        home=tmp_path / "home",
        frames=tmp_path / "frames",
        speed="max",
        journal=journal.url,
        run_as="late",
    )
    with pytest.raises(RunRefused, match="no running request names run late"):
        asyncio.run(perform(request, guarded=False))
    assert rows_of(journal.url, tables.runs) == []
    assert owner_of(journal, "small") is None
