"""Worker: sees to it that each request of its observatories reaches its end.

What it does follows from the journal alone: a request has a run, and the run an outcome or a living owner. So a worker
may be restarted, two may serve one observatory, and each may die at any moment. Runs are processes of their own, with
their guards, and outlive it. A request is begun or resumed by the worker that raises its number of tries, and a run
that was requested is only entered while its request still names it.
"""

import asyncio
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from safelight.devices import Observatory
from safelight.engine.clock import boot_s, real_wait, wall_utc
from safelight.engine.errors import JournalError, RunRefused, in_words
from safelight.engine.fleet.signs_of_life import LifeSigns
from safelight.engine.queue.conditions import Conditions
from safelight.engine.queue.requests import QueuedRequest, due, is_busy, open_requests, settle
from safelight.engine.queue.schedules import tick
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import owner_of
from safelight.engine.records.stop_requests import request_stop
from safelight.engine.requester import in_one_line

__all__ = ["Worker", "WorkerPlace"]

WAITS_S = (0.0, 10.0, 60.0, 300.0)
"""Waits before the first try of a request, and before its run is resumed after a fault, s."""
_OTHERS_S = 30.0
"""Shortest wait for a try that another worker has begun and that has no segment yet, s: its process may be starting."""
_STARTING_S = 120.0
"""Longest wait for the segment of an own process that is alive, s. Then it is not counted on any more."""
_LOOK_S = 1.0
"""Interval between two looks, s of wall time."""
_TAIL = 300
"""Number of characters of an error that is quoted."""
_OPTIONS = {"overlap": ("", "--no-overlap"), "park_after": ("--park", ""), "point": ("", "--no-point")}
"""Options of `safelight run`, where an option of a request is true, and where it is not."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Settings for the runs of a worker.

    Attributes:
        source: the observatory, a shipped name or its document.
        frames: folder of all runs.
        speed: of a simulated observatory.
    """

    source: str
    home: Path
    url: str
    frames: Path
    speed: str = "1"


