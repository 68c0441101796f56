"""Takeover of an observatory whose run is silent, so that the run can be resumed on another host."""

import json
from collections.abc import Mapping

import sqlalchemy as sa

from safelight.engine.clock import wall_utc
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, next_epoch, owner_of, take_away

__all__ = ["end_for"]


def end_for(journal: Journal, silent: Owner, reason: str, lamps: Mapping[str, str]) -> bool:
    """End a run for its silent owner: fence it, release its observatory, and enter the end of its segment.

    Args:
        journal: the shared journal.
        silent: the owner as it was read last. If it has given a heartbeat since, nothing is done.
        reason: why, in words.
        lamps: each lamp as read back now.

    Returns:
        Whether it was done.

    Raises:
        JournalError: the journal can't be written.
    """
    outcome = "faulted" if all(seen == "off" for seen in lamps.values()) else "unsafe"
    ended = wall_utc().isoformat(timespec="milliseconds")
    segments, runs = tables.segments.c, tables.runs.c
    unended = (segments.run == silent.run) & (segments.epoch == silent.epoch) & segments.ended.is_(None)
    with journal.alone():
        now = owner_of(journal, silent.observatory)
        if now is None or now.mark != silent.mark:
            return False
        # In the order in which the run itself writes, with the fences last, so that neither waits for the other.
        values = {"ended": ended, "outcome": outcome, "reason": reason, "lamps": json.dumps(dict(lamps))}
        if journal.write(sa.update(tables.segments).where(unended), values):
            mine = (runs.run == silent.run) & runs.outcome.is_(None)
            journal.write(sa.update(tables.runs).where(mine), {"outcome": outcome})
        take_away(journal, {silent.run}, next_epoch(journal))
    return True
