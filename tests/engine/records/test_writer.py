"""The journal under a lit lamp: held by another process, moved away, replaced. And closed on every way out."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.api import look_back
from safelight.engine import Request, RunResult, perform
from safelight.engine.clock import Clock, VirtualClock
from safelight.engine.errors import JournalError
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock
from safelight.engine.records.run_list import run_entries
from safelight.engine.records.stop_requests import StopListener
from safelight.engine.records.writer_thread import Writer
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.engine.run.runner import Runner
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case

DEMO = ["bias-001", "Quartz-120s-001"]
Heard = list[Mapping[str, Any]]


def file_of(case: Case) -> Path:
    """Return the journal's file."""
    return case.home / "journal.sqlite"


def run_with(
    case: Case, do: Callable[[Mapping[str, Any], Runner], None], *, speed: float | str = "max", guarded: bool = False
) -> tuple[RunResult, Heard]:
    """Run the demo, with something done at each event."""
    runners: list[Runner] = []
    heard: Heard = []
    request = Request(case.sequence, case.observatory, home=case.home, frames=case.frames, speed=speed)

    def hear(said: Mapping[str, Any]) -> None:
        heard.append(said)
        if runners:
            do(said, runners[0])

    result = asyncio.run(perform(request, listeners=[hear], on_start=runners.append, guarded=guarded))
    return result, heard


def at(event: str, kind: str | None, act: Callable[[], None]) -> Callable[[Mapping[str, Any], Runner], None]:
    """Do something once, at the first such event."""
    done: list[bool] = []

    def do(said: Mapping[str, Any], runner: Runner) -> None:
        if not done and said["event"] == event and said.get("kind") == kind:
            done.append(True)
            act()

    return do


# ---- held by another process


class Holder:
    """Another user of the journal, who takes the writer's place and keeps it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        """From now on nobody else can write."""
        self._connection = sqlite3.connect(self._path, isolation_level=None)  # noqa: TID251 - a stranger
        self._connection.execute("BEGIN IMMEDIATE")

    def take_for(self, seconds: float) -> None:
        """Do the same for a number of seconds."""
        self.take()
        asyncio.get_running_loop().call_later(seconds, self.let_go)

    def let_go(self) -> None:
        """Others can write again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.execute("ROLLBACK")
            connection.close()


@pytest.fixture
def holder(case: Case) -> Iterator[Holder]:
    """Another user of the journal."""
    found = Holder(file_of(case))
    yield found
    found.let_go()


def test_a_backup_under_a_lit_lamp_costs_nothing(case: Case, holder: Holder) -> None:
    """A lock of seven seconds under a lit lamp delays the run and does nothing else: no guard acts, no frame is bad."""
    result, heard = run_with(
        case, at("state.ended", "lamp-warmup", lambda: holder.take_for(7)), speed=100, guarded=True
    )
    assert result.outcome == "done", result.reason
    assert [taken.frame for taken in result.frames] == DEMO
    assert result.bad == ()
    names = [said["event"] for said in heard]
    assert "journal.waiting" in names
    assert not {"guard.lost", "guard.silent", "state.failed", "journal.failed"} & set(names)
    # Guards write a log only when they act.
    assert list((case.home / "guards").glob("*.log")) == []
    assert_whole(case, result.run, DEMO)