@dataclass(slots=True)
class Worker:
    """Worker of one observatory.

    Attributes:
        tell: called with each event, in words.
        waits_s: waits before each try, s.
        _processes: request -> the process of the try that this worker began last.
        _exiting: processes of earlier tries that have not exited yet.
        _begun: request -> number of that try, and of the segments that its run had before.
        _idle: request -> number of its last try, and since when no process is known to work on it, s.
    """

    observatory: Observatory
    place: WorkerPlace
    tell: Callable[[str], None]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    waits_s: tuple[float, ...] = WAITS_S
    _journal: Journal | None = None
    _processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _exiting: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _begun: dict[int, tuple[int, int]] = field(default_factory=dict)
    _idle: dict[int, tuple[int, float]] = field(default_factory=dict)
    _said: str = ""
    _stopped: set[tuple[int, int, str]] = field(default_factory=set)
    _conditions: Conditions = field(init=False)
    _signs: LifeSigns = field(init=False)

    def __post_init__(self) -> None:
        self._conditions = Conditions(self.observatory.conditions)
        self._signs = LifeSigns("worker", self.observatory.name)

    async def work(self) -> None:
        """Work until `over` is set. Runs that are going on are left to themselves."""
        try:
            while not self.over.is_set():
                try:
                    await asyncio.to_thread(self.look)
                except JournalError as error:
                    self.tell(str(error))
                    self._close()
                except Exception as error:  # noqa: BLE001 - whatever it is, requests must not be left to nobody
                    self.tell(f"internal error, which will be tried again: {in_words(error)}")
                    self._close()
                await real_wait(self.over, _LOOK_S)
        finally:
            self._close()

    def look(self) -> None:
        """Do what is to be done now, and return at once."""
        if self._journal is None:
            self._journal = Journal(self.place.url)
        journal = self._journal
        self._signs.give(journal)
        running = [one for one in open_requests(journal, self.observatory.name) if one.state == "running"]
        self._reap({one.id for one in running})
        for one in running:
            self._attend(journal, one)
        self._tick(journal)
        owner = owner_of(journal, self.observatory.name)
        # A dead owner's observatory is taken over by the run that begins.
        if not running and (owner is None or not owner.alive):
            request = due(journal, self.observatory.name, self._conditions.unmet)
            if request is not None:
                self._begin(journal, request)

    def _reap(self, running: Collection[int]) -> None:
        """Forget processes that have exited."""
        self._exiting = [process for process in self._exiting if process.poll() is None]
        for number in [number for number in self._processes if number not in running]:
            if self._processes[number].poll() is not None:
                del self._processes[number]

    def _leave_process(self, request: QueuedRequest) -> None:
        """Expect nothing more of a process of an earlier try."""
        process = self._processes.pop(request.id, None)
        if process is not None:
            self._exiting.append(process)

    def _tick(self, journal: Journal) -> None:
        """Enter what schedules request now. One that can't be read is told once, and delays no request."""
        try:
            for request in tick(journal, self.observatory.name):
                self.tell(f"schedule {request.schedule}: requested {request.sequence}")
        except RunRefused as error:
            if str(error) != self._said:
                self._said = str(error)
                self.tell(self._said)

    def _attend(self, journal: Journal, request: QueuedRequest) -> None:
        """See to a running request: enter its end, or try again when no process works on it."""
        outcome = self._outcome(journal, request)
        owner = owner_of(journal, self.observatory.name)
        alive = owner is not None and owner.alive
        if alive and owner is not None and owner.run == request.run:
            self._idle.pop(request.id, None)
            self._watch(journal, request)
            return
        # A run releases its observatory last. Its process may take long to exit, and another run may have begun.
        if outcome in ("done", "aborted", "paused", "unsafe"):
            self._end(journal, request, outcome)
            return
        if alive:
            self._idle.pop(request.id, None)
            return
        tries, since_s = self._idle.get(request.id, (0, 0.0))
        if tries != request.tries:
            since_s = boot_s()
            self._idle[request.id] = (request.tries, since_s)
        last = request.tries >= len(self.waits_s)
        wait_s = max(0.0 if last else self.waits_s[request.tries], self._starting_s(journal, request))
        if boot_s() - since_s < wait_s:
            return
        if last:
            self._end(journal, request, "faulted")
        elif not self._still_unmet(request):
            self._begin(journal, request)

    def _starting_s(self, journal: Journal, request: QueuedRequest) -> float:
        """Return how long the last try's process may take until its segment begins, s; 0: it has begun, or ended."""
        segments = self._segments(journal, request)
        tries, before = self._begun.get(request.id, (0, 0))
        if tries != request.tries:
            return _OTHERS_S if segments < request.tries else 0.0
        process = self._processes.get(request.id)
        return _STARTING_S if process is not None and process.poll() is None and segments <= before else 0.0

    def _watch(self, journal: Journal, request: QueuedRequest) -> None:
        """Stop a run that has lost a condition: after its frame, or at once where the condition says so."""
        word, why = self._conditions.lost(request.requires)
        key = (request.id, request.tries, word)
        if not word or key in self._stopped:
            return
        self._stopped.add(key)
        who = in_one_line(f"the worker on {socket.gethostname()}, because of {why}")
        with suppress(RunRefused):  # it has ended meanwhile
            request_stop(journal, request.run, word, who)
        self.tell(f"request {request.id} ({request.sequence}): {word} requested, {why}")

    def _still_unmet(self, request: QueuedRequest) -> bool:
        """Return whether the rest of a run waits for a condition, which is told once."""
        why = self._conditions.unmet(request.requires)
        key = (request.id, request.tries, "wait")
        if why and key not in self._stopped:
            self._stopped.add(key)
            self.tell(f"request {request.id} ({request.sequence}): the rest waits for {why}")
        return bool(why)

    def _outcome(self, journal: Journal, request: QueuedRequest) -> str | None:
        """Return the outcome of a request's run: None while it has none, empty if there is no run yet."""
        rows = journal.read(sa.select(tables.runs.c.outcome).where(tables.runs.c.run == request.run))
        return rows[0]["outcome"] if rows else ""

    def _segments(self, journal: Journal, request: QueuedRequest) -> int:
        """Return how many processes have begun to work on a request's run."""
        segments = tables.segments.c
        (row,) = journal.read(sa.select(sa.func.count().label("number")).where(segments.run == request.run))
        return int(row["number"])

    def _end(self, journal: Journal, request: QueuedRequest, state: str) -> None:
        reason = None if state == "done" else self._why(journal, request)
        if settle(journal, request, state, reason):
            self._leave_process(request)
            self._begun.pop(request.id, None)
            self._idle.pop(request.id, None)
            self.tell(f"request {request.id} ({request.sequence}): {state}" + (f", {reason}" if reason else ""))

    def _why(self, journal: Journal, request: QueuedRequest) -> str:
        segments = tables.segments.c
        query = sa.select(segments.reason).where(segments.run == request.run).order_by(segments.segment.desc())
        rows = journal.read(query.limit(1))
        if rows:
            return str(rows[0]["reason"] or "it was killed")
        try:
            return self._log(request).read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()
        except OSError:
            return "its run never began"

    # ---- tries

    def _begin(self, journal: Journal, request: QueuedRequest) -> None:
        """Begin the run of a request, or resume it, unless another worker has."""
        resumes = bool(request.run) and self._outcome(journal, request) != ""
        run = request.run if resumes and request.run else f"{wall_utc():%Y%m%dT%H%M%S}-request{request.id}-{_hex()}"
        columns = tables.requests.c
        same = (columns.id == request.id) & (columns.state == request.state) & (columns.tries == request.tries)
        values = {"state": "running", "tries": request.tries + 1, "run": run, "host": socket.gethostname()}
        with journal.alone():
            # Two workers that have read the queue at different moments may each want to begin another request.
            if request.state == "waiting" and is_busy(journal, request.observatory):
                return
            before = self._segments(journal, request)
            if not journal.write(sa.update(tables.requests).where(same), values):
                return
        self._leave_process(request)
        self._begun[request.id] = (request.tries + 1, before)
        site = ["--observatory", self.place.source]
        words = ["resume", *site] if resumes else ["run", *site, *self._options(request), "--run-as", run]
        try:
            subject = run if resumes else str(self._document(request))
            self._start(request, [*words, "--asked-by", f"{request.asked_by}, request {request.id}", "--", subject])
        except OSError as error:
            self.tell(f"request {request.id} ({request.sequence}): run {run} can't be started: {error}")
            return
        self.tell(f"request {request.id} ({request.sequence}): {'resuming' if resumes else 'beginning'} run {run}")

    def _options(self, request: QueuedRequest) -> list[str]:
        given = [_OPTIONS[name][0 if value else 1] for name, value in request.options.items()]
        return [*filter(None, given), "--frames", str(self.place.frames.absolute())]

    def _folder(self, request: QueuedRequest) -> Path:
        return self.place.home.absolute() / "requests" / str(request.id)

    def _log(self, request: QueuedRequest) -> Path:
        return self._folder(request) / "output.log"

    def _document(self, request: QueuedRequest) -> Path:
        """Write the pinned document under the sequence's name."""
        path = self._folder(request) / f"{request.sequence}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(request.sequence_text, encoding="utf-8")
        return path

    def _start(self, request: QueuedRequest, words: list[str]) -> None:
        place = self.place
        told = ["--state-dir", str(place.home.absolute()), "--journal", place.url, "--speed", place.speed]
        self._folder(request).mkdir(parents=True, exist_ok=True)
        with self._log(request).open("ab") as log:
            self._processes[request.id] = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "safelight", words[0], *told, *words[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: no signal and no end of the worker reaches it.
                start_new_session=True,
            )

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()


def _hex() -> str:
    return secrets.token_hex(2)
