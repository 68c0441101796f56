"""Schedules: they make a request at each due time, whichever worker is there.

A schedule is a row of the journal. Workers look at it once a second, and the one that moves `seen` to a due time in one
compare-and-swap enters its request in the same transaction. So there is one request for each due time, however many
workers there are. Times that no worker was there for are left out: only the last one counts, and only for as long
as its window allows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from safelight.engine.errors import RunRefused
from safelight.engine.queue.requests import QueuedRequest, enter
from safelight.engine.queue.rules import Rule, SitePlace
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.server_time import server_now

__all__ = ["RequestSchedule", "add_schedule", "pause_schedule", "remove_schedule", "schedules", "tick"]

_NEVER = datetime.min.replace(tzinfo=UTC)
_LATE_S = 900.0
"""Longest delay of a request whose schedule has no `until`, s: later, its time is left out."""
_LATE_IN_WINDOW_S = 86_400.0
"""Longest delay where the end of the window decides, s."""


@dataclass(frozen=True, slots=True)
class RequestSchedule:
    """Schedule of requests.

    Attributes:
        asked_by: the requester.
        request: what is requested at each due time.
        rule: five fields of cron, or a time relative to the sun.
        until: latest end by the plan; None: any.
        site: for the sun and the clock.
        unless_done_within_s: a request is skipped if a run is done so long before its due time, s; None: never.
        paused: whether it makes no requests.
        seen: times until this one are dealt with, UTC.
    """

    name: str
    request: QueuedRequest
    rule: str
    until: str | None
    site: SitePlace
    unless_done_within_s: float | None = None
    paused: bool = False
    seen: datetime = _NEVER

    @property
    def times(self) -> Rule:
        """Its due times."""
        # A time of the sun begins with a word. The first field of cron has no names.
        return Rule.of(self.rule, self.site, "--sun" if self.rule[:1].isalpha() else "--cron")

    def due(self, now: datetime) -> datetime | None:
        """Return the last due time that was not dealt with, unless it is too long ago."""
        late_s = _LATE_S if self.until is None else _LATE_IN_WINDOW_S
        return self.times.latest(max(self.seen, now - timedelta(seconds=late_s)), now)

    def request_at(self, due: datetime) -> QueuedRequest:
        """Return the request of a due time."""
        within_s, until = self.unless_done_within_s, self.until
        return QueuedRequest(
            **{name: getattr(self.request, name) for name in _OF_REQUEST},
            requires=self.request.requires,
            options=self.request.options,
            not_before=due,
            not_after=None if until is None else Rule.of(until, self.site, "--until").next(due),
            unless_done_since=None if within_s is None else due - timedelta(seconds=within_s),
            schedule=self.name,
            due=due,
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "RequestSchedule":
        """Return a schedule from its row."""
        request = QueuedRequest(
            **{name: row[name] for name in _OF_REQUEST},
            options=json.loads(row["options"]),
            requires=tuple(json.loads(row["requires"] or "[]")),
        )
        site = SitePlace(row["latitude_deg"], row["longitude_deg"], row["time_zone"])
        fields = {name: row[name] for name in ("name", "rule", "until", "unless_done_within_s")}
        seen = datetime.fromisoformat(row["seen"])
        return cls(**fields, request=request, site=site, paused=bool(row["paused"]), seen=seen)


_OF_REQUEST = ("asked_by", "observatory", "sequence", "sequence_text", "sequence_hash", "expected_s", "priority")


def add_schedule(journal: Journal, schedule: RequestSchedule) -> datetime:
    """Enter a schedule. Return its first due time.

    Raises:
        RunRefused: its name is taken, its rule has no time, or its window is too short for its plan.
    """
    now = _now(journal)
    first = schedule.times.next(now)
    if first is None:
        raise RunRefused(f"{schedule.rule!r} has no time in the next eight years")
    request, site = schedule.request_at(first), schedule.site
    if request.not_after is not None and (request.not_after - first).total_seconds() < request.expected_s:
        raise RunRefused(
            f"--until: expected at least {request.expected_s:.0f} s after the due time {first:%Y-%m-%d %H:%M} UTC, the "
            f"planned duration of {request.sequence}, got {(request.not_after - first).total_seconds():.0f} s"
        )
    values = {name: getattr(schedule.request, name) for name in _OF_REQUEST}
    values |= {name: getattr(schedule, name) for name in ("name", "rule", "until", "unless_done_within_s")}
    values |= {"latitude_deg": site.latitude_deg, "longitude_deg": site.longitude_deg, "time_zone": site.time_zone}
    values |= {"options": json.dumps(dict(request.options)), "requires": json.dumps(request.requires), "paused": 0}
    values |= {name: now.isoformat(timespec="milliseconds") for name in ("made", "seen")}
    with journal.alone():
        if _row(journal, schedule.name):
            raise RunRefused(f"there is a schedule {schedule.name} already; `safelight schedule remove` removes it")
        journal.write(sa.insert(tables.schedules), values)
    return first


def schedules(journal: Journal, observatory: str | None = None) -> list[RequestSchedule]:
    """Return all schedules by name, or those of an observatory."""
    columns = tables.schedules.c
    query = sa.select(tables.schedules).order_by(columns.name)
    if observatory is not None:
        query = query.where(columns.observatory == observatory)
    return [RequestSchedule.of(row) for row in journal.read(query)]


def pause_schedule(journal: Journal, name: str, *, paused: bool) -> None:
    """Let a schedule make no requests, or again those that become due from now on.

    Raises:
        RunRefused: there is none.
    """
    values = {"paused": int(paused), "seen": _now(journal).isoformat(timespec="milliseconds")}
    with journal.alone():
        _require(journal, name)
        journal.write(sa.update(tables.schedules).where(tables.schedules.c.name == name), values)


def remove_schedule(journal: Journal, name: str) -> None:
    """Remove a schedule. Requests that it has made stay.

    Raises:
        RunRefused: there is none.
    """
    with journal.alone():
        _require(journal, name)
        journal.write(sa.delete(tables.schedules).where(tables.schedules.c.name == name))


def tick(journal: Journal, observatory: str) -> list[QueuedRequest]:
    """Enter the requests that are due at an observatory, and return them. Nothing is entered twice."""
    found = [one for one in schedules(journal, observatory) if not one.paused]
    if not found:
        return []
    entered: list[QueuedRequest] = []
    now, columns = _now(journal), tables.schedules.c
    for schedule in found:
        due = schedule.due(now)
        if due is None:
            continue
        same = (columns.name == schedule.name) & (columns.seen == schedule.seen.isoformat(timespec="milliseconds"))
        moved = {"seen": due.isoformat(timespec="milliseconds")}
        with journal.alone():
            if journal.write(sa.update(tables.schedules).where(same & (columns.paused == 0)), moved):
                request = schedule.request_at(due)
                journal.write(sa.update(tables.requests).where(_waiting_of(schedule)), _REPLACED)
                enter(journal, request)
                entered.append(request)
    return entered


_REPLACED = {"state": "missed", "reason": "the next one of its schedule is due"}


def _waiting_of(schedule: RequestSchedule) -> sa.ColumnElement[bool]:
    return (tables.requests.c.schedule == schedule.name) & (tables.requests.c.state == "waiting")


def _row(journal: Journal, name: str) -> list[Mapping[str, Any]]:
    return journal.read(sa.select(tables.schedules).where(tables.schedules.c.name == name))


def _require(journal: Journal, name: str) -> None:
    if not _row(journal, name):
        raise RunRefused(f"there is no schedule {name}; `safelight schedule list` lists them")


def _now(journal: Journal) -> datetime:
    return datetime.fromisoformat(server_now(journal))
