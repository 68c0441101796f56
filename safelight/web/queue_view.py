"""Queue and schedules for the page: what waits, is running, has ended last, and will be requested when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.queue.schedules import RequestSchedule, schedules
from safelight.engine.records import tables
from safelight.engine.records.database import Journal

__all__ = ["NO_SCHEDULES", "ScheduleList", "queue_view", "schedule_list"]

_OPEN = ("waiting", "running", "unsafe")
"""States of requests that are always shown, and can be cancelled."""
_ENDED = 5
"""Number of shown requests that have ended."""
_MOST = 50
"""Largest number of shown requests of each kind."""


def queue_view(journal: Journal) -> tuple[Mapping[str, Any], ...]:
    """Return the open requests in their order, running ones first, then those that have ended, the newest first."""
    columns = tables.requests.c
    shown = ("id", "state", "sequence", "observatory", "priority", "after", "not_before", "not_after", "run", "reason")
    query = sa.select(*(columns[name] for name in shown), columns.schedule)
    place = sa.func.coalesce(columns.place, sa.cast(columns.id, sa.Float))
    ahead = sa.case({"running": 0, "unsafe": 1}, value=columns.state, else_=2)
    is_open = columns.state.in_(_OPEN)
    first = query.where(is_open).order_by(ahead, columns.priority.desc(), place, columns.id).limit(_MOST)
    ended = query.where(~is_open).order_by(columns.id.desc()).limit(_ENDED)
    return (
        *({**row, "open": True} for row in journal.read(first)),
        *({**row, "open": False} for row in journal.read(ended)),
    )


@dataclass(frozen=True, slots=True)
class ScheduleList:
    """Schedules with their next times.

    Attributes:
        read: as they are in the journal.
        until: when the first of the times is over.
        shown: for the page.
    """

    read: tuple[RequestSchedule, ...]
    until: datetime
    shown: tuple[Mapping[str, Any], ...]


_NEVER = datetime.max.replace(tzinfo=UTC)
NO_SCHEDULES = ScheduleList((), _NEVER, ())


def schedule_list(journal: Journal, before: ScheduleList) -> ScheduleList:
    """Return the schedules, or the same object while none has changed and no time is over."""
    found, now = tuple(schedules(journal)), wall_utc()
    if found == before.read and now < before.until:
        return before
    times = [None if one.paused else _next(one, now) for one in found]
    shown = tuple(_schedule(one, time) for one, time in zip(found, times, strict=True))
    return ScheduleList(found, min(filter(None, times), default=_NEVER), shown)


def _next(schedule: RequestSchedule, now: datetime) -> datetime | None:
    try:
        return schedule.times.next(now)
    except RunRefused:
        return None  # a rule of another version


def _schedule(one: RequestSchedule, time: datetime | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "sequence": one.request.sequence,
        "observatory": one.request.observatory,
        "rule": one.rule,
        "until": one.until,
        "requires": list(one.request.requires),
        "paused": one.paused,
        "next": time and time.isoformat(),
    }
