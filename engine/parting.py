"""Waiting, from another process, until a run that was asked to end has let go of its observatory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.clock import Clock, real_sleep
from safelight.engine.journal import Journal
from safelight.engine.lock import Owner, owner_of
from safelight.engine.logbook import run_page
from safelight.engine.runlist import last_lamps

__all__ = ["Parting", "parting", "wait_until_over"]

_LOOK_S = 0.1
"""How often it is looked whether the run is over, s on the wall."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How a run stands after it was asked to end.

    Attributes:
        status: its outcome, `running` (still), or `killed`.
        lamps: each lamp as journaled last.
        reason: why it did not end in done.
    """

    status: str
    lamps: Mapping[str, str]
    reason: str | None


async def wait_until_over(journal: Journal, owner: Owner, patience_s: float, tell: Callable[[str], None]) -> bool:
    """Return when the run has let go of its observatory, or its process is gone.

    Args:
        journal: where the lock is.
        owner: of the run.
        patience_s: how long to wait at most, s on the wall.
        tell: called with what is waited for, whenever that changes.

    Returns:
        Whether it is over.
    """
    clock = Clock()
    told: tuple[str, ...] = ()
    while holds(journal, owner):
        if clock.now() >= patience_s:
            return False
        at_work = _at_work(journal, owner.run)
        if at_work and at_work != told:
            tell(", ".join(at_work))
            told = at_work
        await real_sleep(_LOOK_S)
    return True


def holds(journal: Journal, owner: Owner) -> bool:
    """Whether that process still holds the observatory for that run."""
    now = owner_of(journal, owner.observatory)
    same = now is not None and (now.run, now.pid, now.host) == (owner.run, owner.pid, owner.host)
    return same and now is not None and now.alive


def _at_work(journal: Journal, run: str) -> tuple[str, ...]:
    """The states that have begun and not ended."""
    states = tables.states
    last = sa.select(sa.func.max(tables.segments.c.segment)).where(tables.segments.c.run == run).scalar_subquery()
    query = sa.select(states.c.state).where(states.c.run == run, states.c.segment == last, states.c.ended.is_(None))
    return tuple(row["state"] for row in journal.read(query.order_by(states.c.number)))


def parting(journal: Journal, owner: Owner) -> Parting:
    """How the run stands now, as journaled."""
    outcome = run_page(journal, owner.run).outcome
    segments = tables.segments
    query = sa.select(segments.c.reason).where(segments.c.run == owner.run).order_by(segments.c.segment.desc())
    rows = journal.read(query.limit(1))
    still = "running" if holds(journal, owner) else "killed"
    lamps = last_lamps(journal, [owner.run]).get(owner.run, {})
    return Parting(outcome or still, lamps, rows[0]["reason"] if rows and outcome else None)
