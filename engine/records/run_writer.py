"""Writing of one run's records into the journal while it is running."""

import asyncio
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safelight.devices import Timekeeper
from safelight.engine.errors import in_words
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.stored_run import file_entries, light_of
from safelight.engine.records.unrecorded_endings import unrecorded_end
from safelight.engine.records.writer_thread import Entry, Writer
from safelight.states import LampOff, LampWarmup, State, TakenFrame, TimedLamp
from safelight.version import __version__

__all__ = ["SegmentRecord"]


@dataclass(slots=True)
class SegmentRecord:
    """Writer of one segment (fulfils `Record`).

    Entries are gathered here, then written and committed together. A transaction that stayed open during a wait would
    block every other writer of a shared SQLite file, including those for its lamps.

    Attributes:
        writer: the thread that writes during the run; None: the caller of `commit` writes.
    """

    journal: Journal
    run: str
    folder: Path
    clock: Timekeeper
    segment: int = 0
    writer: Writer | None = None
    _number: int = 0
    _frame_number: int = 0
    _open: dict[str, tuple[int, float]] = field(default_factory=dict)
    _gathered: list[Entry] = field(default_factory=list)

    def begin(self, graph_hash: str, observatory_hash: str, asked_by: str | None = None) -> None:
        """Enter the segment and its requester, and commit."""
        of_run = tables.segments.c.run == self.run
        last = self.journal.read(sa.select(sa.func.max(tables.segments.c.segment).label("last")).where(of_run))
        self.segment = (last[0]["last"] or 0) + 1
        mine = tables.frames.c.run == self.run
        frames = self.journal.read(sa.select(sa.func.max(tables.frames.c.number).label("last")).where(mine))
        self._frame_number = frames[0]["last"] or 0
        self._enter_unrecorded_end()
        started = self._now()
        self.journal.write(
            sa.insert(tables.segments),
            {
                "run": self.run,
                "segment": self.segment,
                "graph_hash": graph_hash,
                "observatory_hash": observatory_hash,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "started": started,
                "epoch": None if self.journal.tenure is None else self.journal.tenure.epoch,
            },
        )
        if asked_by is not None:
            # Marked handled on insert: nothing polls for it, and its time says which segment it started.
            word = "start" if self.segment == 1 else "resume"
            row = {"run": self.run, "time": started, "word": word, "who": asked_by, "obeyed": started}
            self.journal.write(sa.insert(tables.control), row)
        # A resume may name another folder.
        now = {"outcome": None, "folder": str(self.folder)}
        self.journal.write(sa.update(tables.runs).where(tables.runs.c.run == self.run), now)
        self.journal.commit()

    def _enter_unrecorded_end(self) -> None:
        """Enter the end of the previous segment, if only its folder has recorded it."""
        last = tables.segments.c
        before = (last.run == self.run) & (last.segment == self.segment - 1) & last.ended.is_(None)
        end = unrecorded_end(self.folder, self.segment - 1)
        if end is None or not self.journal.read(sa.select(last.segment).where(before)):
            return
        lamps = json.dumps(dict(end.lamps))
        values = {"ended": end.ended, "outcome": end.outcome, "reason": end.reason, "lamps": lamps}
        self.journal.write(sa.update(tables.segments).where(before), values)
        seen = [(lamp, "off", state) for lamp, state in end.lamps.items()]
        if seen:
            write_lamp_events(self.journal, self.run, seen, who="runner", why="safing", time=end.ended)

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """Record that the state's action is about to begin."""
        self._number += 1
        self._open[state.id] = (self._number, self.clock.now())
        self._gather(
            _INSERT_STATE,
            {
                "run": self.run,
                "segment": self.segment,
                "number": self._number,
                "state": state.id,
                "kind": state.kind,
                "frame": state.frame,
                "attempt": attempt,
                "intended": self._now(),
                "note": json.dumps(note) if note else None,
            },
        )

    def achieve(self, state: State) -> None:
        """Record that the state's action has been done and read back."""
        self._close(state, "done", None)
        if isinstance(state.work, LampOff):
            for lamp in state.work.lamps:
                self.lamp(lamp, "off", "off", state.id)
        elif isinstance(state.work, TimedLamp):
            self.lamp(state.work.lamp, "off", "off", state.id)
        elif isinstance(state.work, LampWarmup):
            for lamp in state.work.lamps:
                self.lamp(lamp, "on", "on", state.id)

    def fail(self, state: State, error: BaseException | None) -> None:
        """Record that the state's action has failed, or was stopped."""
        self._close(state, "stopped" if error is None else "failed", None if error is None else in_words(error))

    def _close(self, state: State, outcome: str, error: str | None) -> None:
        number, began_s = self._open.pop(state.id, (0, 0.0))
        self._gather(
            _UPDATE_STATE,
            {
                "the_run": self.run,
                "the_segment": self.segment,
                "the_number": number,
                "ended": self._now(),
                "outcome": outcome,
                "duration_s": round(self.clock.now() - began_s, 3),
                "error": error,
            },
        )

    def keep(self, taken: TakenFrame) -> None:
        """Record that a frame is on disk, good or bad."""
        self._frame_number += 1
        self._gather(
            sa.insert(tables.frames),
            {
                "run": self.run,
                "number": self._frame_number,
                "segment": self.segment,
                "frame": taken.frame,
                "attempt": taken.attempt,
                "exposure_no": taken.exposure_no,
                "verdict": taken.verdict,
                "reason": taken.reason,
                "kept": self._now(),
                "files": json.dumps(file_entries(taken, self.folder)),
                "light": None if taken.light is None else json.dumps(light_of(taken.light)),
            },
        )

    def lose(self, taken: TakenFrame, why: str) -> None:
        """Record that a good frame is not whole on disk any more."""
        mine = (tables.frames.c.run == self.run) & (tables.frames.c.frame == taken.frame)
        statement = sa.update(tables.frames).where(mine & (tables.frames.c.exposure_no == taken.exposure_no))
        self._gather(statement, {"verdict": "lost", "reason": why})

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """Record that a lamp is about to be commanded, or was read back."""
        self._gather(_INSERT_LAMP, _lamp_rows(self.run, [(lamp, action, seen)], "runner", why, self._now()))

    def finish(self, outcome: str, reason: str | None, lamps: Mapping[str, str]) -> "asyncio.Future[None] | None":
        """Enter the end of the segment and commit, as `commit` does."""
        mine = (tables.segments.c.run == self.run) & (tables.segments.c.segment == self.segment)
        values = {"ended": self._now(), "outcome": outcome, "reason": reason, "lamps": json.dumps(dict(lamps))}
        self._gather(sa.update(tables.segments).where(mine), values)
        self._gather(sa.update(tables.runs).where(tables.runs.c.run == self.run), {"outcome": outcome})
        for lamp, seen in lamps.items():
            self.lamp(lamp, "off", seen, "safing")
        return self.commit()

    def commit(self) -> "asyncio.Future[None] | None":
        """Make everything durable. Return a future to be awaited, or None if it already is."""
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return None
        if self.writer is not None:
            return self.writer.write(gathered)
        self.journal.enter(gathered)
        return None

    def _gather(self, statement: sa.Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        self._gathered.append((statement, values))

    def _now(self) -> str:
        return self.clock.utc().isoformat(timespec="milliseconds")


def write_lamp_events(
    journal: Journal, run: str, events: Iterable[tuple[str, str, str | None]], *, who: str, why: str | None, time: str
) -> None:
    """Enter (lamp, action, as read back) of one moment. `who` is runner, guard or hand."""
    journal.write(_INSERT_LAMP, _lamp_rows(run, events, who, why, time))


def _lamp_rows(
    run: str, events: Iterable[tuple[str, str, str | None]], who: str, why: str | None, time: str
) -> list[dict[str, Any]]:
    return [
        {"run": run, "time": time, "lamp": lamp, "action": action, "seen": seen, "who": who, "why": why}
        for lamp, action, seen in events
    ]


_INSERT_STATE = sa.insert(tables.states)
_INSERT_LAMP = sa.insert(tables.lamp_events)
_UPDATE_STATE = (
    sa.update(tables.states)
    .where(
        tables.states.c.run == sa.bindparam("the_run"),
        tables.states.c.segment == sa.bindparam("the_segment"),
        tables.states.c.number == sa.bindparam("the_number"),
    )
    .values(
        ended=sa.bindparam("ended"),
        outcome=sa.bindparam("outcome"),
        duration_s=sa.bindparam("duration_s"),
        error=sa.bindparam("error"),
    )
)
