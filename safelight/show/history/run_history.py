"""History of one run, read from the journal for people who were not present.

`timeline.py` and `lamp_history.py` put events in order, and this file has the results.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safelight.devices import Observatory
from safelight.engine.command_hints import CommandHints
from safelight.engine.planning.plan import site_of
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner, running
from safelight.engine.records.run_list import status_of
from safelight.engine.records.stored_run import RunPage, run_page
from safelight.engine.records.unrecorded_endings import UnrecordedEnd, unrecorded_end
from safelight.errors import SafelightError
from safelight.representable import Representable
from safelight.sequences import expand, load_text
from safelight.show.history.entry import HistoryEntry
from safelight.show.history.lamp_history import LampOnTime, lamp_on_times
from safelight.show.history.timeline import history_entries
from safelight.text import counted, lamps_in_words

__all__ = ["RunHistory", "read_history"]

Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class RunHistory(Representable):
    """Run as recorded in the journal.

    Attributes:
        page: the stored run.
        owner: the process that executes it now, or None.
        asked: the ids of all frames of the sequence; None if they can't be computed any more.
    """

    page: RunPage
    owner: Owner | None
    segments: tuple[Row, ...]
    states: tuple[Row, ...]
    frames: tuple[Row, ...]
    lamp_events: tuple[Row, ...]
    requests: tuple[Row, ...]
    asked: tuple[str, ...] | None

    @property
    def status(self) -> str:
        """Its outcome, `running`, `killed`, or an outcome with `not recorded`."""
        return status_of(self.page.outcome, self.owner, self.unrecorded)

    @cached_property
    def unrecorded(self) -> UnrecordedEnd | None:
        """Note in the run's folder of an end that could not be journaled."""
        if self.page.outcome is not None or self.owner is not None or not self.segments:
            return None
        return unrecorded_end(self.page.folder, self.segments[-1]["segment"])

    @cached_property
    def moments(self) -> tuple[HistoryEntry, ...]:
        """Entries of the history, in order."""
        return history_entries(
            self.segments, self.states, self.frames, self.lamp_events, self.requests, going_on=self.owner is not None
        )

    @cached_property
    def on_times(self) -> tuple[LampOnTime, ...]:
        """On-times of the lamps."""
        return lamp_on_times(self.segments, self.states, self.lamp_events)

    @cached_property
    def lamps(self) -> dict[str, str]:
        """Last read-back state of each lamp."""
        seen = {row["lamp"]: row["seen"] or "unknown" for row in self.lamp_events}
        return seen | (dict(self.unrecorded.lamps) if self.unrecorded is not None else {})

    @cached_property
    def good(self) -> tuple[str, ...]:
        """Good frames, in the order in which they were taken."""
        return tuple(dict.fromkeys(row["frame"] for row in self.frames if row["verdict"] == "good"))

    @property
    def not_good(self) -> tuple[Row, ...]:
        """Frames that were kept aside, or are lost."""
        return tuple(row for row in self.frames if row["verdict"] != "good")

    @cached_property
    def missing(self) -> tuple[str, ...] | None:
        """Missing frames, or None if only their number is known."""
        good = set(self.good)
        return None if self.asked is None else tuple(frame for frame in self.asked if frame not in good)

    @property
    def frames_missing(self) -> int:
        """Number of missing frames."""
        return len(self.missing) if self.missing is not None else self.page.frames_asked - len(self.good)

    @property
    def at_work(self) -> tuple[Row, ...]:
        """States that have begun in the last segment and not ended: running, or with an unknown end."""
        last = self.segments[-1]["segment"] if self.segments else 0
        return tuple(row for row in self.states if row["segment"] == last and row["ended"] is None)

    def next_step(self, options: str = "", home: Path | None = None) -> str:
        """Return the next step for the user, in one sentence.

        Args:
            options: options with which a command finds the run again, `--state-dir DIR`.
            home: that state folder, if one was named: the simulated lamps are in it.
        """
        run = f"{self.page.run} {options}".rstrip()
        if self.owner is not None:
            return f"It is running (process {self.owner.pid} on {self.owner.host}): `safelight pause {run}` or `abort`"
        burning = [lamp for lamp, state in self.lamps.items() if state != "off"]
        if burning:
            lamps, by_hand = ", ".join(burning), CommandHints.at(self.page.observatory_source, home)
            return (
                f"See to the lamps first ({lamps}): `{by_hand.lamps('status')}`, `{by_hand.guard_status()}`; "
                f"then `safelight resume {run}`"
            )
        if self.status == "done" and not self.frames_missing:
            return "Complete"
        return f"`safelight resume {run}`; with --dry-run it only prints what it would do"

    def __repr__(self) -> str:
        """Return a short form, because a notebook keeps it together with the picture."""
        lamps = lamps_in_words(self.lamps) or "never read back"
        return f"<run {self.page.run}: {self.status}, {counted(len(self.good), 'good frame')}, lamps {lamps}>"

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        page = {name: getattr(self.page, name) for name in RunPage.__slots__}
        page |= {"folder": str(self.page.folder), "observatory_text": json.loads(self.page.observatory_text)}
        return {
            **page,
            "status": self.status,
            "owner": None if self.owner is None else {name: getattr(self.owner, name) for name in Owner.__slots__},
            "lamps": self.lamps,
            "frames_good": len(self.good),
            "missing": None if self.missing is None else list(self.missing),
            "frames_missing": self.frames_missing,
            "next": self.next_step(),
            "segments": [dict(row) for row in self.segments],
            "moments": [moment.as_json() for moment in self.moments],
            "lamps_burnt": [burning.as_json() for burning in self.on_times],
            "frames": [dict(row) for row in self.frames],
            "states": [dict(row) for row in self.states],
            "lamp_events": [dict(row) for row in self.lamp_events],
            "requests": [dict(row) for row in self.requests],
        }


