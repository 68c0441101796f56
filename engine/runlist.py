"""Every run that the journal knows, in a few words each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.control import running
from safelight.engine.journal import Journal
from safelight.engine.lock import Owner

__all__ = ["RunEntry", "last_lamps", "newest_run", "run_entries", "status_of"]


def status_of(outcome: str | None, owner: Owner | None) -> str:
    """How a run stands: its outcome, `running`, or `killed`.

    Args:
        outcome: as journaled; None: nobody has written one.
        owner: who holds the observatory for this run, alive; None: nobody.
    """
    if outcome is not None:
        return outcome
    return "killed" if owner is None else "running"


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run in a few words.

    Attributes:
        status: an outcome, `running` or `killed`.
        frames: good ones that the journal knows.
        lamps: as read back last; `unknown` where one was commanded on and never read back.
    """

    run: str
    sequence: str
    observatory: str
    created: str
    frames: int
    frames_asked: int
    status: str
    lamps: Mapping[str, str]

    @property
    def resumable(self) -> bool:
        """Whether something is left to do, and nobody does it."""
        return self.status not in ("done", "running")


def run_entries(journal: Journal, limit: int | None = None) -> list[RunEntry]:
    """Every run, the newest first.

    Args:
        journal: where they are written down.
        limit: so many at most.
    """
    runs = tables.runs
    query = sa.select(
        runs.c.run, runs.c.sequence, runs.c.observatory, runs.c.created, runs.c.frames_asked, runs.c.outcome
    ).order_by(runs.c.created.desc(), runs.c.run.desc())
    rows = journal.read(query.limit(limit) if limit is not None else query)
    alive = {owner.run: owner for owner in running(journal)}
    names = [row["run"] for row in rows]
    good, lamps = _good_frames(journal, names), last_lamps(journal, names)
    return [
        RunEntry(
            run=row["run"],
            sequence=row["sequence"],
            observatory=row["observatory"],
            created=row["created"],
            frames=good.get(row["run"], 0),
            frames_asked=row["frames_asked"],
            status=status_of(row["outcome"], alive.get(row["run"])),
            lamps=lamps.get(row["run"], {}),
        )
        for row in rows
    ]


def newest_run(journal: Journal) -> str | None:
    """The run that was made last."""
    query = sa.select(tables.runs.c.run).order_by(tables.runs.c.created.desc(), tables.runs.c.run.desc())
    rows = journal.read(query.limit(1))
    return rows[0]["run"] if rows else None


def _good_frames(journal: Journal, runs: Sequence[str]) -> dict[str, int]:
    frames = tables.frames
    mine = frames.c.run.in_(runs) & (frames.c.verdict == "good")
    count = sa.func.count(sa.distinct(frames.c.frame)).label("good")
    rows = journal.read(sa.select(frames.c.run, count).where(mine).group_by(frames.c.run))
    return {row["run"]: row["good"] for row in rows}


def last_lamps(journal: Journal, runs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Run -> lamp -> how it was seen last."""
    events = tables.lamp_events
    last = sa.select(sa.func.max(events.c.id)).where(events.c.run.in_(runs)).group_by(events.c.run, events.c.lamp)
    found: dict[str, dict[str, str]] = {}
    for row in journal.read(sa.select(events).where(events.c.id.in_(last)).order_by(events.c.id)):
        found.setdefault(row["run"], {})[row["lamp"]] = row["seen"] or "unknown"
    return found
