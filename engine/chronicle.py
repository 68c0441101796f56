"""What the journal tells of one run, for people who were not there: read, and put together.

`timeline.py` and `lamplog.py` say in which order things happened, this file what came of them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safelight import SafelightError
from safelight.devices import Observatory
from safelight.engine import tables
from safelight.engine.by_hand import ByHand
from safelight.engine.control import running
from safelight.engine.journal import Journal
from safelight.engine.lamplog import Burning, burnt
from safelight.engine.lock import Owner
from safelight.engine.logbook import RunPage, run_page
from safelight.engine.moment import Moment
from safelight.engine.plan import site_of
from safelight.engine.runlist import status_of
from safelight.engine.timeline import moments
from safelight.engine.wording import lamps_in_words
from safelight.sequences import expand, load_text

__all__ = ["Chronicle", "chronicle"]

Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Chronicle:
    """One run, as the journal tells it.

    Attributes:
        page: what was asked for.
        owner: the process that carries it out now; None: nobody.
        asked: the ids of all frames that the sequence asks for; None where they can't be made out any more.
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
        """Its outcome, `running` or `killed`."""
        return status_of(self.page.outcome, self.owner)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """What happened, in order."""
        return moments(
            self.segments, self.states, self.frames, self.lamp_events, self.requests, going_on=self.owner is not None
        )

    @cached_property
    def burnt(self) -> tuple[Burning, ...]:
        """When which lamp burnt."""
        return burnt(self.segments, self.states, self.lamp_events)

    @cached_property
    def lamps(self) -> dict[str, str]:
        """Each lamp as it was seen last."""
        return {row["lamp"]: row["seen"] or "unknown" for row in self.lamp_events}

    @cached_property
    def good(self) -> tuple[str, ...]:
        """The good frames, in the order in which they came."""
        return tuple(dict.fromkeys(row["frame"] for row in self.frames if row["verdict"] == "good"))

    @property
    def not_good(self) -> tuple[Row, ...]:
        """Frames that were kept aside, or went missing."""
        return tuple(row for row in self.frames if row["verdict"] != "good")

    @cached_property
    def missing(self) -> tuple[str, ...] | None:
        """The frames that are not there; None: only how many can be told."""
        good = set(self.good)
        return None if self.asked is None else tuple(frame for frame in self.asked if frame not in good)

    @property
    def frames_missing(self) -> int:
        """How many frames are not there."""
        return len(self.missing) if self.missing is not None else self.page.frames_asked - len(self.good)

    @property
    def at_work(self) -> tuple[Row, ...]:
        """What has begun in the last segment and not ended: it goes on, or nobody knows how it ended."""
        last = self.segments[-1]["segment"] if self.segments else 0
        return tuple(row for row in self.states if row["segment"] == last and row["ended"] is None)

    def next_step(self, options: str = "", home: Path | None = None) -> str:
        """What a person would do now, in one sentence.

        Args:
            options: what a command must be told to find the run again, `--home DIR`.
            home: that folder, where one was named: the simulated lamps are in it.
        """
        run = f"{self.page.run} {options}".rstrip()
        if self.owner is not None:
            return f"It is going on (process {self.owner.pid} on {self.owner.host}): `safelight pause {run}` or `abort`"
        burning = [lamp for lamp, state in self.lamps.items() if state != "off"]
        if burning:
            lamps, by_hand = ", ".join(burning), ByHand.at(self.page.observatory_source, home)
            return (
                f"See to the lamps first ({lamps}): `{by_hand.lamps('status')}`, `{by_hand.guard_status()}`; "
                f"then `safelight resume {run}`"
            )
        if self.status == "done" and not self.frames_missing:
            return "Nothing is left to do"
        return f"`safelight resume {run}`; with --dry-run it only looks at the disk and tells what it would do"

    def __repr__(self) -> str:
        """Short: a notebook keeps it beside the picture."""
        lamps = lamps_in_words(self.lamps) or "never looked at"
        return f"<run {self.page.run}: {self.status}, {len(self.good)} good frames, lamps {lamps}>"

    def _repr_html_(self) -> str:
        """In a notebook: the graph as it was walked."""
        from safelight.engine.report import picture_of_chronicle, pinned_plan  # noqa: PLC0415 - only who looks needs it

        return picture_of_chronicle(self, pinned_plan(self.page)).svg

    def as_json(self) -> dict[str, Any]:
        """All of it, plain."""
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
            "lamps_burnt": [burning.as_json() for burning in self.burnt],
            "frames": [dict(row) for row in self.frames],
            "states": [dict(row) for row in self.states],
            "lamp_events": [dict(row) for row in self.lamp_events],
            "requests": [dict(row) for row in self.requests],
        }


def chronicle(journal: Journal, run: str) -> Chronicle:
    """All that the journal knows of a run.

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
    return Chronicle(page=page, owner=owner, asked=_asked(page), **found)


def _rows(journal: Journal, table: sa.Table, run: str, *order: str) -> tuple[Row, ...]:
    query = sa.select(table).where(table.c.run == run).order_by(*(table.c[name] for name in order))
    return tuple(_plain(row) for row in journal.read(query))


def _plain(row: Row) -> Row:
    """With what has parts of its own as a value instead of JSON text."""
    texts = ((name, row[name]) for name in ("lamps", "files", "note") if row.get(name))
    return {**row, **{name: json.loads(text) for name, text in texts}}


def _asked(page: RunPage) -> tuple[str, ...] | None:
    """The frames of the pinned sequence on the pinned observatory."""
    try:
        observatory = Observatory.model_validate_json(page.observatory_text)
        site = site_of(observatory.model_copy(update={"policies": ()}), point=bool(page.options["point"]))
        document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
        return _ids(expand(document, site, page.choices).frames)
    except (SafelightError, ValueError):
        return None


def _ids(frames: Iterable[Any]) -> tuple[str, ...]:
    return tuple(frame.id for frame in frames)
