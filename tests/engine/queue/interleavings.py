"""Workers, a keeper and runs on two hosts in one thread, on a fake clock, with faults as the dice fall.

Everything that touches the journal is the real code, on a real SQLite file that is told to be a server's: workers,
locks, heartbeats, the keeper's takeover, and the entries of runs. A run takes no frames but in the journal. Another
worker may take its turn in between any two statements, and a link may break before or after any of them.
"""

import os
import random
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.devices import Observatory
from safelight.engine.clock import Clock
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.guard.keeper import Silence
from safelight.engine.queue.requests import QueuedRequest, add, requests
from safelight.engine.queue.worker import Worker, WorkerPlace
from safelight.engine.records import lock as lock_module
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, beat, owner_of
from safelight.engine.records.run_writer import SegmentRecord
from safelight.engine.records.stored_run import RunPage, run_page, write_run
from safelight.engine.records.takeover import end_for
from safelight.engine.records.tenure import TAKE_S

__all__ = ["FRAMES", "World"]

FRAMES = ("one", "two", "three")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_HOSTS = ("alpha", "beta")


@dataclass
class Process:
    """A run's process on a host: what it does next, and when."""

    pid: int
    host: str
    run: str
    story: Iterator[float]
    wakes_s: float
    lock: Lock | None = None
    code: int | None = None
    beats_s: float = 0.0
    journals: list[Journal] = field(default_factory=list)

    def poll(self) -> int | None:
        """Return its exit code, or None while it lives."""
        return self.code

    def die(self, code: int) -> None:
        """End now."""
        self.code = code
        for journal in self.journals:
            journal.close()
        if self.lock is not None:
            lock_module._HELD.discard(self.run)


@dataclass
class Host:
    """A host with a worker."""

    name: str
    worker: Worker | None = None
    frozen_s: float = 0.0
    cut_s: float = 0.0
    back_s: float = 0.0


