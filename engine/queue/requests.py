"""Requests for runs in the journal: asked, listed, cancelled, and chosen by a worker.

A request is `waiting`, then `running`, and ends in an outcome of its run, as `cancelled`, as `missed`, or as `skipped`.
Times are compared on the clock of the database.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.server_time import server_now
from safelight.engine.records.stop_requests import request_stop

if TYPE_CHECKING:
    from safelight.engine.planning.plan import Plan

__all__ = [
    "QueuedRequest",
    "add",
    "cancel",
    "due",
    "enter",
    "is_busy",
    "move",
    "open_requests",
    "request_of",
    "requests",
    "run_options",
    "settle",
]

_FIELDS = (
    *("asked_by", "observatory", "sequence", "sequence_text", "sequence_hash", "expected_s"),
    *("priority", "after", "schedule"),
)
_TIMES = ("not_before", "not_after", "unless_done_since", "due")
_ENOUGH = ("done", "skipped")
"""States of a request after which those that wait for it may begin."""


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """Request for a run, pinned when it was made.

    Attributes:
        observatory: its name.
        sequence: the sequence's name.
        sequence_text: the document, verbatim.
        expected_s: planned duration, s.
        priority: a higher one begins first.
        after: request that has to be done before; None: none.
        not_before: earliest beginning, UTC; None: now.
        not_after: latest end by the plan, UTC; None: any.
        options: overlap, point and park_after, where they were given.
        sequence_hash: sha256 of what the document says; None: not known.
        unless_done_since: it is skipped if a run of the same sequence was done since then, UTC; None: never.
        requires: conditions of the observatory that must be met before it begins.
        schedule: name of the schedule that it comes from; None: a person requested it.
        due: time of the schedule, UTC.
        place: place among those of the same priority; None: that of its number.
        state: waiting, running, done, aborted, paused, faulted, unsafe, cancelled, missed or skipped.
        run: the run's id, once it has been given one.
        host: host of the worker that began it last.
        tries: how often a worker began or resumed it.
    """

    asked_by: str
    observatory: str
    sequence: str
    sequence_text: str
    expected_s: float
    priority: int = 0
    after: int | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    options: Mapping[str, bool] = field(default_factory=dict)
    sequence_hash: str | None = None
    unless_done_since: datetime | None = None
    requires: tuple[str, ...] = ()
    schedule: str | None = None
    due: datetime | None = None
    place: float | None = None
    id: int = 0
    state: str = "waiting"
    run: str | None = None
    host: str | None = None
    tries: int = 0
    reason: str | None = None

    @classmethod
    def pinned(cls, plan: "Plan", asked_by: str, options: Mapping[str, bool]) -> "QueuedRequest":
        """Return a request for what was planned: the document as it is now, and its planned duration."""
        document = plan.document
        return cls(
            asked_by=asked_by,
            observatory=plan.observatory.name,
            sequence=document.name,
            sequence_text=document.text,
            sequence_hash=document.hash,
            expected_s=plan.total_s,
            options=options,
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "QueuedRequest":
        """Return a request from its row."""
        fields = {name: row[name] for name in cls.__slots__}
        times = {name: row[name] and datetime.fromisoformat(row[name]) for name in _TIMES}
        requires = tuple(json.loads(row["requires"] or "[]"))
        return cls(**fields | times | {"options": json.loads(row["options"]), "requires": requires})


def run_options(*, no_overlap: bool, park: bool, no_point: bool) -> dict[str, bool]:
    """Return the options of a run that were given."""
    wanted = {"overlap": (no_overlap, False), "park_after": (park, True), "point": (no_point, False)}
    return {name: value for name, (given, value) in wanted.items() if given}


def add(journal: Journal, request: QueuedRequest) -> int:
    """Enter a request. Return its number.

    Raises:
        RunRefused: it has to wait for one that does not exist, or its window is too short for its plan.
    """
    window = (request.not_before, request.not_after)
    if window[0] and window[1] and window[1] - window[0] < timedelta(seconds=request.expected_s):
        raise RunRefused(
            f"--until: expected at least {request.expected_s:.0f} s after --at, the planned duration of "
            f"{request.sequence}, got {(window[1] - window[0]).total_seconds():.0f} s"
        )
    if request.after is not None and not _found(journal, request.after):
        raise RunRefused(f"--after: there is no request {request.after}; `safelight queue list` lists them")
    with journal.alone():
        enter(journal, request)
        (row,) = journal.read(sa.select(sa.func.max(tables.requests.c.id).label("id")))
    return int(row["id"])


def enter(journal: Journal, request: QueuedRequest) -> None:
    """Write a request, without a commit."""
    values = {name: getattr(request, name) for name in _FIELDS}
    values |= {name: time and _text(time) for name in _TIMES for time in [getattr(request, name)]}
    values |= {"options": json.dumps(dict(request.options)), "requires": json.dumps(request.requires)}
    values |= {"state": "waiting", "tries": 0, "asked": server_now(journal)}
    journal.write(sa.insert(tables.requests), values)


def request_of(journal: Journal, number: int) -> QueuedRequest:
    """Return a request by its number.

    Raises:
        RunRefused: there is none.
    """
    found = _found(journal, number)
    if not found:
        raise RunRefused(f"there is no request {number}; `safelight queue list` lists them")
    return QueuedRequest.of(found[0])


def _found(journal: Journal, number: int) -> list[Mapping[str, Any]]:
    return journal.read(sa.select(tables.requests).where(tables.requests.c.id == number))


def requests(journal: Journal) -> list[QueuedRequest]:
    """Return all requests, in the order in which they were made."""
    return [QueuedRequest.of(row) for row in journal.read(sa.select(tables.requests).order_by(tables.requests.c.id))]


def open_requests(journal: Journal, observatory: str) -> list[QueuedRequest]:
    """Return the waiting and running requests of an observatory, those that begin first at the beginning."""
    columns = tables.requests.c
    mine = (columns.observatory == observatory) & columns.state.in_(["waiting", "running"])
    query = sa.select(tables.requests).where(mine).order_by(columns.priority.desc(), _PLACE, columns.id)
    return [QueuedRequest.of(row) for row in journal.read(query)]


_PLACE = sa.func.coalesce(tables.requests.c.place, sa.cast(tables.requests.c.id, sa.Float))


def move(journal: Journal, number: int, *, before: int | None = None, priority: int | None = None) -> None:
    """Let a waiting request begin earlier or later.

    Args:
        journal: of the queue.
        number: the request.
        before: waiting request of the same observatory that begins next after it. It takes that one's priority.
        priority: its new priority.

    Raises:
        RunRefused: there is none, one of both does not wait, or they are of different observatories.
    """
    columns = tables.requests.c
    with journal.alone():
        moved = _waiting(journal, number)
        values: dict[str, Any] = {"priority": moved.priority if priority is None else priority}
        if before is not None:
            other = _waiting(journal, before)
            if other.observatory != moved.observatory or other.id == moved.id:
                raise RunRefused(
                    f"--before: expected another request of {moved.observatory}, got request {before} "
                    f"of {other.observatory}"
                )
            queue = [one for one in open_requests(journal, moved.observatory) if one.id != moved.id]
            at = next(place for place, one in enumerate(queue) if one.id == other.id)
            ahead = [_place(one) for one in queue[:at] if one.priority == other.priority]
            values = {"priority": other.priority, "place": (max(ahead, default=_place(other) - 2) + _place(other)) / 2}
        same = (columns.id == number) & (columns.state == "waiting")
        if not journal.write(sa.update(tables.requests).where(same), values):
            raise RunRefused(f"request {number} has begun meanwhile")


def _waiting(journal: Journal, number: int) -> QueuedRequest:
    found = request_of(journal, number)
    if found.state != "waiting":
        raise RunRefused(f"expected a request that is waiting, got request {number}, which is {found.state}")
    return found


def _place(request: QueuedRequest) -> float:
    return request.id if request.place is None else request.place


def cancel(journal: Journal, number: int, who: str) -> str:
    """Cancel a request. One that is running is aborted. Return its state before.

    Raises:
        RunRefused: there is none, or it has ended already.
    """
    found = request_of(journal, number)
    if not settle(journal, found, "cancelled", f"cancelled by {who}"):
        raise RunRefused(f"request {number} has changed meanwhile, or has ended as {found.state}")
    if found.state == "running" and found.run is not None:
        # Between two tries nothing is running, and no worker begins it again.
        with suppress(RunRefused):
            request_stop(journal, found.run, "abort", who)
    return found.state


def settle(journal: Journal, request: QueuedRequest, state: str, reason: str | None) -> bool:
    """Enter the end of a request, unless it has changed since it was read. An unsafe one can be cancelled."""
    columns = tables.requests.c
    if request.state not in ("waiting", "running", "unsafe"):
        return False
    same = (columns.id == request.id) & (columns.state == request.state) & (columns.tries == request.tries)
    changed = journal.write(sa.update(tables.requests).where(same), {"state": state, "reason": reason})
    journal.commit()
    return bool(changed)


def due(
    journal: Journal,
    observatory: str,
    unmet: Callable[[Sequence[str]], str] = lambda names: "",  # noqa: ARG005
) -> QueuedRequest | None:
    """Return the request that begins next, if one may begin now. Those whose window is over end as missed.

    Args:
        journal: of the queue.
        observatory: its name.
        unmet: returns why conditions are not met, or nothing. A request that waits for one holds up nobody.

    Nothing is due while a request is running, or has ended as unsafe and was not cancelled since.
    """
    columns = tables.requests.c
    if is_busy(journal, observatory):
        return None
    waiting = open_requests(journal, observatory)
    before = sa.select(columns.id, columns.state).where(columns.id.in_([one.after for one in waiting if one.after]))
    states = {row["id"]: row["state"] for row in journal.read(before)}
    now = datetime.fromisoformat(server_now(journal))
    for one in waiting:
        if one.not_after is not None and now + timedelta(seconds=one.expected_s) > one.not_after:
            settle(journal, one, "missed", "it could not end inside its window any more")
        elif (one.not_before is None or one.not_before <= now) and (one.after is None or states[one.after] in _ENOUGH):
            taken = _done_since(journal, one)
            why = "" if taken else unmet(one.requires)
            _say_unmet(journal, one, why)
            if not taken and not why:
                return one
            if why:
                continue
            settle(journal, one, "skipped", f"run {taken} has taken the same")
            states[one.id] = "skipped"
    return None


def is_busy(journal: Journal, observatory: str) -> bool:
    """Return whether a request is running, or has ended as unsafe and was not cancelled since."""
    columns = tables.requests.c
    busy = (columns.observatory == observatory) & columns.state.in_(["running", "unsafe"])
    return bool(journal.read(sa.select(columns.id).where(busy).limit(1)))


def _say_unmet(journal: Journal, request: QueuedRequest, why: str) -> None:
    """Enter for which condition a request waits."""
    reason = f"waits for {why}" if why else None
    if reason != request.reason:
        same = (tables.requests.c.id == request.id) & (tables.requests.c.state == "waiting")
        journal.write(sa.update(tables.requests).where(same), {"reason": reason})
        journal.commit()


def _done_since(journal: Journal, request: QueuedRequest) -> str:
    """Return the run that has taken what a request asks for since its time, or nothing."""
    if request.unless_done_since is None or request.sequence_hash is None:
        return ""
    runs, segments = tables.runs.c, tables.segments.c
    same = (runs.observatory == request.observatory) & (runs.sequence_hash == request.sequence_hash)
    ended = (segments.outcome == "done") & (segments.ended >= _text(request.unless_done_since))
    query = sa.select(runs.run).join(tables.segments, segments.run == runs.run).where(same & ended)
    rows = journal.read(query.order_by(segments.ended.desc()).limit(1))
    return str(rows[0]["run"]) if rows else ""


def _text(time: datetime) -> str:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
