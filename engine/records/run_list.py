"""List of the runs in the journal, with a short description of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, running
from safelight.engine.records.unrecorded_endings import UnrecordedEnd, unrecorded_end

__all__ = ["RunEntry", "find_run", "last_lamps", "newest_run", "pick_run", "run_entries", "status_of"]


LAST = "last"
"""Word for the newest run, valid as a run id."""

_NAMED = 4
"""Largest number of ids in a message."""


def status_of(outcome: str | None, owner: Owner | None, end: UnrecordedEnd | None = None) -> str:
    """Return the status of a run: its outcome, `running`, `killed`, or an outcome with `not recorded`.

    Args:
        outcome: as journaled; None: there is none.
        owner: the living owner of the observatory for this run, or None.
        end: note in the run's folder of an end that could not be journaled.
    """
    if outcome is not None:
        return outcome
    if owner is not None:
        return "running"
    return "killed" if end is None else f"{end.outcome}, not recorded"


@dataclass(frozen=True, slots=True)
class RunEntry:
    """Short description of one run.

    Attributes:
        status: an outcome, `running` or `killed`.
        frames: number of good frames in the journal.
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
        """Whether frames are missing, and the run is not running."""
        return self.status not in ("done", "running")


def run_entries(journal: Journal, limit: int | None = None) -> list[RunEntry]:
    """Return every run, the newest first.

    Args:
        journal: the journal.
        limit: largest number of runs.
    """
    runs = tables.runs
    query = sa.select(
        runs.c.run,
        runs.c.sequence,
        runs.c.observatory,
        runs.c.created,
        runs.c.frames_asked,
        runs.c.outcome,
        runs.c.folder,
    ).order_by(runs.c.created.desc(), runs.c.run.desc())
    rows = journal.read(query.limit(limit) if limit is not None else query)
    alive = {owner.run: owner for owner in running(journal)}
    names = [row["run"] for row in rows]
    good, lamps = _good_frames(journal, names), last_lamps(journal, names)
    open_ended = [row for row in rows if row["outcome"] is None and row["run"] not in alive]
    ends = {row["run"]: end for row in open_ended if (end := _end_of(journal, row)) is not None}
    return [
        RunEntry(
            run=row["run"],
            sequence=row["sequence"],
            observatory=row["observatory"],
            created=row["created"],
            frames=good.get(row["run"], 0),
            frames_asked=row["frames_asked"],
            status=status_of(row["outcome"], alive.get(row["run"]), ends.get(row["run"])),
            lamps=lamps.get(row["run"], {}) | (dict(ends[row["run"]].lamps) if row["run"] in ends else {}),
        )
        for row in rows
    ]


def _end_of(journal: Journal, row: Mapping[str, Any]) -> UnrecordedEnd | None:
    """Return the note about its last segment in a run's folder."""
    mine = tables.segments.c.run == row["run"]
    last = journal.read(sa.select(sa.func.max(tables.segments.c.segment).label("last")).where(mine))[0]["last"]
    return None if last is None else unrecorded_end(Path(row["folder"]), last)


def newest_run(journal: Journal) -> str | None:
    """Return the newest run."""
    query = sa.select(tables.runs.c.run).order_by(tables.runs.c.created.desc(), tables.runs.c.run.desc())
    rows = journal.read(query.limit(1))
    return rows[0]["run"] if rows else None


def pick_run(given: str | None, names: Sequence[str], where: str) -> str:
    """Return the id of a run: the newest one, an exact id, or the only one with this beginning.

    Args:
        given: an id, the beginning of one, or `last`; None means `last`.
        names: ids of runs, the newest first.
        where: their journal or folder, for the message.

    Raises:
        RunRefused: no run matches, or several do.
    """
    if given in (None, LAST):
        if not names:
            raise RunRefused(f"there is no run in {where}")
        return names[0]
    if given in names:
        return given
    matching = [name for name in names if given and name.startswith(given)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        some = ", ".join(matching[:_NAMED]) + (", ..." if len(matching) > _NAMED else "")
        raise RunRefused(f"{len(matching)} runs in {where} begin with {given!r}: {some}. Give more of the id.")
    likely = next((name for name in names if given and given in name), None)
    hint = f"did you mean {likely}?" if likely else "`safelight runs` lists them"
    raise RunRefused(f"there is no run {given!r} in {where}; {hint}")


def find_run(journal: Journal, given: str | None = None) -> str:
    """Return the id of a run of a journal, as `pick_run` does.

    Args:
        journal: the journal.
        given: an id, the beginning of one, or `last`; None means `last`.

    Raises:
        RunRefused: no run matches, or several do.
    """
    query = sa.select(tables.runs.c.run).order_by(tables.runs.c.created.desc(), tables.runs.c.run.desc())
    if given in (None, LAST):
        query = query.limit(1)
    return pick_run(given, [row["run"] for row in journal.read(query)], f"the journal {journal}")


def _good_frames(journal: Journal, runs: Sequence[str]) -> dict[str, int]:
    frames = tables.frames
    mine = frames.c.run.in_(runs) & (frames.c.verdict == "good")
    count = sa.func.count(sa.distinct(frames.c.frame)).label("good")
    rows = journal.read(sa.select(frames.c.run, count).where(mine).group_by(frames.c.run))
    return {row["run"]: row["good"] for row in rows}


def last_lamps(journal: Journal, runs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return run -> lamp -> its last read-back state."""
    events = tables.lamp_events
    last = sa.select(sa.func.max(events.c.id)).where(events.c.run.in_(runs)).group_by(events.c.run, events.c.lamp)
    found: dict[str, dict[str, str]] = {}
    for row in journal.read(sa.select(events).where(events.c.id.in_(last)).order_by(events.c.id)):
        found.setdefault(row["run"], {})[row["lamp"]] = row["seen"] or "unknown"
    return found