class World:
    """Two hosts with workers, a keeper on a third one, and the dice."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, observatory: Observatory, seed: int) -> None:
        self.url, self._folder = f"sqlite:///{folder / 'journal.sqlite'}", folder
        self.observatory = observatory
        self.dice = random.Random(seed)  # noqa: S311 - the same for the same seed
        self.now_s = 0.0
        self.said: list[str] = []
        self.processes: list[Process] = []
        self.hosts = {name: Host(name) for name in _HOSTS}
        self._here = ("nobody", 1)
        self._depth = 0
        self._breaks = 0
        self._silence, self._keeper_blind_s = Silence(), 0.0
        self.journal = Journal(self.url)
        self._patch(patch)
        self._tell_the_time(self.journal)
        self._keeper = self._opened()
        for host in self.hosts.values():
            host.worker = self._a_worker(host.name)

    # ---- what is real elsewhere

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Journal, "shared", property(lambda _: True))
        patch.setattr(socket, "gethostname", lambda: self._here[0])
        patch.setattr(os, "getpid", lambda: self._here[1])
        for module in ("queue.worker", "records.lock", "fleet.signs_of_life"):
            patch.setattr(f"safelight.engine.{module}.boot_s", lambda: self.now_s)
        patch.setattr("safelight.engine.records.lock.process_started", self._started)
        patch.setattr("safelight.engine.queue.worker.Journal", lambda _: self._opened())
        patch.setattr(Worker, "_start", self._starting())
        for name in ("read", "write", "commit"):
            patch.setattr(Journal, name, self._between(getattr(Journal, name)))
        patch.setattr(Journal, "alone", self._between_alone(Journal.alone))

    def _opened(self) -> Journal:
        journal = Journal(self.url)
        self._tell_the_time(journal)
        return journal

    def _tell_the_time(self, journal: Journal) -> None:
        """Let the database's clock be the world's."""
        connection = journal._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.create_function("strftime", 2, lambda *_: self._iso())

    def _iso(self) -> str:
        return (_BEGIN + timedelta(seconds=self.now_s)).isoformat(timespec="milliseconds")

    def _started(self, pid: int) -> str:
        return next((f"s{pid}" for one in self.processes if one.pid == pid and one.code is None), "")

    def _between(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        def told(journal: Journal, *words: Any) -> Any:
            self._may_break(journal)
            found = whole(journal, *words)
            self._may_break(journal)
            return found

        return told

    def _between_alone(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def alone(journal: Journal) -> Iterator[None]:
            self._may_break(journal)
            with whole(journal):
                yield
            self._may_break(journal)

        return alone

    def _may_break(self, journal: Journal) -> None:
        """Break the link as it is due, or let another actor take its turn first."""
        host = self.hosts.get(self._here[0])
        if host is None or journal is self.journal:
            return
        if self._breaks:
            self._breaks -= 1
            if not self._breaks:
                host.cut_s = self.now_s + self.dice.uniform(1, 25)
        if host.cut_s > self.now_s:
            raise JournalError("the link is cut")
        if self._depth == 0 and not journal._connection.in_transaction() and self.dice.random() < 0.02:
            self._depth, here, breaks = 1, self._here, self._breaks
            self._breaks = 0
            self._turn(self.dice.choice([one for one in self.hosts.values() if one is not host]))
            self._depth, self._here, self._breaks = 0, here, breaks

    # ---- runs

    def _starting(self) -> Callable[[Worker, QueuedRequest, list[str]], None]:
        def start(worker: Worker, request: QueuedRequest, words: list[str]) -> None:
            self._start(worker, request, words)

        return start

    def _start(self, worker: Worker, request: QueuedRequest, words: list[str]) -> None:
        run = words[words.index("--run-as") + 1] if words[0] == "run" else words[-1]
        pid = 1000 + len(self.processes)
        process = Process(pid, self._here[0], run, iter(()), self.now_s + self.dice.choice([1, 2, 8, 20]))
        process.story = self._resumed(process) if words[0] == "resume" else self._begun(process)
        self.processes.append(process)
        worker._processes[request.id] = process  # type: ignore[assignment]

    def _begun(self, process: Process) -> Iterator[float]:
        journal = self._opened()
        process.journals.append(journal)
        self._take(process, journal)
        yield 0.1
        page = dict.fromkeys(RunPage.__slots__, "x") | {"run": process.run, "observatory": self.observatory.name}
        page |= {"options": {}, "choices": {}, "folder": self._folder, "frames_asked": len(FRAMES), "outcome": None}
        if not write_run(journal, RunPage(**page), requested=True):  # type: ignore[arg-type]
            raise RunRefused("no request names it")
        yield 0.5
        yield from self._worked(process, journal)

    def _resumed(self, process: Process) -> Iterator[float]:
        journal = self._opened()
        process.journals.append(journal)
        run_page(journal, process.run)
        self._take(process, journal)
        yield 1.0
        yield from self._worked(process, journal)

    def _take(self, process: Process, journal: Journal) -> None:
        process.lock = Lock.take(journal, self.observatory.name, process.run)
        process.lock.tenure.clock = lambda: self.now_s
        process.lock.tenure.sent_s = process.beats_s = self.now_s
        process.journals.append(self._opened())

    def _worked(self, process: Process, journal: Journal) -> Iterator[float]:
        record = SegmentRecord(journal, process.run, self._folder, Clock())
        record.begin("graph", "observatory")
        good = {
            row["frame"] for row in journal.read(sa.select(tables.frames).where(tables.frames.c.run == process.run))
        }
        outcome = "done"
        for number, frame in enumerate(FRAMES):
            yield self.dice.uniform(1, 6)
            assert process.lock is not None
            if process.lock.tenure.end or self.dice.random() < 0.05:
                outcome = "faulted"
                break
            if frame not in good:
                row = {"run": process.run, "number": number, "segment": record.segment, "frame": frame, "attempt": 1}
                row |= {"exposure_no": number, "verdict": "good", "kept": self._iso(), "files": "[]"}
                journal.enter([(sa.insert(tables.frames), row)])
        record.finish(outcome, None, {"Quartz": "off"})
        yield 0.2

    def _run(self, process: Process) -> None:
        """Let a process do what is due."""
        self._here = (process.host, process.pid)
        lock = process.lock
        if lock is not None and self.now_s - process.beats_s >= 1.0:
            process.beats_s = self.now_s
            with suppress(JournalError):
                beat(process.journals[1], lock.owner, lock.tenure)
        if self.now_s < process.wakes_s:
            return
        try:
            process.wakes_s = self.now_s + next(process.story)
        except StopIteration:
            self._exit(process, 0)
        except (RunRefused, JournalError):
            self._exit(process, 2)

    def _exit(self, process: Process, code: int) -> None:
        """Release what is held, and exit, at once or after a while."""
        if process.lock is not None:
            with suppress(JournalError):
                process.lock.release()
            process.lock = None
        if self.dice.random() < 0.1:
            process.story, process.wakes_s = iter(()), self.now_s + 10_000.0
        else:
            process.die(code)

    # ---- hosts

    def _a_worker(self, name: str) -> Worker:
        place = WorkerPlace("small", self._folder / name, self.url, self._folder)
        return Worker(self.observatory, place, lambda words: self.said.append(f"{self.now_s:.1f} {name}: {words}"))

    def _turn(self, host: Host) -> None:
        """Let a host's worker look."""
        if host.worker is None or host.frozen_s > self.now_s:
            return
        self._here = (host.name, 10 + _HOSTS.index(host.name))
        try:
            host.worker.look()
        except JournalError:
            host.worker._close()

    def _keep(self) -> None:
        """Let the keeper look, and take over."""
        self._here = ("gamma", 20)
        if self._keeper_blind_s > self.now_s:
            return
        owner = owner_of(self._keeper, self.observatory.name)
        if owner is not None and self._silence.of(owner, self.now_s) >= TAKE_S:
            end_for(self._keeper, owner, "fenced: silent", {"Quartz": "off"})

    def strike(self) -> None:
        """Let something go wrong."""
        host = self.hosts[self.dice.choice(_HOSTS)]
        what = self.dice.choice(["lost", "frozen", "cut", "cut within a look", "worker killed", "run killed", "blind"])
        self.said.append(f"{self.now_s:.1f} {host.name}: {what}")
        if what in ("lost", "run killed"):
            for process in self.processes:
                if process.host == host.name and process.code is None:
                    process.die(-9)
        if what in ("lost", "worker killed") and host.worker is not None:
            host.worker._close()
            host.worker, host.back_s = None, self.now_s + self.dice.uniform(1, 60)
        if what == "frozen":
            host.frozen_s = self.now_s + 20
        elif what == "cut":
            host.cut_s = self.now_s + 25
        elif what == "cut within a look":
            self._breaks = self.dice.randint(1, 30)
        elif what == "blind":
            self._keeper_blind_s = self.now_s + 30

    def tick(self) -> None:
        """Let a second pass, in which everybody does what is due in any order."""
        self.now_s += 1.0
        for host in self.hosts.values():
            if host.worker is None and host.back_s <= self.now_s:
                host.worker = self._a_worker(host.name)
        actors: list[Callable[[], None]] = [self._keep]
        actors += [lambda host=host: self._turn(host) for host in self.hosts.values()]  # type: ignore[misc]
        for process in self.processes:
            if process.code is None and self.hosts[process.host].frozen_s <= self.now_s:
                actors.append(lambda process=process: self._run(process) if process.code is None else None)  # type: ignore[misc]
        self.dice.shuffle(actors)
        for act in actors:
            act()
        self._here = ("nobody", 1)

    def ask(self, priority: int = 0) -> int:
        """Enter a request. Return its number."""
        text = "name: short\nbiases: {count: 1}\n"
        wanted = QueuedRequest("a test", self.observatory.name, "short", text, 10.0)
        return add(self.journal, replace(wanted, priority=priority))

    @property
    def working(self) -> list[str]:
        """The runs that have a living process."""
        return [one.run for one in self.processes if one.code is None]

    def found(self) -> SimpleNamespace:
        """Return the requests, and the rows of runs, segments and frames."""
        read = self.journal.read
        rows = {table.name: read(sa.select(table)) for table in (tables.runs, tables.segments, tables.frames)}
        return SimpleNamespace(requests=requests(self.journal), **rows)

    def close(self) -> None:
        """Close all journals."""
        for process in self.processes:
            if process.code is None:
                process.die(-9)
        for host in self.hosts.values():
            if host.worker is not None:
                host.worker._close()
        self._keeper.close()
        self.journal.close()