def test_an_abort_does_not_wait_for_the_journal(case: Case, holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the journal an abort darkens at once, and the run ends without a record."""
    monkeypatch.setattr("safelight.engine.records.database._BUSY_S", 0.2)
    monkeypatch.setattr("safelight.engine.records.writer_thread._LEAVING_S", 0.5)
    wall, dark_s = Clock(), list[float]()

    def do(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.ended" and said["kind"] == "lamp-warmup":
            holder.take()
            asyncio.get_running_loop().call_later(0.5, lambda: runner.stop("abort", "the test says so"))
        if said["event"] == "stop.requested":
            dark_s.append(wall.now())
        if said["event"] == "safing.lamp" and said["seen"] == "off":
            dark_s.append(wall.now())

    result, heard = run_with(case, do)
    assert result.outcome == "aborted"
    assert case.burning() == []
    assert dark_s[-1] - dark_s[0] < 2.0
    assert [said["event"] for said in heard][-2:] == ["journal.failed", "run.finished"]
    assert {row["outcome"] for row in rows_of(case.journal, tables.runs)} == {None}
    holder.let_go()
    # It was not killed: it is shown as ended, with its lamps, and a resume enters what its folder says.
    story = look_back(home=case.home)
    assert story.status == "aborted, not recorded"
    assert set(story.lamps.values()) == {"off"}
    assert story.on_times
    assert all(each.until == story.segments[-1]["ended"] for each in story.on_times)
    assert "killed" not in {moment.kind for moment in story.moments}
    with closing(Journal(case.journal, create=False)) as journal:
        (entry,) = run_entries(journal)
    assert (entry.status, entry.resumable, set(entry.lamps.values())) == (story.status, True, {"off"})
    again = asyncio.run(resume(ResumeRequest(home=case.home, speed="max", journal=case.journal), guarded=False))
    assert again.outcome == "done"
    segments = look_back(home=case.home).segments
    assert [segment["outcome"] for segment in segments] == ["aborted", "done"]
    assert "the test says so" in segments[0]["reason"]
    assert_whole(case, again.run, DEMO)


def test_intents_are_durable_before_a_device_is_asked(case: Case, holder: Holder) -> None:
    """While the journal can't be written nothing new begins: no state is started, no lamp is commanded."""
    began: list[str] = []

    def do(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.ended" and said["kind"] == "lamp-warmup":
            holder.take()
            loop = asyncio.get_running_loop()
            loop.call_later(0.5, lambda: began.extend(names[before:]))
            loop.call_later(0.6, holder.let_go)
            before = len(names) + 1
        names.append(said["event"])

    names: list[str] = []
    result, _ = run_with(case, do)
    assert result.outcome == "done"
    assert "state.started" not in began


def test_batches_keep_their_order(tmp_path: Path) -> None:
    """What is handed over first is written first. A future that is cancelled cancels nothing."""
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"

    async def story() -> None:
        with closing(Journal(url)) as journal:
            writer = Writer(journal, VirtualClock())
            rows = [{"run": str(n), "time": "t", "word": "w", "who": "me"} for n in range(50)]
            answers = [writer.write([(sa.insert(tables.control), row)]) for row in rows]
            answers[7].cancel()
            await answers[-1]
            with pytest.raises(JournalError):
                await writer.write([(sa.insert(tables.control), {"run": "no word"})])
            await writer.write([(sa.insert(tables.control), rows[0])])
            await writer.close()

    asyncio.run(story())
    assert [row["run"] for row in rows_of(url, tables.control)] == [*map(str, range(50)), "0"]


# ---- deleted, moved, replaced


def delete(path: Path) -> None:
    """Delete the journal, with its write-ahead log."""
    for part in path.parent.glob("journal.sqlite*"):
        part.unlink()


def move(path: Path) -> None:
    """Move the journal elsewhere."""
    path.rename(path.with_name("moved.sqlite"))


def replace(path: Path) -> None:
    """Another file is in its place."""
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def delete_the_log(path: Path) -> None:
    """Delete all that has not been moved into the file itself."""
    path.with_name("journal.sqlite-wal").unlink()


@pytest.mark.parametrize("harm", [delete, move, replace, delete_the_log])
@pytest.mark.parametrize(
    "moment", [("state.ended", "lamp-warmup"), ("safing.started", None)], ids=["lit", "at the end"]
)
def test_the_journal_is_not_where_it_was(case: Case, harm: Callable[[Path], None], moment: tuple[str, str]) -> None:
    """A journal that is deleted, moved or replaced while a run uses it: all lamps off, faulted, and it is said."""
    result, heard = run_with(case, at(*moment, lambda: harm(file_of(case))))
    assert result.outcome == "faulted"
    assert str(file_of(case)) in str(result.reason)
    assert "moved or replaced" in str(result.reason)
    assert not result.internal
    assert case.burning() == []
    assert set(result.lamps.values()) == {"off"}
    assert heard[-1]["outcome"] == "faulted"


def test_noticed_within_an_exposure(case: Case) -> None:
    """It is not only noticed when something is to be written: a lamp does not stay on until an exposure ends."""
    wall, seen_s = Clock(), list[float]()

    def harm() -> None:
        seen_s.append(wall.now())
        delete(file_of(case))

    def do(said: Mapping[str, Any], runner: Runner) -> None:
        first(said, runner)
        if said["event"] == "stop.requested":
            seen_s.append(wall.now())

    first = at("state.started", "expose", harm)
    sequence = {"name": "long", "lamps": {"Quartz": {"exposure_time": 900}}}
    case = Case(case.home, case.frames, case.observatory, case.journal, sequence, case.speed)
    result, _ = run_with(case, do, speed=60)
    assert result.outcome == "faulted"
    assert case.burning() == []
    assert seen_s[1] - seen_s[0] < 5.0


# ---- closed on every way out


def open_files(path: Path) -> list[str]:
    """Return the journal's files that this process has open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith(str(path)):
            found.append(target)
    return found


@contextmanager
def held(path: Path) -> Iterator[Lock]:
    """Yield a lock of a run."""
    with closing(Journal(f"sqlite:///{path}")) as journal:
        lock = Lock.take(journal, "small", "my-run")
        yield lock
        lock.release()


@pytest.mark.parametrize("rounds", range(6))
def test_cancelled_listening_leaves_nothing_open(tmp_path: Path, rounds: int) -> None:
    """Whenever the listening for requests is cancelled, its connection is closed, be it just being opened."""
    path = tmp_path / "journal.sqlite"

    async def story(lock: Lock) -> None:
        task = asyncio.create_task(StopListener(lock.journal, lock.owner, lambda *_: None).listen())
        for _ in range(rounds):
            await asyncio.wait([task], timeout=0.002 * rounds)
        task.cancel()
        await asyncio.wait([task])

    async def closed() -> None:
        wall = Clock()
        while open_files(path) and wall.now() < 10:
            await wall.sleep(0.01)

    # SQLite keeps a file open for as long as another connection of the process has a lock on it.
    with held(path) as lock:
        asyncio.run(story(lock))
    asyncio.run(closed())
    assert open_files(path) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b"", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_no_journal_is_closed(tmp_path: Path, content: bytes) -> None:
    """A journal that can't be opened leaves no file open."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError):
        Journal(f"sqlite:///{path}", create=False)
    assert open_files(path) == []