def read_history(journal: Journal, run: str) -> RunHistory:
    """Read the history of a run from the journal.

    Raises:
        RunRefused: there is no such run.
    """
    page = run_page(journal, run)
    found = {
        name: _rows(journal, table, run, *order)
        for name, table, order in (
            ("segments", tables.segments, ("segment",)),
            ("states", tables.states, ("segment", "number")),
            ("frames", tables.frames, ("number",)),
            ("lamp_events", tables.lamp_events, ("id",)),
            ("requests", tables.control, ("id",)),
        )
    }
    owner = next((owner for owner in running(journal) if owner.run == run), None)
    told = RunHistory(page=page, owner=owner, asked=_asked(page), **found)
    end = told.unrecorded
    if end is None:
        return told
    return replace(told, segments=_with_end(told.segments, end), lamp_events=_with_lamps(told.lamp_events, end))


def _with_end(segments: tuple[Row, ...], end: UnrecordedEnd) -> tuple[Row, ...]:
    """Return the segments, the last one with the end from the note in its folder."""
    known = {"ended": end.ended, "outcome": end.outcome, "reason": end.reason, "lamps": dict(end.lamps)}
    return (*segments[:-1], {**segments[-1], **known})


def _with_lamps(events: tuple[Row, ...], end: UnrecordedEnd) -> tuple[Row, ...]:
    """Return the lamp events, with those of the end as a resume will enter them."""
    row = {"time": end.ended, "action": "off", "who": "runner", "why": "safing"}
    return (*events, *({**row, "lamp": lamp, "seen": seen} for lamp, seen in end.lamps.items()))


def _rows(journal: Journal, table: sa.Table, run: str, *order: str) -> tuple[Row, ...]:
    query = sa.select(table).where(table.c.run == run).order_by(*(table.c[name] for name in order))
    return tuple(_plain(row) for row in journal.read(query))


def _plain(row: Row) -> Row:
    """Return a row with values instead of JSON text."""
    texts = ((name, row[name]) for name in ("lamps", "files", "note", "light") if row.get(name))
    return {**row, **{name: json.loads(text) for name, text in texts}}


def _asked(page: RunPage) -> tuple[str, ...] | None:
    """Return the frames of the run's own sequence on its own observatory."""
    try:
        observatory = Observatory.model_validate_json(page.observatory_text)
        site = site_of(observatory.model_copy(update={"policies": ()}), point=bool(page.options["point"]))
        document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
        return _ids(expand(document, site, page.choices).frames)
    except (SafelightError, ValueError):
        return None


def _ids(frames: Iterable[Any]) -> tuple[str, ...]:
    return tuple(frame.id for frame in frames)
