"""Queue for the page: requests that wait, that are running, and those that have ended last."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from safelight.engine.records import tables
from safelight.engine.records.database import Journal

__all__ = ["queue_view"]

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
