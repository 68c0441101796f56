"""On-time and ignitions of each lamp over all runs, from the lamp events of the journal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import elapsed_s
from safelight.engine.records import tables
from safelight.engine.records.database import Journal

__all__ = ["LampHours", "added_up", "lamp_hours", "rested_s"]

_WITH_RUNS = tables.lamp_events.outerjoin(tables.runs, tables.runs.c.run == tables.lamp_events.c.run)
"""Lamp events with the run to which they belong. What was done by hand while none went on has none."""


@dataclass(frozen=True, slots=True)
class LampHours:
    """What one lamp has done.

    Attributes:
        observatory: its name; empty for what was switched by hand while no run used it.
        seconds: on-time from the on command to the read-back of off, observatory seconds.
        ignitions: how often it was switched on.
        open_ends: how often nothing says when it went off: such times are not counted.
        last_on: when it was switched on last.
    """

    observatory: str
    lamp: str
    seconds: float
    ignitions: int
    open_ends: int
    last_on: str


def lamp_hours(journal: Journal) -> list[LampHours]:
    """Return every lamp that was ever switched on, by observatory and name."""
    events = tables.lamp_events.c
    columns = (events.run, events.lamp, events.action, events.seen, events.time, tables.runs.c.observatory)
    return added_up(journal.read(sa.select(*columns).select_from(_WITH_RUNS).order_by(events.id)))


def rested_s(journal: Journal, observatory: str, lamps: Iterable[str], now: str) -> dict[str, float]:
    """Return for how long each lamp that was ever lit has been off, s.

    A lamp of which nothing says when it went off counts as off from now on.

    Args:
        journal: with the runs of the observatory, and with what was done by hand.
        observatory: its name.
        lamps: those to return.
        now: the present time of the observatory, ISO 8601.
    """
    events = tables.lamp_events.c
    here = sa.or_(tables.runs.c.observatory == observatory, events.run == "")
    found: dict[str, float] = {}
    for lamp in lamps:
        mine = sa.select(events.id, events.time).select_from(_WITH_RUNS).where(here, events.lamp == lamp)
        last_on = journal.read(mine.where(events.action == "on").order_by(events.id.desc()).limit(1))
        if last_on:
            off = mine.where(events.action == "off", events.seen == "off", events.id > last_on[0]["id"])
            first_off = journal.read(off.order_by(events.id).limit(1))
            found[lamp] = elapsed_s(first_off[0]["time"], now) if first_off else 0.0
    return found


def added_up(rows: Iterable[Mapping[str, Any]]) -> list[LampHours]:
    """Add up lamp events, which come in the order in which they were written. Pure."""
    since: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], LampHours] = {}
    for row in rows:
        place = row["run"], row["lamp"]
        name = row["observatory"] or "", row["lamp"]
        known = found.get(name, LampHours(*name, 0.0, 0, 0, ""))
        if row["action"] == "on" and row["seen"] is None and place not in since:
            since[place] = row["time"]
            # Open until an off is read back.
            found[name] = LampHours(*name, known.seconds, known.ignitions + 1, known.open_ends + 1, row["time"])
        elif row["action"] == "off" and row["seen"] == "off" and place in since:
            on_s = elapsed_s(since.pop(place), row["time"])
            found[name] = LampHours(
                *name, known.seconds + on_s, known.ignitions, max(0, known.open_ends - 1), known.last_on
            )
    return [found[name] for name in sorted(found)]
